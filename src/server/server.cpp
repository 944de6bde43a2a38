#include "server/server.hpp"

#include "server/worker.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace nameplane::server {

namespace {

constexpr int free_port_attempts_max = 50;

/// An address with its place in ServerOptions::listen.
struct Place {
    SocketAddress address;
    std::size_t listener;
};

/// The sockets of all workers, in the order: for each worker, for each place.
struct Sockets {
    std::vector<net::UdpSocket> udp;
    std::vector<net::TcpListener> tcp;
};

std::size_t answer_octets(const ServerOptions& options) noexcept {
    return std::max<std::size_t>(options.udp_size_max, 512);
}

Status bind_one(Sockets& sockets, const SocketAddress& local, net::Share share,
                std::size_t udp_octets) {
    Result<net::UdpSocket> udp = net::UdpSocket::bind(local, share, udp_octets);
    if (!udp) return udp.error();
    const SocketAddress same{local.address, udp->local().port};
    Result<net::TcpListener> tcp = net::TcpListener::bind(same, share);
    if (!tcp) return std::move(tcp.error()).within("TCP");
    sockets.udp.push_back(std::move(*udp));
    sockets.tcp.push_back(std::move(*tcp));
    return {};
}

/// One attempt; port 0 becomes the port that the first such socket got.
Result<Sockets> bind_all(const ServerOptions& options, const std::vector<Place>& places) {
    Sockets sockets;
    std::uint16_t free_port = 0;
    for (std::size_t worker = 0; worker < options.workers; ++worker) {
        const net::Share share = worker == 0 ? net::Share::first : net::Share::also;
        for (const Place& place : places) {
            const bool any_port = place.address.port == 0;
            const SocketAddress wanted{place.address.address,
                                       any_port ? free_port : place.address.port};
            Status bound = bind_one(sockets, wanted, share, answer_octets(options));
            if (!bound) return bound.error();
            if (any_port) free_port = sockets.udp.back().local().port;
        }
    }
    return sockets;
}

/// Without IPv6 in the kernel "::" means nothing; listening on the rest is what was meant.
std::vector<Place> usable(const std::vector<SocketAddress>& listen) {
    std::vector<Place> out;
    for (std::size_t i = 0; i < listen.size(); ++i) {
        const IpAddress& address = listen[i].address;
        if (std::ranges::find(out, listen[i], &Place::address) != out.end()) continue;
        if (address.is_v6() && address.is_unspecified() && listen.size() > 1 && !net::has_ipv6()) {
            NP_LOG_WARNING("server.no_ipv6", "address", address);
            continue;
        }
        out.push_back({listen[i], i});
    }
    return out;
}

Status check(const ServerOptions& options, const metrics::Registry& metrics) {
    if (options.listen.empty()) return Error{Errc::invalid, "no address to listen on"};
    if (options.workers == 0) return Error{Errc::invalid, "no workers"};
    if (options.workers > metrics.workers()) {
        return Error{Errc::invalid, std::to_string(options.workers) + " workers, but metrics for " +
                                        std::to_string(metrics.workers())};
    }
    return {};
}

}  // namespace

struct Server::State {
    State(const ServerOptions& given, metrics::Registry& metrics)
        : options{given}, oddities{metrics}, budget{given.tcp_connections_max, given.workers} {}

    ServerOptions options;
    Oddities oddities;
    TcpBudget budget;
    std::vector<std::optional<SocketAddress>> bound;  // by listener
    std::uint16_t port = 0;                           // of the first one
    std::vector<std::unique_ptr<Worker>> workers;     // all are joined before the first one goes

    void join() {
        for (const auto& worker : workers) worker->join();
    }
};

Server::Server(std::unique_ptr<State> state) : state_{std::move(state)} {}

Server::~Server() {
    drain(std::chrono::milliseconds{0});
}

Result<std::unique_ptr<Server>> Server::bind(ServerOptions options,
                                             const Published<chain::Chains>& chains,
                                             const Published<services::Snapshot>& snapshots,
                                             metrics::Registry& metrics) {
    if (Status checked = check(options, metrics); !checked) return checked.error();
    const std::vector<Place> places = usable(options.listen);
    const bool any_port =
        std::ranges::any_of(places, [](const Place& place) { return place.address.port == 0; });
    Result<Sockets> sockets = bind_all(options, places);
    // A port that is free for UDP may be taken for TCP, or on another address.
    for (int i = 1; i < free_port_attempts_max && !sockets && any_port &&
                    sockets.error().code == Errc::conflict;
         ++i) {
        sockets = bind_all(options, places);
    }
    if (!sockets) return sockets.error();

    auto state = std::make_unique<State>(options, metrics);
    state->port = sockets->udp.front().local().port;
    state->bound.resize(options.listen.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
        state->bound[places[i].listener] = sockets->udp[i].local();
    }
    auto udp = sockets->udp.begin();
    auto tcp = sockets->tcp.begin();
    for (std::size_t number = 0; number < options.workers; ++number) {
        auto worker =
            std::make_unique<Worker>(Worker::Parts{.number = number,
                                                   .limits = {.udp_size_max = options.udp_size_max},
                                                   .tcp_idle = options.tcp_idle,
                                                   .oddities = state->oddities,
                                                   .chains = chains,
                                                   .snapshots = snapshots,
                                                   .budget = state->budget,
                                                   .all = state->workers});
        for (const Place& place : places) {
            worker->add(std::move(*udp++), place.listener);
            worker->add(std::move(*tcp++), place.listener);
        }
        state->workers.push_back(std::move(worker));
    }
    return std::unique_ptr<Server>{new Server{std::move(state)}};
}

void Server::start() {
    for (const auto& worker : state_->workers) worker->start();
}

void Server::drain(std::chrono::milliseconds grace) {
    for (const auto& worker : state_->workers) worker->drain(grace);
    state_->join();
}

std::vector<std::optional<SocketAddress>> Server::bound() const {
    return state_->bound;
}

std::uint16_t Server::port() const noexcept {
    return state_->port;
}

}  // namespace nameplane::server
