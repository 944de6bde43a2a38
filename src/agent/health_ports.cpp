#include "agent/health_ports.hpp"

#include "agent/http_date.hpp"
#include "agent/machine.hpp"
#include "agent/outgoing.hpp"
#include "net/loop.hpp"
#include "net/tcp.hpp"
#include "services/delta.hpp"
#include <nameplane/base/log.hpp>
#include <nameplane/services/entry.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <list>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace nameplane::agent {

namespace {

using services::ObjectKey;
using services::ServiceEntry;

/// A client that says nothing for this long is left.
constexpr std::chrono::seconds client_wait{60};
constexpr std::size_t clients_max = 1024;  ///< of all ports; the oldest makes room
constexpr std::size_t request_octets_max = 8192;
constexpr int accepts_in_a_row_max = 64;
constexpr std::chrono::milliseconds starved_pause{100};

/// Port of a Service that has one; 0 if not.
std::uint16_t health_port_of(const services::Service& service) {
    const bool asked = service.type == services::ServiceType::load_balancer &&
                       service.external_policy == services::TrafficPolicy::local &&
                       !service.headless && !service.foreign_proxy;
    return asked ? service.health_check_node_port : std::uint16_t{0};
}

/// Ready addresses on `node`: two ports of one pod count once.
std::size_t local_ready(const ServiceEntry& entry, std::string_view node, Family family) {
    std::set<IpAddress> addresses;
    for (const services::EndpointEntry& endpoint : entry.endpoints) {
        if (endpoint.address.family() != family || endpoint.ready == 0) continue;
        if (endpoint.names_only != 0) continue;
        if (!node.empty() && *endpoint.node == node) addresses.insert(endpoint.address);
    }
    return addresses.size();
}

}  // namespace

HealthPortList::HealthPortList(std::string node)
    : node_{std::move(node)}, seen_{services::Snapshot::empty()} {}

bool HealthPortList::take(const std::shared_ptr<const services::Snapshot>& snapshot) {
    if (snapshot == seen_) return false;
    bool changed = false;
    services::for_each_changed(
        *seen_, *snapshot, [&](const ServiceEntry* before, const ServiceEntry* after) {
            for (const Family family : {Family::ipv4, Family::ipv6}) {
                const bool other =
                    take(after != nullptr ? *after : *before, after != nullptr, family);
                changed = other || changed;
            }
        });
    seen_ = snapshot;
    return changed;
}

bool HealthPortList::take(const ServiceEntry& entry, bool is_there, Family family) {
    if (entry.service == nullptr) return false;
    const services::Service& service = *entry.service;
    const HealthPortKey key{service.key, family};
    const bool has_family = std::ranges::any_of(
        service.cluster_ips, [&](const IpAddress& ip) { return ip.family() == family; });
    const std::uint16_t port = is_there && has_family ? health_port_of(service) : std::uint16_t{0};
    if (port == 0) return ports_.erase(key) != 0;
    const HealthPort next{.port = port, .local_endpoints = local_ready(entry, node_, family)};
    HealthPort& known = ports_[key];
    return !(std::exchange(known, next) == next);
}

std::vector<IpAddress> addresses_of(const HealthPortKey& key, const HealthPortMap& all,
                                    const HealthPlaces& places, bool has_ipv6) {
    const HealthAddresses& own = places.of(key.family);
    if (!own.everywhere) return own.addresses;
    const Family other = key.family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
    std::vector<IpAddress> addresses;
    for (const Family family : {key.family, other}) {
        if (family == Family::ipv6 && !has_ipv6) continue;
        if (family == other && all.contains({key.service, other})) continue;
        addresses.push_back(*IpAddress::parse(family == Family::ipv4 ? "0.0.0.0" : "::"));
    }
    return addresses;
}

struct HealthPorts::State {
    /// One connection.
    struct Client {
        net::TcpStream stream;
        HealthPortKey key;
        std::string request;
        std::size_t body = 0;  // octets of a body that are still to come
        Outgoing answer;
        bool last = false;  ///< closed after this answer
        std::unique_ptr<net::FdWatch> watch;
        std::unique_ptr<net::Timer> patience;
    };
    using Clients = std::list<Client>;
    struct Listener {
        net::TcpListener socket;
        std::unique_ptr<net::FdWatch> watch;
    };
    struct Served {
        HealthPort port;
        std::vector<IpAddress> addresses;
        std::vector<Listener> listeners;  // none: it cannot be bound yet
        bool told = false;                // that it cannot
    };

    std::function<bool()> proxy_healthy;
    std::chrono::milliseconds retry;
    const bool has_ipv6 = net::has_ipv6();
    const std::size_t most = share_of_descriptors(clients_max, 8);
    net::Loop loop;
    // Only on the loop's thread.
    std::map<HealthPortKey, Served> served;
    Clients clients;
    std::unique_ptr<net::Timer> retry_timer = loop.timer([this] { try_again(); });
    std::unique_ptr<net::Timer> starved = loop.timer([this] { look_again(); });
    std::thread thread;

    State(std::function<bool()> healthy, std::chrono::milliseconds again)
        : proxy_healthy{std::move(healthy)}, retry{again} {
        thread = std::thread{[this] { loop.run(); }};
    }
    ~State() {
        // By a job: a stop before the loop runs would be lost.
        loop.post([this] { loop.stop(); });
        thread.join();
        retry_timer.reset();
        starved.reset();
        clients.clear();
        served.clear();
    }

