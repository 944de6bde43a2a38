#pragma once
// Terms: how connections to a listener are treated. They may change while the server runs; a
// connection keeps those that it began under.

#include "net/tls.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace nameplane::server {

/// What is spoken at a listener: by UDP and TCP as it is (RFC 1035), or by TCP only, over TLS
/// (RFC 7858) or as HTTP (RFC 8484).
enum class Protocol : std::uint8_t { dns, tls, https };

struct Terms {
    /// From accepting to the first whole query, a handshake included.
    std::chrono::milliseconds read{3'000};
    /// Answers are taken in this.
    std::chrono::milliseconds write{5'000};
    /// From one query to the next.
    std::chrono::milliseconds idle{10'000};
    std::uint32_t queries_max = 0;  ///< of one connection; 0: any number
    /// What we prove; nullptr: not encrypted, whatever the protocol.
    std::shared_ptr<const net::TlsServer> tls{};
    /// HTTPS connections of the listener at the same time, over all workers; 0: any number.
    std::size_t https_connections_max = 200;
};

/// By listener; those behind the end have the usual ones.
struct AllTerms {
    Terms usual;
    std::vector<Terms> listeners;

    const Terms& of(std::size_t listener) const noexcept {
        return listener < listeners.size() ? listeners[listener] : usual;
    }
};

}  // namespace nameplane::server
