#include "rules/nftables/update.hpp"

#include "rules/nftables/compare.hpp"
#include "rules/nftables/encode.hpp"
#include "rules/protocol.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace nameplane::rules::nftables {
namespace {

// --- from plan to plan ---

/// Services that only one of two plans has. Most stand at the same place in both.
struct Difference {
    std::vector<const ServicePlan*> gone;
    std::vector<const ServicePlan*> come;
};

Difference difference(const Plan& before, const Plan& after) {
    const auto [old_begin, new_begin] = std::ranges::mismatch(before.services, after.services);
    auto old_end = before.services.end();
    auto new_end = after.services.end();
    while (old_end != old_begin && new_end != new_begin && *(old_end - 1) == *(new_end - 1)) {
        --old_end;
        --new_end;
    }
    std::unordered_set<const ServicePlan*> kept;
    for (auto at = old_begin; at != old_end; ++at) kept.insert(at->get());
    Difference difference;
    for (auto at = new_begin; at != new_end; ++at) {
        if (kept.erase(at->get()) == 0) difference.come.push_back(at->get());
    }
    for (auto at = old_begin; at != old_end; ++at) {
        if (kept.contains(at->get())) difference.gone.push_back(at->get());
    }
    return difference;
}

std::vector<Element> elements_of(const Place& place, const std::optional<Claim>& claim) {
    std::vector<Element> elements;
    if (!claim) return elements;
    render_frontend(*claim->port,
                    {.kind = claim->kind,
                     .protocol = place.protocol,
                     .port = place.port,
                     .address = place.address},
                    claim->number, [&](const Element& element) { elements.push_back(element); });
    return elements;
}

std::vector<Element> affinity_of(const PortPlan* port, std::uint32_t number) {
    std::vector<Element> elements;
    if (port == nullptr) return elements;
    render_affinity(*port, number, [&](const Element& element) { elements.push_back(element); });
    return elements;
}

/// Turns the elements of one place from `before` to `after`.
void change(Update& update, Usage& usage, const std::vector<Element>& before,
            const std::vector<Element>& after) {
    std::unordered_map<std::uint64_t, std::uint64_t> wanted;
    for (const Element& element : after) {
        const Fingerprint print = fingerprint(element);
        wanted.emplace(print.key, print.value);
    }
    for (const Element& element : before) {
        const Fingerprint print = fingerprint(element);
        const auto found = wanted.find(print.key);
        if (found != wanted.end() && found->second == print.value) {
            wanted.erase(found);
            continue;
        }
        update.remove(element);
        usage.count(element, -1);
    }
    for (const Element& element : after) {
        if (!wanted.contains(fingerprint(element).key)) continue;
        update.add(element);
        usage.count(element, 1);
    }
}

void change_shared(Update& update, MapId map, const IpAddress& address,
                   const Content::Changes::Shared& shared, bool is) {
    if (shared.was == is) return;
    Element element{.map = map};
    element.key.add(address);
    if (map == MapId::hairpin_connections) element.key.add(address);
    if (is) {
        const bool cluster_ip = map == MapId::cluster_ips;
        element.name = cluster_ip ? shared.port->service() : hairpin_comment;
        update.add(element);
    } else {
        update.remove(element);
    }
}

/// Whether affinity may have noted an endpoint that it must not lead to any more.
bool loses_sticky(const PortPlan* before, const PortPlan* after) {
    if (before == nullptr) return false;
    return after == nullptr || before->name != after->name || before->protocol != after->protocol ||
           before->cluster_endpoints != after->cluster_endpoints ||
           before->local_endpoints != after->local_endpoints;
}

/// The chains that differ, by what they hold.
void change_chains(Update& update, const Plan& old_plan, const Usage& before, const Plan& plan,
                   const Usage& after) {
    if (old_plan.service_ranges == plan.service_ranges && before.picks() == after.picks() &&
        before.timeouts() == after.timeouts())
        return;
    const Family family = plan.settings.family;
    std::map<std::string, Chain> old;
    for (Chain& chain : chains_for(old_plan, before)) old.emplace(chain.name, std::move(chain));
    std::vector<Chain> fresh;
    std::vector<Chain> changed;
    for (Chain& chain : chains_for(plan, after)) {
        const auto found = old.find(chain.name);
        if (found == old.end()) {
            fresh.push_back(std::move(chain));
            continue;
        }
        const bool same = fingerprints(found->second, family) == fingerprints(chain, family);
        old.erase(found);
        if (!same) changed.push_back(std::move(chain));
    }
    update.add_chains(fresh);
    for (const Chain& chain : changed) {
        flush_chain(update.frame(), family, chain.name);
        add_rules(update.frame(), family, chain);
    }
    for (const auto& [name, chain] : old) update.remove_chain(name);
}

// --- from the kernel to the plan ---

bool same_chain(const Chain& wanted, const KernelChain& chain) {
    if (wanted.base.has_value() != chain.is_base) return false;
    return !chain.is_base || (chain.accepts && *wanted.base == chain.base);
}

/// Whether the table can become ours by adding and removing. If a set or hook of ours is another
/// one there, the table is made anew.
bool can_stay(const KernelTable& table, const std::vector<Chain>& chains, Family family) {
    if (!table.exists) return false;
    for (const MapInfo& map : all_maps()) {
        const auto found = table.sets.find(std::string{map.name});
        if (found != table.sets.end() && found->second != expected_set(map, family)) return false;
    }
    return std::ranges::all_of(chains, [&](const Chain& chain) {
        const auto found = table.chains.find(chain.name);
        return found == table.chains.end() || same_chain(chain, found->second);
    });
}

/// Chains and rules that the kernel has otherwise.
void change_chains(Update& update, const std::vector<Chain>& chains, const KernelTable& table,
                   Family family) {
    std::set<std::string> unknown;
    for (const auto& [name, chain] : table.chains) unknown.insert(name);
    std::vector<Chain> fresh;
    std::vector<const Chain*> changed;
    for (const Chain& chain : chains) {
        if (unknown.erase(chain.name) == 0) {
            fresh.push_back(chain);
            continue;
        }
        const auto has = table.rules.find(chain.name);
        const std::vector<std::string> none;
        if ((has == table.rules.end() ? none : has->second) != fingerprints(chain, family)) {
            changed.push_back(&chain);
        }
    }
    // What others put there may keep a chain busy: first all rules go.
    for (const Chain* chain : changed) flush_chain(update.frame(), family, chain->name);
    for (const std::string& name : unknown) flush_chain(update.frame(), family, name);
    update.add_chains(fresh);
    for (const Chain* chain : changed) add_rules(update.frame(), family, *chain);
    for (const std::string& name : unknown) update.remove_chain(name);
}

void change_sets(Update& update, const KernelTable& table, Family family) {
    std::set<std::string> unknown;
    for (const auto& [name, set] : table.sets) unknown.insert(name);
    for (const MapInfo& map : all_maps()) {
        if (unknown.erase(std::string{map.name}) == 0) add_map(update.frame(), family, map);
    }
    for (const std::string& name : unknown) update.remove_set(name);
}

void replace_elements(Update& update, const Plan& plan, Content& content,
                      const KernelTable& table) {
    for (const MapInfo& map : all_maps()) {
        if (!map.dynamic && table.sets.contains(std::string{map.name})) update.remove_all(map.id);
    }
    for_each_element(plan, content, [&](const Element& element) { update.add(element); });
}

// --- affinity ---

/// What an element of an affinity map says.
struct Remembered {
    std::uint32_t number = 0;
    std::uint8_t protocol = 0;
    PlanEndpoint endpoint;