    void set(const HealthPortMap& ports, const HealthPlaces& places) {
        // What goes away goes first: its port may be another Service's now.
        std::erase_if(served, [&](const auto& one) {
            const auto wanted = ports.find(one.first);
            if (wanted != ports.end() && wanted->second.port == one.second.port.port &&
                addresses_of(one.first, ports, places, has_ipv6) == one.second.addresses) {
                return false;
            }
            std::erase_if(clients, [&](const Client& client) { return client.key == one.first; });
            return true;
        });
        for (const auto& [key, port] : ports) {
            const auto [place, is_new] = served.try_emplace(key);
            place->second.port = port;
            if (is_new) place->second.addresses = addresses_of(key, ports, places, has_ipv6);
        }
        try_again();
    }

    void try_again() {
        bool all = true;
        for (auto& [key, service] : served) {
            if (service.listeners.empty() && !service.addresses.empty()) {
                all = listen(key, service) && all;
            }
        }
        if (all) {
            retry_timer->stop();
        } else {
            retry_timer->start(retry);
        }
    }

    bool listen(const HealthPortKey& key, Served& service) {
        std::vector<net::TcpListener> bound;
        for (const IpAddress& address : service.addresses) {
            auto one = net::TcpListener::bind({address, service.port.port}, net::Share::first);
            if (!one) {
                if (!std::exchange(service.told, true)) {
                    NP_LOG_WARNING("health_port.refused", "service",
                                   key.service.ns + "/" + key.service.name, "port",
                                   service.port.port, "error", one.error());
                }
                return false;
            }
            bound.push_back(std::move(*one));
        }
        for (net::TcpListener& socket : bound) {
            service.listeners.push_back({std::move(socket), nullptr});
        }
        for (Listener& listener : service.listeners) {
            listener.watch =
                loop.watch(listener.socket.fd(),
                           [this, key, at = &listener](bool, bool) { accept(key, *at); });
            listener.watch->start(true, false);
        }
        if (std::exchange(service.told, false)) {
            NP_LOG_INFO("health_port.bound", "service", key.service.ns + "/" + key.service.name,
                        "port", service.port.port);
        }
        return true;
    }

    void accept(const HealthPortKey& key, Listener& listener) {
        for (int i = 0; i < accepts_in_a_row_max; ++i) {
            net::Accepted accepted = listener.socket.accept();
            if (accepted.status == net::AcceptStatus::none) return;
            if (accepted.status == net::AcceptStatus::starved) {
                // Who waits keeps the listener readable: make room, or look away for a while.
                if (clients.empty()) return look_away(listener);
                clients.pop_front();
                continue;
            }
            if (clients.size() >= most) clients.pop_front();
            clients.push_back({.stream = std::move(*accepted.stream), .key = key});
            const auto client = std::prev(clients.end());
            client->watch =
                loop.watch(client->stream.fd(), [this, client](bool, bool) { go_on(client); });
            client->patience = loop.timer([this, client] { clients.erase(client); });
            client->patience->start(client_wait);
            client->watch->start(true, false);
        }
    }

    void look_away(Listener& listener) {
        listener.watch->stop();
        starved->start(starved_pause);
    }
    void look_again() {
        for (auto& [key, service] : served) {
            for (Listener& listener : service.listeners) listener.watch->start(true, false);
        }
    }

    // Answers, in order, whatever is there; erases the client when it is over.
    void go_on(Clients::iterator client) {
        for (;;) {
            if (client->answer.empty()) {
                const bool whole = has_request(*client) || read(*client);
                if (!whole) break;
                if (!has_request(*client)) return client->watch->start(true, false);
                answer(*client);
            }
            const net::Io wrote = client->answer.write(client->stream);
            if (wrote == net::Io::later) return client->watch->start(false, true);
            if (wrote != net::Io::some || client->last) break;
            client->patience->start(client_wait);
        }
        clients.erase(client);
    }

    static void drop_body(Client& client) {
        const std::size_t size = std::min(client.body, client.request.size());
        client.request.erase(0, size);
        client.body -= size;
    }
    static std::size_t end_of_request(const Client& client) {
        const std::size_t crlf = client.request.find("\r\n\r\n");
        return crlf == std::string::npos ? crlf : crlf + 4;
    }
    static bool has_request(const Client& client) {
        return end_of_request(client) != std::string::npos;
    }

    // False: the client is gone, or says too much.
    static bool read(Client& client) {
        std::array<std::uint8_t, 2048> room{};
        while (!has_request(client)) {
            const net::IoResult got = client.stream.read(room);
            if (got.io == net::Io::later) return true;
            if (got.io != net::Io::some) return false;
            client.request.append(reinterpret_cast<const char*>(room.data()), got.octets);
            drop_body(client);
            if (client.request.size() > request_octets_max) return false;
        }
        return true;
    }

    void answer(Client& client) {
        const std::size_t end = end_of_request(client);
        const auto service = served.find(client.key);
        const std::size_t local =
            service == served.end() ? 0 : service->second.port.local_endpoints;
        HealthReply reply = health_reply(std::string_view{client.request}.substr(0, end),
                                         client.key.service, local, proxy_healthy(), http_date());
        client.request.erase(0, end);
        client.body = reply.body;
        drop_body(client);
        client.answer.text = std::move(reply.text);
        client.last = reply.close;
    }
};

HealthPorts::HealthPorts(std::function<bool()> proxy_healthy, std::chrono::milliseconds retry)
    : state_{std::make_unique<State>(std::move(proxy_healthy), retry)} {}

HealthPorts::~HealthPorts() = default;

void HealthPorts::set(HealthPortMap ports, HealthPlaces places) {
    State& all = *state_;
    all.loop.post(
        [&all, ports = std::move(ports), places = std::move(places)] { all.set(ports, places); });
}

}  // namespace nameplane::agent
