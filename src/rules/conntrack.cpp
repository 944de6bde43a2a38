#include "rules/conntrack.hpp"

#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>

namespace nameplane::rules {
namespace {

using Endpoints = std::vector<SocketAddress>;
using Frontends = std::map<FlowTarget, Endpoints>;

Endpoints endpoints_of(const PortPlan& port) {
    Endpoints all;
    for (const auto* list :
         {&port.cluster_endpoints, &port.local_endpoints, &port.kept_endpoints}) {
        for (const PlanEndpoint& endpoint : *list) all.push_back({endpoint.address, endpoint.port});
    }
    std::ranges::sort(all);
    const auto repeated = std::ranges::unique(all);
    all.erase(repeated.begin(), repeated.end());
    return all;
}

/// Adds every address at which `port` is reached. Two ports at one address (one Service changed,
/// the other took over the address) share their endpoints: nothing alive is ever forgotten.
void add_frontends(const PortPlan& port, Family family, std::span<const IpAddress> node_addresses,
                   Frontends& frontends) {
    if (!outlives_endpoint(port.protocol)) return;
    const Endpoints endpoints = endpoints_of(port);
    const auto add = [&](const IpAddress& address, std::uint16_t number) {
        if (address.family() != family) return;
        Endpoints& known = frontends[{port.protocol, {address, number}}];
        Endpoints both;
        std::ranges::set_union(known, endpoints, std::back_inserter(both));
        known = std::move(both);
    };
    add(port.cluster_ip, port.port);
    for (const IpAddress& address : port.external_ips) add(address, port.port);
    for (const IpAddress& address : port.load_balancer_ips) add(address, port.port);
    if (port.node_port == 0) return;
    for (const IpAddress& address : node_addresses) add(address, port.node_port);
}

/// The frontends of those Services of `plan` that are not the same object in `other`.
Frontends differing_frontends(const Plan& plan, const Plan* other,
                              std::span<const IpAddress> node_addresses) {
    std::unordered_set<const ServicePlan*> same;
    if (other != nullptr) {
        for (const auto& service : other->services) same.insert(service.get());
    }
    Frontends frontends;
    for (const auto& service : plan.services) {
        if (same.contains(service.get())) continue;
        for (const PortPlan& port : service->ports) {
            add_frontends(port, plan.settings.family, node_addresses, frontends);
        }
    }
    return frontends;
}

/// Whether flows can have been made that `now` does not stand for.
bool may_be_stale(const Endpoints* before, const Endpoints& now) {
    if (before == nullptr || before->empty()) return true;
    return !std::ranges::includes(now, *before);
}

struct HandleCloser {
    void operator()(nfct_handle* handle) const noexcept { nfct_close(handle); }
};
using Handle = std::unique_ptr<nfct_handle, HandleCloser>;
struct ConntrackDestroyer {
    void operator()(nf_conntrack* entry) const noexcept { nfct_destroy(entry); }
};
using Conntrack = std::unique_ptr<nf_conntrack, ConntrackDestroyer>;

std::uint16_t port_of(const nf_conntrack* entry, nf_conntrack_attr attribute) {
    return ntohs(nfct_get_attr_u16(entry, attribute));
}

SocketAddress address_of(const nf_conntrack* entry, Family family, nf_conntrack_attr v4,
                         nf_conntrack_attr v6, nf_conntrack_attr port) {
    const bool is_v4 = family == Family::ipv4;
    const auto* octets = static_cast<const std::uint8_t*>(nfct_get_attr(entry, is_v4 ? v4 : v6));
    if (octets == nullptr) return {};
    const auto address = IpAddress::from_bytes({octets, is_v4 ? 4U : 16U});
    return {address.value_or(IpAddress{}), port_of(entry, port)};
}

std::optional<services::Protocol> protocol_of(const nf_conntrack* entry) {
    switch (nfct_get_attr_u8(entry, ATTR_ORIG_L4PROTO)) {
    case IPPROTO_UDP: return services::Protocol::udp;
    case IPPROTO_SCTP: return services::Protocol::sctp;
    default: return std::nullopt;
    }
}

/// What the dump's callback sees.
struct Search {
    Family family;
    std::span<const FlowFrontend> candidates;
    std::vector<Conntrack> stale;

