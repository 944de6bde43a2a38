#include "chain/builder.hpp"

#include "chain/registry.hpp"
#include "chain/traffic.hpp"
#include "conf/config.hpp"
#include "zone/store.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace nameplane::chain {

namespace {

bool filters(const Zone& zone) noexcept {
    return zone.chain != nullptr && zone.chain->filters();
}

}  // namespace

Result<Router> Router::make(std::span<const Zone> zones) {
    Router router;
    const std::size_t slots = std::bit_ceil(zones.size() * 2 + 1);
    router.zones_ = std::make_unique<Zone[]>(zones.size());
    router.slots_ = std::make_unique<std::uint32_t[]>(slots);
    router.slot_mask_ = slots - 1;
    std::vector<Zone*> last_of_slot(slots, nullptr);
    for (std::uint32_t i = 0; i < zones.size(); ++i) {
        const dns::NameView name = zones[i].name;
        const std::size_t slot = router.slot_of(name);
        Zone& zone = router.zones_[i] = zones[i];
        Zone*& last = last_of_slot[slot];
        if (last == nullptr) {
            router.slots_[slot] = i + 1;
        } else if (!filters(*last)) {
            if (filters(zone)) continue;  // hidden by the one before it
            return Error{Errc::conflict, "zone " + name.to_string() + " stands twice"};
        } else {
            last->next = &zone;
        }
        last = &zone;
        router.label_counts_.set(name.label_count());
    }
    for (Zone* const last : last_of_slot) {
        if (last == nullptr || !filters(*last) || last->name.view().is_root()) continue;
        last->next = router.find(last->name.view().parent());
    }
    return router;
}

namespace {

const PluginKind* kind_called(std::string_view name) noexcept {
    const auto kinds = plugin_kinds();
    const auto found = std::ranges::find(kinds, name, &PluginKind::name);
    return found == kinds.end() ? nullptr : &*found;
}

// What the label "plugin" says, by Link::kind; the first is nobody.
std::vector<std::string_view> names_of_kinds() {
    std::vector<std::string_view> names{""};
    for (const PluginKind& kind : plugin_kinds()) names.push_back(kind.name);
    return names;
}

std::string label_of(const conf::ServerConfig& server) {
    return server.zones.empty() ? "server" : "server " + server.zones.front().name.to_string();
}

// Why a plugin was not made, with the place of its directive if it does not say a better one.
void add_mistake(const conf::ServerConfig& server, const conf::PluginConfig& plugin,
                 const Error& error, Mistakes& mistakes) {
    if (error.code == Errc::mistakes) return mistakes.add(error);
    const Where& stood = plugin.options.where();
    const Where where = stood.file.empty() ? Where{label_of(server), 0} : stood;
    mistakes.add(where, plugin.name + ": " + error.text);
}

Result<std::unique_ptr<const Chain>> build_chain(const conf::ServerConfig& server, Setup& setup,
                                                 Mistakes& mistakes) {
    std::vector<Link> links;
    if (setup.first) links.push_back({setup.first(), "tls"});
    if (links.size() + server.plugins.size() > plugins_in_chain_max) {
        return Error{Errc::invalid, std::to_string(server.plugins.size()) + " plugins, at most " +
                                        std::to_string(plugins_in_chain_max - links.size()) +
                                        " fit in a chain"};
    }
    for (const conf::PluginConfig& plugin : server.plugins) {
        const PluginKind* kind = kind_called(plugin.name);
        if (kind == nullptr) return Error{Errc::not_found, "no plugin is called " + plugin.name};
        setup.is_last = &plugin == &server.plugins.back();
        Result<PluginPtr> made = kind->make(plugin.options, setup);
        if (made) {
            const auto place = kind - plugin_kinds().data();
            links.push_back({std::move(*made), kind->name, static_cast<std::uint8_t>(place + 1)});
        } else {
            add_mistake(server, plugin, made.error(), mistakes);
        }
    }
    return std::unique_ptr<const Chain>{std::make_unique<Chain>(links)};
}

/// As CoreDNS: one block that takes all classes opens the listener for them, and so all of its
/// blocks.
void admit_classes(std::span<Zone> zones) {
    const bool all = std::ranges::any_of(
        zones, [](const Zone& zone) { return zone.chain->takes_all_classes(); });
    for (Zone& zone : zones) zone.takes_all_classes = all;
}

}  // namespace

// What building needs all the way.
struct Chains::Building {
    const Setup& setup;
    const Layout& layout;
    std::vector<std::vector<Zone>> zones;  // by listener
    Mistakes mistakes;
};

Result<std::shared_ptr<const Chains>> Chains::build(const std::vector<conf::ServerConfig>& servers,
                                                    const Setup& setup) {
    return build(servers, setup, Layout{.labels = {std::string{setup.server_label}}, .places = {}});
}

