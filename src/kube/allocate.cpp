#include "kube/allocate.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace nameplane::kube {
namespace {

using services::ObjectKey;
using services::Protocol;
using services::Service;
using services::ServicePort;
using services::ServiceType;

using NodePort = std::pair<Protocol, std::uint16_t>;

/// Lower part of a range that is given last, so that addresses chosen by hand seldom collide.
constexpr std::uint64_t reserved_addresses_max = 256;
constexpr std::uint64_t reserved_share = 16;
/// A range is searched no further; enough for every size that fits in memory.
constexpr std::uint64_t addresses_tried_max = 1U << 24U;

std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    // FNV's low bits are weak for short texts; the finish of splitmix64 spreads them.
    hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9;
    hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111eb;
    return hash ^ (hash >> 31U);
}

std::string title(const ObjectKey& key) {
    return to_string(ObjectId{services::Kind::service, key});
}

std::string upper(Protocol protocol) {
    switch (protocol) {
    case Protocol::tcp: return "TCP";
    case Protocol::udp: return "UDP";
    case Protocol::sctp: return "SCTP";
    }
    return {};
}

bool wants_node_ports(const ServiceSource& source) {
    return source.service.type == ServiceType::node_port ||
           (source.service.type == ServiceType::load_balancer && source.allocate_node_ports);
}

bool may_have_node_ports(const Service& service) {
    return service.type == ServiceType::node_port || service.type == ServiceType::load_balancer;
}

bool wants_health_port(const Service& service) {
    return service.type == ServiceType::load_balancer &&
           service.external_policy == services::TrafficPolicy::local;
}

bool has_cluster_ip(const Service& service) {
    return !service.headless && service.type != ServiceType::external_name;
}

/// Who holds which address and port.
struct Ledger {
    std::unordered_map<IpAddress, const ObjectKey*> addresses;
    std::map<NodePort, const ObjectKey*> ports;

    const ObjectKey* holder(const IpAddress& address) const {
        const auto found = addresses.find(address);
        return found == addresses.end() ? nullptr : found->second;
    }
    const ObjectKey* holder(const NodePort& port) const {
        const auto found = ports.find(port);
        return found == ports.end() ? nullptr : found->second;
    }
    bool free_for(const auto& thing, const ObjectKey& key) const {
        const ObjectKey* other = holder(thing);
        return other == nullptr || *other == key;
    }
};

class Allocator {
public:
    Allocator(const std::map<ObjectKey, ServiceSource>& services, const Memory& before,
              const AllocateOptions& options)
        : sources_{services}, before_{before}, options_{options} {}

    Allocation run() {
        for (const auto& [key, source] : sources_) prepare(key, source);
        for (Work& work : work_) hold_remembered(work);
        for (Work& work : work_) claim_written(work);
        for (Work& work : work_) keep_refused(work);
        for (Work& work : work_)
            if (!work.refused) fill(work);
        for (Work& work : work_) finish(work);
        std::ranges::sort(out_.choices);
        return std::move(out_);
    }

private:
    struct Work {
        const ObjectKey* key;
        const ServiceSource* source;
        const Given* before;
        Service service;
        bool refused = false;
        std::vector<Choice> choices;
        std::vector<IpAddress> new_addresses;
        std::vector<NodePort> new_ports;
    };

    const Cidr* range(Family family) const {
        const auto found = std::ranges::find(options_.service_cidrs, family, &Cidr::family);
        return found == options_.service_cidrs.end() ? nullptr : &*found;
    }

    void prepare(const ObjectKey& key, const ServiceSource& source) {
        const auto remembered = before_.find(key);
        Work work{.key = &key,
                  .source = &source,
                  .before = remembered == before_.end() ? nullptr : &remembered->second,
                  .service = source.service};
        if (!may_have_node_ports(work.service))
            for (ServicePort& port : work.service.ports) port.node_port = 0;
        if (!wants_health_port(work.service)) work.service.health_check_node_port = 0;
        for (ServicePort& port : work.service.ports)
            if (port.target.number == 0 && port.target.name.empty()) port.target.number = port.port;
        work_.push_back(std::move(work));
        choose_families(work_.back());
    }