    void look_at(const nf_conntrack* entry) {
        const auto protocol = protocol_of(entry);
        if (!protocol) return;
        const SocketAddress destination =
            address_of(entry, family, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST, ATTR_ORIG_PORT_DST);
        const SocketAddress reply_source =
            address_of(entry, family, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, ATTR_REPL_PORT_SRC);
        if (!is_stale(candidates, {*protocol, destination}, reply_source)) return;
        // Kept whole: its id is part of the delete, so that a newer flow with the same addresses
        // is not the one to go.
        stale.emplace_back(nfct_clone(entry));
    }
};

int on_entry(nf_conntrack_msg_type, nf_conntrack* entry, void* search) {
    static_cast<Search*>(search)->look_at(entry);
    return NFCT_CB_CONTINUE;
}

Status dump(nfct_handle* handle, Family family, Search& search) {
    std::unique_ptr<nfct_filter_dump, void (*)(nfct_filter_dump*)> filter{nfct_filter_dump_create(),
                                                                          nfct_filter_dump_destroy};
    nfct_filter_dump_set_attr_u8(filter.get(), NFCT_FILTER_DUMP_L3NUM,
                                 family == Family::ipv4 ? AF_INET : AF_INET6);
    nfct_callback_register(handle, NFCT_T_ALL, on_entry, &search);
    const int read = nfct_query(handle, NFCT_Q_DUMP_FILTER, filter.get());
    const int reason = errno;
    nfct_callback_unregister(handle);
    if (read < 0) return errno_error(reason, "read conntrack");
    return {};
}

/// How many of them there still were.
Result<std::size_t> remove(nfct_handle* handle, std::span<const Conntrack> entries) {
    std::size_t removed = 0;
    for (const Conntrack& entry : entries) {
        if (nfct_query(handle, NFCT_Q_DESTROY, entry.get()) == 0) {
            ++removed;
        } else if (errno != ENOENT) {  // gone by itself meanwhile
            return errno_error(errno, "delete from conntrack");
        }
    }
    return removed;
}

}  // namespace

std::vector<FlowFrontend> stale_candidates(const Plan* before, const Plan& after,
                                           std::span<const IpAddress> node_addresses) {
    const Frontends now = differing_frontends(after, before, node_addresses);
    Frontends then;
    if (before != nullptr) then = differing_frontends(*before, &after, node_addresses);
    std::vector<FlowFrontend> candidates;
    for (const auto& [target, endpoints] : now) {
        const auto old = then.find(target);
        if (may_be_stale(old == then.end() ? nullptr : &old->second, endpoints)) {
            candidates.push_back({target, endpoints});
        }
    }
    return candidates;
}

bool is_stale(std::span<const FlowFrontend> candidates, const FlowTarget& target,
              const SocketAddress& reply_source) noexcept {
    const auto found = std::ranges::lower_bound(candidates, target, {}, &FlowFrontend::target);
    if (found == candidates.end() || found->target != target) return false;
    return !std::ranges::binary_search(found->endpoints, reply_source);
}

struct FlowTable::Socket {
    Handle handle;
};

FlowTable::FlowTable() = default;
FlowTable::~FlowTable() = default;

Status FlowTable::open() {
    if (socket_) return {};
    Handle handle{nfct_open(CONNTRACK, 0)};
    if (!handle) return errno_error(errno, "open conntrack");
    socket_ = std::make_unique<Socket>(std::move(handle));
    return {};
}

Result<std::size_t> FlowTable::forget_stale(Family family,
                                            std::span<const FlowFrontend> candidates) {
    if (candidates.empty()) return std::size_t{0};
    if (Status opened = open(); !opened) return std::move(opened).error();
    Search search{.family = family, .candidates = candidates, .stale = {}};
    Status read = dump(socket_->handle.get(), family, search);
    Result<std::size_t> forgotten = std::size_t{0};
    if (read) {
        forgotten = remove(socket_->handle.get(), search.stale);
    } else {
        forgotten = std::move(read).error();
    }
    // Answers may still lie in it.
    if (!forgotten) socket_.reset();
    return forgotten;
}

}  // namespace nameplane::rules
