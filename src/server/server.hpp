#pragma once
// Server: sockets and workers. Each worker is a thread with its own loop, its own UDP sockets
// (SO_REUSEPORT), its own TCP listeners and its own view of chains and services; workers share
// nothing that is written.

#include "base/published.hpp"
#include "chain/builder.hpp"
#include "server/terms.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::chain {
class Profile;
}

namespace nameplane::server {

/// An address and what is spoken there.
struct ListenAt {
    ListenAt(const SocketAddress& at, Protocol spoken = Protocol::dns, std::string called = {})
        : address{at}, protocol{spoken}, label{std::move(called)} {}
    SocketAddress address;
    Protocol protocol;
    std::string label;  ///< what the label "server" of metrics says
    friend bool operator==(const ListenAt&, const ListenAt&) = default;
};

struct ServerOptions {
    /// A listener each, by whose place here the chains know it. Port 0: any free one, the same for
    /// all with that protocol that have none (tests).
    std::vector<ListenAt> listen;
    std::size_t workers = 1;
    std::uint16_t udp_size_max = 1232;
    AllTerms terms{};
    std::size_t tcp_connections_max = 1000;  ///< over all workers
    chain::Profile* profile = nullptr;       ///< outlives the server; nullptr: nothing is timed
    /// Whether another process of ours may have the same ports, and get a part of the queries.
    bool share_ports = false;
};

/// Made, started and stopped on the control thread.
class Server {
public:
    /// Binds everything, so that errors come before the first answer: "bind 0.0.0.0:53: ...".
    static Result<std::unique_ptr<Server>> bind(ServerOptions options,
                                                const Published<chain::Chains>& chains,
                                                const Published<services::Snapshot>& snapshots,
                                                metrics::Registry& metrics);
    ~Server();

    void start();
    /// For connections from now on.
    void use(AllTerms terms);
    /// Lets go of terms that no worker holds any more; call it now and then.
    void sweep();
    /// Answers what was received, closes idle TCP connections at once and busy ones after their
    /// answer (at most `grace`), joins the workers.
    void drain(std::chrono::milliseconds grace);
    /// The port that was bound by the first listener with this protocol; 0: there is none.
    std::uint16_t port(Protocol protocol = Protocol::dns) const noexcept;
    /// What was bound, by listener; nothing for those that this machine cannot have.
    std::vector<std::optional<SocketAddress>> bound() const;

private:
    struct State;
    explicit Server(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::server