    /// Which families the Service shall have, first the main one.
    void choose_families(Work& work) {
        Service& service = work.service;
        if (service.type == ServiceType::external_name) return;
        std::vector<Family> families = service.families;
        for (const IpAddress& ip : service.cluster_ips)
            if (std::ranges::find(families, ip.family()) == families.end())
                families.push_back(ip.family());
        if (families.empty())
            families.push_back(options_.service_cidrs.empty()
                                   ? Family::ipv4
                                   : options_.service_cidrs.front().family());
        const Family other = families.front() == Family::ipv4 ? Family::ipv6 : Family::ipv4;
        if (families.size() == 1 && service.dual_stack && range(other) != nullptr)
            families.push_back(other);
        const bool asked_two = work.source->family_policy == FamilyPolicy::require_dual;
        if (asked_two && families.size() < 2)
            return refuse(work, "ipFamilyPolicy RequireDualStack, but no service_cidr for " +
                                    std::string{to_string(other)} +
                                    ", expected one of each family");
        const bool one_only = work.source->family_policy == FamilyPolicy::single;
        if (one_only && families.size() > 1)
            return refuse(work, "ipFamilyPolicy SingleStack with two families, expected one");
        service.families = std::move(families);
    }

    /// First come those that keep what they have.
    void hold_remembered(Work& work) {
        if (work.refused || work.before == nullptr) return;
        const Service& service = work.service;
        for (const IpAddress& ip : work.before->addresses) {
            const bool written =
                std::ranges::find(service.cluster_ips, ip) != service.cluster_ips.end();
            if (written || (lacks(work, ip.family()) && may_give(ip)))
                ledger_.addresses.try_emplace(ip, work.key);
        }
        for (const Given::Port& given : work.before->ports) {
            const ServicePort* port = port_of(service, given);
            if (port == nullptr) continue;
            const bool wanted =
                wants_node_ports(*work.source) && port->node_port == 0 && in_range(given.node_port);
            if (port->node_port == given.node_port || wanted)
                ledger_.ports.try_emplace({given.protocol, given.node_port}, work.key);
        }
        const std::uint16_t health = work.before->health_check_port;
        const std::uint16_t written = service.health_check_node_port;
        if (health != 0 && wants_health_port(service) &&
            (written == health || (written == 0 && in_range(health))))
            ledger_.ports.try_emplace({Protocol::tcp, health}, work.key);
    }

    /// Then what the manifests name, all of a Service or nothing.
    void claim_written(Work& work) {
        if (work.refused) return;
        const Service& service = work.service;
        for (const IpAddress& ip : service.cluster_ips) {
            const Cidr* cidr = range(ip.family());
            if (cidr != nullptr && cidr->contains(ip) && !usable(*cidr, ip))
                return refuse(work, "clusterIP " + ip.to_string() + " is at the edge of " +
                                        cidr->to_string() + ", expected one inside");
            if (!ledger_.free_for(ip, *work.key))
                return refuse_taken(work, "clusterIP " + ip.to_string(), *ledger_.holder(ip));
        }
        for (const NodePort& port : written_ports(service))
            if (!ledger_.free_for(port, *work.key))
                return refuse_taken(
                    work, "node port " + std::to_string(port.second) + "/" + upper(port.first),
                    *ledger_.holder(port));
        for (const IpAddress& ip : service.cluster_ips) ledger_.addresses.try_emplace(ip, work.key);
        for (const NodePort& port : written_ports(service))
            ledger_.ports.try_emplace(port, work.key);
    }

    static std::vector<NodePort> written_ports(const Service& service) {
        std::vector<NodePort> ports;
        for (const ServicePort& port : service.ports)
            if (port.node_port != 0) ports.emplace_back(port.protocol, port.node_port);
        if (service.health_check_node_port != 0)
            ports.emplace_back(Protocol::tcp, service.health_check_node_port);
        return ports;
    }

    /// A refused Service goes on with its last state if nobody has taken any of it meanwhile.
    void keep_refused(Work& work) {
        if (!work.refused || work.before == nullptr) return;
        const Given& before = *work.before;
        bool free = std::ranges::all_of(
            before.addresses, [&](const IpAddress& ip) { return ledger_.free_for(ip, *work.key); });
        for (const Given::Port& port : before.ports)
            free = free && ledger_.free_for(NodePort{port.protocol, port.node_port}, *work.key);
        const NodePort health{Protocol::tcp, before.health_check_port};
        free = free && (health.second == 0 || ledger_.free_for(health, *work.key));
        if (!free) return;
        for (const IpAddress& ip : before.addresses) ledger_.addresses.try_emplace(ip, work.key);
        for (const Given::Port& port : before.ports)
            ledger_.ports.try_emplace({port.protocol, port.node_port}, work.key);
        if (health.second != 0) ledger_.ports.try_emplace(health, work.key);
        out_.memory[*work.key] = before;
        out_.kept.push_back(*work.key);
    }