    static std::optional<Remembered> read(const KernelElement& element, Family family) {
        const std::size_t ip = family == Family::ipv4 ? 4 : 16;
        if (element.key.size() != ip + 8 || element.data.size() != ip + 4) return {};
        Remembered read;
        std::memcpy(&read.number, element.key.data() + ip, sizeof read.number);
        read.protocol = element.key[ip + 4];
        read.endpoint.address = *IpAddress::from_bytes(element.data.first(ip));
        read.endpoint.port =
            static_cast<std::uint16_t>(element.data[ip] * 256 + element.data[ip + 1]);
        return read;
    }
};

bool has(const std::vector<PlanEndpoint>& endpoints, const PlanEndpoint& endpoint) {
    return std::ranges::any_of(endpoints, [&](const PlanEndpoint& each) {
        return each.address == endpoint.address && each.port == endpoint.port;
    });
}

/// Whether what is remembered may still be used by who asks that map.
bool is_good(MapId map, const KernelElement& element, Family family, const Content& content) {
    const auto remembered = Remembered::read(element, family);
    if (!remembered) return false;
    const PortPlan* port = content.owner(remembered->number);
    if (port == nullptr || protocol_number(port->protocol) != remembered->protocol) return false;
    if (map == MapId::affinity && has(port->cluster_endpoints, remembered->endpoint)) return true;
    return has(port->local_endpoints, remembered->endpoint);
}

/// Removes what one map remembers of endpoints that `content` does not have.
Status purge(Netlink& netlink, Family family, MapId map, const Content& content) {
    constexpr int attempts_max = 5;
    Status purged;
    // What clients bring in while we look is found by looking again.
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        ElementMessages stale{family, false};
        auto listed = list_elements(netlink, family, map, [&](const auto& element) {
            if (!is_good(map, element, family, content)) {
                stale.put(map, element.key, element.key_end);
            }
        });
        if (!listed) return listed;
        if (stale.count() == 0) return {};
        Batch batch;
        stale.move_to(batch);
        purged = netlink.commit(batch);
        if (!purged && purged.error().code != Errc::not_found) return purged;
    }
    return purged;
}

}  // namespace

