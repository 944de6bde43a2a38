// Options to Settings, before the first query.

#include "dns/reverse.hpp"
#include "plugins/k8s_external/k8s_external.hpp"

#include <algorithm>

namespace nameplane::plugins {

std::optional<k8s_external::Zone> k8s_external::Zone::make(const dns::Name& name,
                                                           std::string_view apex) {
    auto whole = kubernetes::Zone::make(name);
    const std::string zone = name.view().is_root() ? "." : "." + name.to_string();
    const std::string below = std::string{apex} + zone;
    const auto own = dns::Name::parse(below);
    const auto mname = dns::Name::parse("ns1." + below);
    const auto rname = dns::Name::parse("hostmaster." + below);
    if (!whole || apex.empty() || !own || !mname || !rname) return std::nullopt;
    whole->mname = mname->lower();
    whole->rname = rname->lower();
    return Zone{.whole = *std::move(whole), .apex = own->lower()};
}

namespace {

using k8s_external::Settings;
using k8s_external::Zone;

Status set_zones(const Options& given, const Setup& setup, Settings& settings) {
    std::vector<dns::Name> names = given.zones("zones");
    if (names.empty()) names.assign(setup.zones.begin(), setup.zones.end());
    for (const dns::Name& name : names) {
        auto zone = Zone::make(name, given.text("apex"));
        if (!zone) {
            return given.wrong("apex", "'" + given.text("apex") +
                                           "', expected a label that fits in front of " +
                                           name.to_string());
        }
        settings.zones.push_back(*std::move(zone));
    }
    const auto primary = std::ranges::find_if_not(
        names, [](const dns::Name& name) { return dns::is_reverse(name); });
    settings.primary = primary == names.end() ? names.front() : *primary;
    std::ranges::stable_sort(settings.zones, std::greater<>{},
                             [](const Zone& zone) { return zone.whole.name.view().label_count(); });
    return {};
}

}  // namespace

Result<PluginPtr> K8sExternal::make(const Options& given, Setup& setup) {
    const Options* const inside = setup.sibling ? setup.sibling("kubernetes") : nullptr;
    if (inside == nullptr) {
        return Error{Errc::invalid, "stands alone, expected the plugin kubernetes beside it"};
    }
    Settings settings;
    // What is wrong with them that plugin says itself.
    if (auto objects = kubernetes::Settings::of_objects(*inside, setup)) {
        settings.objects = std::move(*objects);
    }
    if (Status set = set_zones(given, setup, settings); !set) return std::move(set).error();
    settings.headless = given.flag("headless");
    kubernetes::Settings& objects = settings.objects;
    objects.ttl = given.seconds("ttl");
    objects.soa_ttl_max = objects.ttl;
    objects.fallthrough = {given.given("fallthrough"), given.zones("fallthrough")};
    const auto counters =
        kubernetes::Outcomes::make(setup.metrics, "nameplane_k8s_external_queries_total",
                                   "Queries that the plugin k8s_external decided, by result.");
    return PluginPtr{new K8sExternal{std::move(settings), counters}};
}

}  // namespace nameplane::plugins
