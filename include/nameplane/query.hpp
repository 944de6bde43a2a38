#pragma once
// Query: one question on its way through a chain, with all that a plugin may use to answer it.

#include <nameplane/base/arena.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/services/view.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace nameplane {

enum class Transport : std::uint8_t { udp, tcp };

/// Lives on a worker until its answer is sent. Used by that worker only.
class Query {
public:
    struct Parts {
        dns::NameView name;   ///< lower case
        dns::NameView asked;  ///< case as asked
        dns::Type type = dns::Type::a;
        dns::Class klass = dns::Class::in;
        bool recursion_desired = false;
        bool checking_disabled = false;
        bool dnssec_ok = false;
        bool has_edns = false;
        std::span<const std::uint8_t> edns_options;
        SocketAddress client;
        SocketAddress server;
        Transport transport = Transport::udp;
        std::size_t worker = 0;
        services::ServiceView services;
        Arena* arena = nullptr;
    };
    explicit Query(const Parts& parts) noexcept : parts_{parts} {}

    /// The name in lower case; a plugin uses this very view as the owner of its answers, so that
    /// the client sees the case it asked in.
    dns::NameView name() const noexcept { return parts_.name; }
    dns::NameView name_as_asked() const noexcept { return parts_.asked; }
    dns::Type type() const noexcept { return parts_.type; }
    dns::Class klass() const noexcept { return parts_.klass; }
    bool recursion_desired() const noexcept { return parts_.recursion_desired; }
    bool checking_disabled() const noexcept { return parts_.checking_disabled; }
    bool dnssec_ok() const noexcept { return parts_.dnssec_ok; }
    bool has_edns() const noexcept { return parts_.has_edns; }
    std::span<const std::uint8_t> edns_options() const noexcept { return parts_.edns_options; }
    const SocketAddress& client() const noexcept { return parts_.client; }
    /// The address and port that the query came to.
    const SocketAddress& server() const noexcept { return parts_.server; }
    Transport transport() const noexcept { return parts_.transport; }
    /// This worker's number, from 0: the index into WorkerLocal and Counter.
    std::size_t worker() const noexcept { return parts_.worker; }
    /// The service cache as this batch of queries sees it.
    const services::ServiceView& services() const noexcept { return parts_.services; }
    /// Memory until the answer is sent.
    Arena& arena() noexcept { return *parts_.arena; }

    /// For a plugin that asks the ones behind it something else. `name` is lower case and lives
    /// until the answer is sent. The client's question stays what it was; the plugin puts the old
    /// name back on the way out.
    void ask_instead(dns::NameView name, dns::Type type) noexcept {
        parts_.name = name;
        parts_.type = type;
    }

private:
    Parts parts_;
};

}  // namespace nameplane