    /// Last, what nobody named.
    void fill(Work& work) {
        if (has_cluster_ip(work.service)) fill_addresses(work);
        if (!work.refused && wants_node_ports(*work.source)) fill_ports(work);
        if (!work.refused && wants_health_port(work.service) &&
            work.service.health_check_node_port == 0)
            fill_health_port(work);
        if (work.refused) release(work);
    }

    void fill_addresses(Work& work) {
        std::vector<IpAddress> addresses;
        for (const Family family : work.service.families) {
            const auto own =
                std::ranges::find(work.service.cluster_ips, family, &IpAddress::family);
            if (own != work.service.cluster_ips.end()) {
                addresses.push_back(*own);
                continue;
            }
            const auto given = give_address(work, family);
            if (!given) return;
            work.choices.push_back({title(*work.key), "clusterIP " + given->to_string()});
            addresses.push_back(*given);
        }
        work.service.cluster_ips = std::move(addresses);
    }

    std::optional<IpAddress> give_address(Work& work, Family family) {
        if (work.before != nullptr)
            for (const IpAddress& ip : work.before->addresses)
                if (const auto* holder = ledger_.holder(ip);
                    ip.family() == family && holder == work.key)
                    return ip;
        const Cidr* cidr = range(family);
        if (cidr == nullptr) {
            refuse(work, "no clusterIP and no service_cidr for " + std::string{to_string(family)} +
                             ", expected one of them");
            return std::nullopt;
        }
        std::optional<IpAddress> free;
        if (!full_.contains(family)) free = free_address(*cidr, *work.key);
        if (!free) {
            full_.insert(family);
            refuse(work, "no address left in " + cidr->to_string() +
                             ", expected a larger service_cidr or fewer Services");
            return std::nullopt;
        }
        ledger_.addresses.emplace(*free, work.key);
        work.new_addresses.push_back(*free);
        return free;
    }

    /// Offsets that may be given: not the network's own address, nor in IPv4 its broadcast.
    static std::pair<std::uint64_t, std::uint64_t> usable_offsets(const Cidr& cidr) {
        const std::uint64_t size = cidr.size();
        const std::uint64_t end = cidr.family() == Family::ipv4 ? size - 1 : size;
        return {1, std::max<std::uint64_t>(end, 1)};
    }

    static bool usable(const Cidr& cidr, const IpAddress& ip) {
        if (!cidr.contains(ip) || ip == cidr.address()) return false;
        return cidr.family() == Family::ipv6 || ip != cidr.at(cidr.size() - 1);
    }

    bool may_give(const IpAddress& ip) const {
        const Cidr* cidr = range(ip.family());
        return cidr != nullptr && usable(*cidr, ip);
    }

    std::optional<IpAddress> free_address(const Cidr& cidr, const ObjectKey& key) const {
        const auto [begin, end] = usable_offsets(cidr);
        const std::uint64_t reserved =
            std::min(reserved_addresses_max, cidr.size() / reserved_share);
        const std::uint64_t middle = std::min(begin + reserved, end);
        const std::uint64_t hash = hash_of(key.ns + '/' + key.name);
        const auto search = [&](std::uint64_t from, std::uint64_t to) -> std::optional<IpAddress> {
            const std::uint64_t size = to - from;
            const std::uint64_t tries = std::min(size, addresses_tried_max);
            for (std::uint64_t i = 0; i < tries; ++i) {
                const IpAddress ip = cidr.at(from + (hash % size + i) % size);
                if (ledger_.holder(ip) == nullptr) return ip;
            }
            return std::nullopt;
        };
        auto upper_part = search(middle, end);
        return upper_part ? upper_part : search(begin, middle);
    }

    bool in_range(std::uint16_t port) const {
        return port >= options_.node_ports.first && port <= options_.node_ports.last;
    }

