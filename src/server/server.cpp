#include "server/server.hpp"

#include "server/worker.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace nameplane::server {

namespace {

constexpr int free_port_attempts_max = 50;

/// An address with its place in ServerOptions::listen.
struct Place {
    SocketAddress address;
    Protocol protocol;
    std::size_t listener;
};

/// The sockets of all workers, in the order: for each worker, for each place.
struct Sockets {
    std::vector<std::optional<net::UdpSocket>> udp;  // of Protocol::dns
    std::vector<net::TcpListener> tcp;
};

std::size_t answer_octets(const ServerOptions& options) noexcept {
    return std::max<std::size_t>(options.udp_size_max, 512);
}

Status bind_one(Sockets& sockets, SocketAddress local, Protocol protocol, net::Share share,
                std::size_t udp_octets) {
    std::optional<net::UdpSocket> datagrams;
    if (protocol == Protocol::dns) {
        Result<net::UdpSocket> udp = net::UdpSocket::bind(local, share, udp_octets);
        if (!udp) return udp.error();
        local.port = udp->local().port;
        datagrams = std::move(*udp);
    }
    Result<net::TcpListener> tcp = net::TcpListener::bind(local, share);
    if (!tcp) return std::move(tcp.error()).within("TCP");
    sockets.udp.push_back(std::move(datagrams));
    sockets.tcp.push_back(std::move(*tcp));
    return {};
}

/// One attempt; port 0 becomes the port that the first such socket of its protocol got.
Result<Sockets> bind_all(const ServerOptions& options, const std::vector<Place>& places) {
    Sockets sockets;
    std::array<std::uint16_t, 3> free_ports{};
    for (std::size_t worker = 0; worker < options.workers; ++worker) {
        for (const Place& place : places) {
            const bool any_port = place.address.port == 0;
            const bool alone = worker == 0 && (any_port || !options.share_ports);
            const net::Share share = alone ? net::Share::first : net::Share::also;
            std::uint16_t& free_port = free_ports[static_cast<std::size_t>(place.protocol)];
            const SocketAddress wanted{place.address.address,
                                       any_port ? free_port : place.address.port};
            Status bound = bind_one(sockets, wanted, place.protocol, share, answer_octets(options));
            if (!bound) return bound.error();
            if (any_port) free_port = sockets.tcp.back().local().port;
        }
    }
    return sockets;
}

/// Without IPv6 in the kernel "::" means nothing; listening on the rest is what was meant.
std::vector<Place> usable(const std::vector<ListenAt>& listen) {
    std::vector<Place> out;
    for (std::size_t i = 0; i < listen.size(); ++i) {
        const auto [at, protocol, label] = listen[i];
        const IpAddress& address = at.address;
        const bool is_known = std::ranges::any_of(out, [&](const Place& place) {
            return place.address == at && place.protocol == protocol;
        });
        if (is_known) continue;
        if (address.is_v6() && address.is_unspecified() && listen.size() > 1 && !net::has_ipv6()) {
            NP_LOG_WARNING("server.no_ipv6", "address", address);
            continue;
        }
        out.push_back({at, protocol, i});
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
        : options{given}, oddities{metrics}, counts{metrics},
          terms{std::make_shared<const AllTerms>(given.terms)}, budget{given.tcp_connections_max,
                                                                       given.workers} {
        for (const ListenAt& listener : given.listen) {
            counts.https.push_back(listener.protocol == Protocol::https
                                       ? std::make_unique<HttpsCounts>(metrics, listener.label)
                                       : nullptr);
        }
    }

    ServerOptions options;
    Oddities oddities;
    TcpCounts counts;
    Published<AllTerms> terms;
    TcpBudget budget;
    std::vector<std::optional<SocketAddress>> bound;  // by listener
    std::array<std::uint16_t, 3> ports{};             // of the first one of each protocol
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
    state->bound.resize(options.listen.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
        const SocketAddress local = sockets->tcp[i].local();
        state->bound[places[i].listener] = local;
        std::uint16_t& port = state->ports[static_cast<std::size_t>(places[i].protocol)];
        if (port == 0) port = local.port;
    }
    auto udp = sockets->udp.begin();
    auto tcp = sockets->tcp.begin();
    for (std::size_t number = 0; number < options.workers; ++number) {
        auto worker =
            std::make_unique<Worker>(Worker::Parts{.number = number,
                                                   .limits = {.udp_size_max = options.udp_size_max},
                                                   .terms = state->terms,
                                                   .counts = state->counts,
                                                   .oddities = state->oddities,
                                                   .chains = chains,
                                                   .snapshots = snapshots,
                                                   .budget = state->budget,
                                                   .profile = options.profile,
                                                   .all = state->workers});
        for (const Place& place : places) {
            if (*udp) worker->add(std::move(**udp), place.listener);
            ++udp;
            worker->add(std::move(*tcp++), place.listener, place.protocol);
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

void Server::use(AllTerms terms) {
    state_->terms.publish(std::make_shared<const AllTerms>(std::move(terms)));
}

void Server::sweep() {
    state_->terms.sweep();
}

std::uint16_t Server::port(Protocol protocol) const noexcept {
    return state_->ports[static_cast<std::size_t>(protocol)];
}

}  // namespace nameplane::server
