#pragma once
// Certificates: what listeners prove to clients over TLS. Read with the configuration, and again
// when their files change on disk, as cert-manager and a Secret's folder change them: connections
// from then on see the new ones, without a restart or a reload. So do those that ACME gives.

#include "agent/listeners.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::agent {

/// Control thread only.
class Certificates {
public:
    /// What a file is known by: another file of the same name, or the same with other content,
    /// has another one.
    struct Identity {
        std::uint64_t device = 0;
        std::uint64_t number = 0;
        std::int64_t size = -1;  ///< -1: it is not there
        std::int64_t changed_ns = 0;
        friend bool operator==(const Identity&, const Identity&) = default;
    };
    /// A certificate as it was read.
    struct Held {
        TlsWanted wanted;
        net::TlsServer::Inside inside = net::TlsServer::Inside::dns;
        std::vector<Identity> files;  ///< that it was read from
        std::vector<Identity> seen;   ///< when it was looked last
        std::shared_ptr<const net::TlsServer> server;
    };
    /// By listener; nothing where none is wanted.
    using All = std::vector<std::optional<Held>>;

    /// `changed` is called when files were read again: terms() then has what came of it.
    Certificates(net::Loop& loop, metrics::Registry& metrics, std::function<void()> changed);

    /// Reads what is wanted; what has not changed since it was adopted is not read again, so that
    /// its sessions go on. Fails with Errc::mistakes.
    Result<All> prepare(const Listeners& listeners) const;
    /// From now on these.
    void adopt(All all, const Listeners& listeners);
    /// Those of the listeners, with what they prove.
    server::AllTerms terms() const;
    void stop() { timer_->stop(); }

private:
    void look();

    std::function<void()> changed_;
    std::unique_ptr<net::Timer> timer_;
    All all_;
    std::vector<server::Terms> terms_;
    metrics::Counter& read_again_;
    metrics::Counter& unreadable_;
};

/// What is wrong with the certificates of a configuration, for `nameplane check`; Errc::mistakes.
Status try_certificates(const std::vector<conf::ServerConfig>& servers);

}  // namespace nameplane::agent