    void fill_ports(Work& work) {
        for (ServicePort& port : work.service.ports) {
            if (port.node_port != 0) continue;
            port.node_port = give_port(work, port.protocol, remembered(work, port),
                                       "/" + std::to_string(port.port));
            if (port.node_port == 0) return;
            work.choices.push_back({title(*work.key), "nodePort " + std::to_string(port.node_port) +
                                                          " for port " + std::to_string(port.port) +
                                                          "/" + upper(port.protocol)});
        }
    }

    void fill_health_port(Work& work) {
        const std::uint16_t last = work.before == nullptr ? 0 : work.before->health_check_port;
        const std::uint16_t port = give_port(work, Protocol::tcp, last, "/health");
        work.service.health_check_node_port = port;
        if (port != 0)
            work.choices.push_back(
                {title(*work.key), "healthCheckNodePort " + std::to_string(port)});
    }

    static std::uint16_t remembered(const Work& work, const ServicePort& port) {
        if (work.before == nullptr) return 0;
        for (const Given::Port& given : work.before->ports)
            if (given.protocol == port.protocol && given.port == port.port) return given.node_port;
        return 0;
    }

    /// The same number for both protocols of one Service port, unless one is taken.
    std::uint16_t give_port(Work& work, Protocol protocol, std::uint16_t last,
                            const std::string& what) {
        if (last != 0 && ledger_.holder(NodePort{protocol, last}) == work.key) return last;
        const auto [first, end] = options_.node_ports;
        const std::uint32_t size = first == 0 || end < first ? 0 : end - first + 1U;
        const std::uint64_t hash = hash_of(work.key->ns + '/' + work.key->name + what);
        for (std::uint32_t i = 0; i < size; ++i) {
            const auto port = static_cast<std::uint16_t>(first + (hash % size + i) % size);
            if (!ledger_.ports.try_emplace({protocol, port}, work.key).second) continue;
            work.new_ports.emplace_back(protocol, port);
            return port;
        }
        refuse(work, "no " + upper(protocol) + " node port left in " + std::to_string(first) + "-" +
                         std::to_string(end) + ", expected a larger range or fewer Services");
        return 0;
    }

    bool lacks(const Work& work, Family family) const {
        const Service& service = work.service;
        return has_cluster_ip(service) &&
               std::ranges::find(service.families, family) != service.families.end() &&
               std::ranges::find(service.cluster_ips, family, &IpAddress::family) ==
                   service.cluster_ips.end();
    }

    static const ServicePort* port_of(const Service& service, const Given::Port& given) {
        const auto found = std::ranges::find_if(service.ports, [&](const ServicePort& port) {
            return port.protocol == given.protocol && port.port == given.port;
        });
        return found == service.ports.end() ? nullptr : &*found;
    }

    void refuse(Work& work, const std::string& why) {
        work.refused = true;
        out_.problems.push_back(work.source->place() + ": " + title(*work.key) + ": " + why);
    }

    void refuse_taken(Work& work, const std::string& what, const ObjectKey& holder) {
        refuse(work, what + " is taken by " + title(holder) + " (" + sources_.at(holder).place() +
                         "), expected one that is free");
    }

    /// Gives back what a Service got before a range ran out.
    void release(Work& work) {
        for (const IpAddress& ip : work.new_addresses) ledger_.addresses.erase(ip);
        for (const NodePort& port : work.new_ports) ledger_.ports.erase(port);
        if (!work.new_addresses.empty()) full_.clear();
        keep_refused(work);
    }

    void finish(Work& work) {
        if (work.refused) return;
        Given given{.addresses = work.service.cluster_ips,
                    .health_check_port = work.service.health_check_node_port};
        for (const ServicePort& port : work.service.ports)
            if (port.node_port != 0)
                given.ports.push_back({port.protocol, port.port, port.node_port});
        if (!given.empty()) out_.memory[*work.key] = std::move(given);
        out_.choices.insert(out_.choices.end(), work.choices.begin(), work.choices.end());
        out_.services.emplace(*work.key, std::move(work.service));
    }

    const std::map<ObjectKey, ServiceSource>& sources_;
    const Memory& before_;
    const AllocateOptions& options_;
    std::vector<Work> work_;
    Ledger ledger_;
    std::set<Family> full_;
    Allocation out_;
};

}  // namespace

Allocation allocate(const std::map<ObjectKey, ServiceSource>& services, const Memory& before,
                    const AllocateOptions& options) {
    return Allocator{services, before, options}.run();
}

}  // namespace nameplane::kube
