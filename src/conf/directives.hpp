#pragma once
// directives: those of a server block that are no link of a chain: they say where it is served, or
// set the agent up. And those of CoreDNS that this version refuses by name.

#include "conf/config.hpp"
#include "conf/tables.hpp"

#include <chrono>
#include <span>
#include <string_view>

namespace nameplane::conf {

/// bind, cancel, debug, health, https, multisocket, pprof, prometheus, ready, reload, root, shed,
/// timeouts, tls.
std::span<const OptionTable> directive_tables() noexcept;

/// The least that `timeouts` takes, as in CoreDNS; `tcp_idle` of the agent may be less.
inline constexpr std::chrono::milliseconds timeout_min{1000};

/// Of `tls { acme ... }`, where the options `ca` and `storage` are not given.
inline constexpr std::string_view lets_encrypt = "https://acme-v02.api.letsencrypt.org/directory";
inline constexpr std::string_view acme_storage = ".coredns/acme";

/// For the words of `tls { client_auth WORD }`.
ClientAuth client_auth(std::string_view word) noexcept;
std::string_view client_auth_word(ClientAuth wanted) noexcept;

/// Why a directive that CoreDNS knows is not served; empty: CoreDNS does not know it either.
std::string_view why_not_served(std::string_view directive) noexcept;

}  // namespace nameplane::conf