Result<std::shared_ptr<const Chains>> Chains::build(const std::vector<conf::ServerConfig>& servers,
                                                    const Setup& setup, const Layout& layout) {
    std::shared_ptr<Chains> chains{new Chains};
    Building building{setup, layout, std::vector<std::vector<Zone>>(layout.labels.size()), {}};
    for (std::size_t block = 0; block < servers.size(); ++block) {
        Status added = chains->add(servers[block], block, building);
        if (!added) return std::move(added).within(label_of(servers[block])).error();
    }
    if (building.mistakes.any()) return building.mistakes.to_error();
    for (std::size_t listener = 0; listener < layout.labels.size(); ++listener) {
        admit_classes(building.zones[listener]);
        Result<Router> router = Router::make(building.zones[listener]);
        if (!router) return router.error();
        chains->routers_.push_back(std::move(*router));
        chains->dropped_.push_back(&chains->traffic(
            building, {.server = layout.labels[listener], .zone = "dropped", .view = {}}));
    }
    return std::shared_ptr<const Chains>{std::move(chains)};
}

Status Chains::add(const conf::ServerConfig& server, std::size_t block, Building& building) {
    if (server.zones.empty()) return Error{Errc::invalid, "serves no zone"};
    std::vector<dns::Name> names;
    for (const conf::ServedZone& zone : server.zones) names.push_back(zone.name.lower());
    std::vector<std::vector<std::size_t>> places;
    if (building.layout.places.empty()) {
        std::vector<std::size_t> all(building.zones.size());
        std::iota(all.begin(), all.end(), 0);
        places.assign(names.size(), all);
    } else {
        places = building.layout.places[block];
    }
    Setup mine = building.setup;
    mine.zones = names;
    mine.root = server.root;
    mine.patience = server.cancel;
    mine.zones_served = std::make_shared<zone::Directory>();
    mine.view = server.view;
    if (!places.front().empty()) mine.server_label = building.layout.labels[places[0][0]];
    mine.sibling = [&server](std::string_view name) -> const Options* {
        const auto found = std::ranges::find(server.plugins, name, &conf::PluginConfig::name);
        return found == server.plugins.end() ? nullptr : &found->options;
    };
    Result<std::unique_ptr<const Chain>> chain = build_chain(server, mine, building.mistakes);
    if (!chain) return chain.error();
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (const std::size_t listener : places[i]) {
            const Place place{.server = building.layout.labels[listener],
                              .zone = names[i].to_string(),
                              .view = server.view};
            const Traffic& counts = traffic(building, place);
            building.zones[listener].push_back({names[i], chain->get(), &counts});
            note_enabled(building, place, **chain);
        }
    }
    for (std::size_t i = 0; i < (*chain)->links().size(); ++i) were_ready_.emplace_back(false);
    chains_.push_back(std::move(*chain));
    return {};
}

const Traffic& Chains::traffic(const Building& building, const Place& place) {
    std::unique_ptr<const Traffic>& counts = traffic_[place];
    if (counts == nullptr) {
        counts = std::make_unique<Traffic>(building.setup.metrics, place, names_of_kinds());
    }
    return *counts;
}

void Chains::note_enabled(const Building& building, const Place& place, const Chain& chain) {
    for (const Link& link : chain.links()) {
        enabled_.push_back(&building.setup.metrics.gauge(
            "coredns_plugin_enabled",
            "A metric that indicates whether a plugin is enabled on per "
            "server and zone basis.",
            {{"server", place.server},
             {"zone", place.zone},
             {"view", place.view},
             {"name", std::string{link.name}}}));
    }
}

void Chains::announce(const Chains* before) const {
    if (before != nullptr) {
        for (metrics::Gauge* const gauge : before->enabled_) gauge->set(0);
    }
    for (metrics::Gauge* const gauge : enabled_) gauge->set(1);
}

const Zone* Chains::parent_of(const Router& router, const Zone& zone, dns::NameView name) noexcept {
    if (!name.equals(zone.name)) return &zone;
    const Zone* const parent = router.find(name.parent());
    // As CoreDNS: the root's block is not taken for the parent's.
    return parent == nullptr || parent->name.view().is_root() ? &zone : parent;
}

std::vector<std::string_view> Chains::not_ready(bool continuously) const {
    std::vector<std::string_view> names;
    auto was_ready = were_ready_.begin();
    for (const auto& chain : chains_) {
        for (const Link& link : chain->links()) {
            std::atomic<bool>& was = *was_ready++;
            if (was && !continuously) continue;
            was = link.plugin->ready();
            if (!was) names.push_back(link.name);
        }
    }
    return names;
}

void Chains::begin(WorkerContext& worker) const {
    for (const auto& chain : chains_) {
        for (const Link& link : chain->links()) link.plugin->begin(worker);
    }
}

Chains::~Chains() = default;

}  // namespace nameplane::chain
