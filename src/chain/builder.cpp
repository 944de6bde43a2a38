#include "chain/builder.hpp"

#include "chain/registry.hpp"
#include "chain/traffic.hpp"
#include "conf/config.hpp"

#include <algorithm>
#include <bit>
#include <string>

namespace nameplane::chain {

Result<Router> Router::make(std::span<const Zone> zones) {
    Router router;
    const std::size_t slots = std::bit_ceil(zones.size() * 2 + 1);
    router.zones_ = std::make_unique<Zone[]>(zones.size());
    router.slots_ = std::make_unique<std::uint32_t[]>(slots);
    router.slot_mask_ = slots - 1;
    for (std::uint32_t i = 0; i < zones.size(); ++i) {
        const dns::NameView name = zones[i].name;
        const std::size_t slot = router.slot_of(name);
        if (router.slots_[slot] != 0) {
            return Error{Errc::conflict, "zone " + name.to_string() + " stands twice"};
        }
        router.zones_[i] = zones[i];
        router.slots_[slot] = i + 1;
        router.label_counts_.set(name.label_count());
    }
    return router;
}

namespace {

const PluginKind* kind_called(std::string_view name) noexcept {
    const auto kinds = plugin_kinds();
    const auto found = std::ranges::find(kinds, name, &PluginKind::name);
    return found == kinds.end() ? nullptr : &*found;
}

std::string label_of(const conf::ServerConfig& server) {
    return server.zones.empty() ? "server" : "server " + server.zones.front().to_string();
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
    if (server.plugins.size() > plugins_in_chain_max) {
        return Error{Errc::invalid, std::to_string(server.plugins.size()) + " plugins, at most " +
                                        std::to_string(plugins_in_chain_max) + " fit in a chain"};
    }
    std::vector<Link> links;
    for (const conf::PluginConfig& plugin : server.plugins) {
        const PluginKind* kind = kind_called(plugin.name);
        if (kind == nullptr) return Error{Errc::not_found, "no plugin is called " + plugin.name};
        Result<PluginPtr> made = kind->make(plugin.options, setup);
        if (made) {
            links.push_back({std::move(*made), kind->name});
        } else {
            add_mistake(server, plugin, made.error(), mistakes);
        }
    }
    return std::unique_ptr<const Chain>{std::make_unique<Chain>(links)};
}

}  // namespace

Result<std::shared_ptr<const Chains>> Chains::build(const std::vector<conf::ServerConfig>& servers,
                                                    const Setup& setup) {
    std::shared_ptr<Chains> chains{new Chains};
    std::vector<Zone> zones;
    Mistakes mistakes;
    for (const conf::ServerConfig& server : servers) {
        Status added = chains->add(server, setup, zones, mistakes);
        if (!added) return std::move(added).within(label_of(server)).error();
    }
    if (mistakes.any()) return mistakes.to_error();
    Result<Router> router = Router::make(zones);
    if (!router) return router.error();
    chains->router_ = std::move(*router);
    chains->dropped_ = std::make_unique<Traffic>(setup.metrics, setup.server_label, "dropped");
    return std::shared_ptr<const Chains>{std::move(chains)};
}

Status Chains::add(const conf::ServerConfig& server, const Setup& setup, std::vector<Zone>& zones,
                   Mistakes& mistakes) {
    if (server.zones.empty()) return Error{Errc::invalid, "serves no zone"};
    std::vector<dns::Name> names;
    for (const dns::Name& zone : server.zones) names.push_back(zone.lower());
    Setup mine = setup;
    mine.zones = names;
    Result<std::unique_ptr<const Chain>> chain = build_chain(server, mine, mistakes);
    if (!chain) return chain.error();
    for (const dns::Name& name : names) {
        traffic_.push_back(
            std::make_unique<Traffic>(setup.metrics, setup.server_label, name.to_string()));
        zones.push_back({name, chain->get(), traffic_.back().get()});
    }
    chains_.push_back(std::move(*chain));
    return {};
}

std::vector<std::string_view> Chains::not_ready() const {
    std::vector<std::string_view> names;
    for (const auto& chain : chains_) {
        for (const Link& link : chain->links()) {
            if (!link.plugin->ready()) names.push_back(link.name);
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
