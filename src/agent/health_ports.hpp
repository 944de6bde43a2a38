#pragma once
// health_ports: what load balancers ask a node about a Service with externalTrafficPolicy Local:
// whether it has ready endpoints here. Listeners for each healthCheckNodePort, all on one thread.

#include "services/snapshot.hpp"
#include <nameplane/base/ip.hpp>

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::agent {

/// A Service in one of its families: as in kube-proxy, each has a count of its own.
struct HealthPortKey {
    services::ObjectKey service;
    Family family = Family::ipv4;
    friend auto operator<=>(const HealthPortKey&, const HealthPortKey&) = default;
};
struct HealthPort {
    std::uint16_t port = 0;
    std::size_t local_endpoints = 0;  ///< ready ones
    friend bool operator==(const HealthPort&, const HealthPort&) = default;
};
using HealthPortMap = std::map<HealthPortKey, HealthPort>;

/// Follows the snapshots: which Services have such a port. One thread.
class HealthPortList {
public:
    /// `node`: the name of this machine's Node.
    explicit HealthPortList(std::string node);
    /// Whether anything changed.
    bool take(const std::shared_ptr<const services::Snapshot>& snapshot);
    const HealthPortMap& ports() const noexcept { return ports_; }

private:
    bool take(const services::ServiceEntry& entry, bool is_there, Family family);

    std::string node_;
    std::shared_ptr<const services::Snapshot> seen_;
    HealthPortMap ports_;
};

/// Where the ports of a family are bound: at these addresses, or at all of the machine.
struct HealthAddresses {
    bool everywhere = true;
    std::vector<IpAddress> addresses;
    friend bool operator==(const HealthAddresses&, const HealthAddresses&) = default;
};
struct HealthPlaces {
    HealthAddresses ipv4;
    HealthAddresses ipv6;
    const HealthAddresses& of(Family family) const noexcept {
        return family == Family::ipv4 ? ipv4 : ipv6;
    }
    friend bool operator==(const HealthPlaces&, const HealthPlaces&) = default;
};

/// Addresses on which the port of `key` is bound. A Service of one family answers everywhere by
/// both, if it answers everywhere.
std::vector<IpAddress> addresses_of(const HealthPortKey& key, const HealthPortMap& all,
                                    const HealthPlaces& places, bool has_ipv6);

/// What a request, whole to its empty line, is answered.
struct HealthReply {
    std::string text;
    bool close = true;     ///< nothing more is read from this client
    std::size_t body = 0;  ///< octets behind the request that belong to it and say nothing
};
/// As the server of kube-proxy words it, headers and their order included; `date` is that of the
/// answer.
HealthReply health_reply(std::string_view request, const services::ObjectKey& service,
                         std::size_t local_endpoints, bool proxy_healthy, std::string_view date);

class HealthPorts {
public:
    /// `proxy_healthy` is called on the thread of the listeners. Ports that are taken are tried
    /// again every `retry`.
    explicit HealthPorts(std::function<bool()> proxy_healthy,
                         std::chrono::milliseconds retry = std::chrono::seconds{5});
    /// Closes everything.
    ~HealthPorts();

    /// From now on these ports answer, and no others; those that are there and stay are not closed.
    /// A port that cannot be bound is logged once, and tried again. Any thread.
    void set(HealthPortMap ports, HealthPlaces places);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::agent