void Update::add_chains(const std::vector<Chain>& chains) {
    for (const Chain& chain : chains) add_chain(frame_, family_, chain);
    for (const Chain& chain : chains) add_rules(frame_, family_, chain);
    chains_come_ += chains.size();
}

void Update::remove_chain(const std::string& chain) {
    chains_gone_.push_back(chain);
}

void Update::remove_set(const std::string& set) {
    sets_gone_.push_back(set);
}

bool Update::empty() const {
    return frame_.empty() && elements() == 0 && chains_gone_.empty() && sets_gone_.empty();
}

Status Update::commit(Netlink& netlink) {
    Batch batch = std::move(frame_);
    gone_.move_to(batch);
    come_.move_to(batch);
    const std::size_t without_removals = batch.seal();
    for (const std::string& chain : chains_gone_) flush_chain(batch, family_, chain);
    // An element of theirs may lead to a chain of theirs.
    for (const std::string& set : sets_gone_) delete_set(batch, family_, set);
    for (const std::string& chain : chains_gone_) delete_chain(batch, family_, chain);
    ++transactions_;
    auto done = netlink.commit(batch);
    if (done || without_removals == 0 || (chains_gone_.empty() && sets_gone_.empty())) return done;
    batch.truncate(without_removals);
    return netlink.commit(batch);
}

Applied Update::applied() const {
    return {.chains_written = chains_come_ + chains_gone_.size(),
            .rules_written = elements(),
            .wrote = transactions_ != 0};
}

Update update_changes(const Plan& before, const Plan& after, Content& content, Usage& usage) {
    Update update{after.settings.family};
    const Difference services = difference(before, after);
    Content::Changes changes;
    for (const ServicePlan* service : services.gone) {
        for (const PortPlan& port : service->ports) content.remove(port, &changes);
    }
    for (const ServicePlan* service : services.come) {
        for (const PortPlan& port : service->ports) content.add(port, &changes);
    }
    const Usage usage_before = usage;
    for (const auto& [place, old] : changes.places) {
        const std::optional<Claim> now = content.winner(place);
        change(update, usage, elements_of(place, old), elements_of(place, now));
    }
    for (const auto& [number, old] : changes.numbers) {
        const PortPlan* now = content.owner(number);
        change(update, usage, affinity_of(old, number), affinity_of(now, number));
        update.sticky_gone = update.sticky_gone || loses_sticky(old, now);
    }
    for (const auto& [address, shared] : changes.cluster_ips) {
        change_shared(update, MapId::cluster_ips, address, shared, content.has_cluster_ip(address));
    }
    for (const auto& [address, shared] : changes.hairpins) {
        change_shared(update, MapId::hairpin_connections, address, shared,
                      content.has_hairpin(address));
    }
    change_chains(update, before, usage_before, after, usage);
    return update;
}

Result<Update> update_whole(Netlink& netlink, const Plan& plan, Content& content, Usage& usage,
                            const KernelTable& table, Listing listing) {
    const Family family = plan.settings.family;
    Update update{family};
    usage = {};
    for_each_element(plan, content, [&](const Element& element) { usage.count(element, 1); });
    const std::vector<Chain> chains = chains_for(plan, usage);
    if (can_stay(table, chains, family)) {
        if (table.dormant) add_table(update.frame(), family);
        change_sets(update, table, family);
        change_chains(update, chains, table, family);
        auto compared = compare_by_asking(netlink, update, plan, content, table);
        if (!compared) return std::move(compared).error();
        if (*compared) return update;
        if (listing == Listing::replace) {
            replace_elements(update, plan, content, table);
            return update;
        }
        auto listed = compare_by_listing(netlink, update, plan, content, table);
        if (!listed) return std::move(listed).error();
        return update;
    }
    if (table.exists) delete_table(update.frame(), family);
    add_table(update.frame(), family);
    for (const MapInfo& map : all_maps()) add_map(update.frame(), family, map);
    update.add_chains(chains);
    for_each_element(plan, content, [&](const Element& element) { update.add(element); });
    return update;
}

Status purge_affinity(Netlink& netlink, Family family, const Content& content) {
    if (auto purged = purge(netlink, family, MapId::affinity, content); !purged) return purged;
    return purge(netlink, family, MapId::affinity_local, content);
}

}  // namespace nameplane::rules::nftables
