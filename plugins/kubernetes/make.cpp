// Options to Settings, before the first query.

#include "dns/reverse.hpp"
#include "dns/search_domains.hpp"
#include "plugins/kubernetes/kubernetes.hpp"
#include "services/selections.hpp"

#include <algorithm>
#include <cstdlib>

namespace nameplane::plugins {

std::optional<kubernetes::Zone> kubernetes::Zone::make(const dns::Name& name) {
    const std::string text = name.view().is_root() ? "" : name.to_string();
    const auto mname = dns::Name::parse("ns.dns." + text);
    const auto rname = dns::Name::parse("hostmaster." + text);
    if (!mname || !rname) return std::nullopt;
    const auto reverse_v4 = dns::Name::parse("in-addr.arpa.");
    const bool above = reverse_v4->view().is_under(name);
    return Zone{.name = name.lower(),
                .mname = mname->lower(),
                .rname = rname->lower(),
                .holds_reverse = above || dns::is_reverse(name)};
}

kubernetes::Outcomes kubernetes::Outcomes::make(metrics::Registry& registry,
                                                const std::string& name, const std::string& help) {
    const auto counter = [&](const char* result) {
        return &registry.counter(name, help, {{"result", result}});
    };
    return {.answers = counter("answer"),
            .no_data = counter("nodata"),
            .name_errors = counter("nxdomain"),
            .unsynced = counter("unsynced"),
            .fallen_through = counter("fallthrough")};
}

namespace {

using kubernetes::PodMode;
using kubernetes::Settings;
using kubernetes::Zone;

Error bad_zone(const dns::Name& name) {
    return {Errc::invalid, "'" + name.to_string() + "', expected room for names below it"};
}

Status set_zones(const std::vector<dns::Name>& names, Settings& settings) {
    const auto primary = std::ranges::find_if_not(
        names, [](const dns::Name& name) { return dns::is_reverse(name); });
    if (primary == names.end()) {
        return Error{Errc::invalid, "none but reverse ones, expected one such as cluster.local"};
    }
    settings.primary = *primary;
    for (const dns::Name& name : names) {
        auto zone = Zone::make(name);
        if (!zone) return bad_zone(name);
        settings.zones.push_back(*zone);
    }
    std::ranges::stable_sort(settings.zones, std::greater<>{},
                             [](const Zone& zone) { return zone.name.view().label_count(); });
    return {};
}

/// CoreDNS wants the very names of the zones; those below one are of it, too.
Status set_multicluster(const std::vector<dns::Name>& names, Settings& settings) {
    for (const dns::Name& name : names) {
        const bool ours = std::ranges::any_of(
            settings.zones, [&](const Zone& zone) { return zone.name.view().equals(name); });
        if (!ours) {
            return Error{Errc::invalid,
                         "'" + name.to_string() + "', expected one of the plugin's zones"};
        }
        for (Zone& zone : settings.zones) {
            zone.multicluster = zone.multicluster || zone.name.view().is_under(name);
        }
    }
    return {};
}

/// The bit of the selector that the words are; 0 if there are none.
Result<std::uint8_t> read_selector(const std::vector<std::string>& words,
                                   const services::SelectorSet* selectors) {
    std::string text;
    for (const std::string& word : words) text.append(text.empty() ? "" : " ") += word;
    if (text.empty()) return std::uint8_t{0};
    Result<services::Selector> selector = services::Selector::parse(text);
    if (!selector) return Error{Errc::invalid, selector.error().text + ", in '" + text + "'"};
    if (selectors == nullptr) return std::uint8_t{0};
    if (const auto bit = selectors->bit_of(*selector)) return *bit;
    return Error{Errc::exhausted, "'" + text + "' is one too many, expected at most " +
                                      std::to_string(services::SelectorSet::max) +
                                      " different ones in all blocks"};
}

bool is_rate(const std::string& text) {
    char* end = nullptr;
    const double rate = std::strtod(text.c_str(), &end);
    return !text.empty() && *end == '\0' && rate >= 0;
}

PodMode pod_mode(std::string_view word) {
    if (word == "insecure") return PodMode::insecure;
    return word == "verified" ? PodMode::verified : PodMode::disabled;
}

Status set_selectors(const Options& given, const Setup& setup, Settings& settings) {
    const services::Selections* const known = setup.selections;
    const auto labels =
        read_selector(given.words("labels"), known == nullptr ? nullptr : &known->objects);
    if (!labels) return given.wrong("labels", labels.error().text);
    const auto of_namespace = read_selector(given.words("namespace_labels"),
                                            known == nullptr ? nullptr : &known->namespaces);
    if (!of_namespace) return given.wrong("namespace_labels", of_namespace.error().text);
    if (!given.words("namespace_labels").empty() && !given.words("namespaces").empty()) {
        return given.wrong("namespace_labels", "together with namespaces, expected one of them");
    }
    settings.selected = *labels;
    settings.namespace_selected = *of_namespace;
    return {};
}

}  // namespace

Kubernetes::Kubernetes(Settings settings, const kubernetes::Outcomes& counters,
                       std::function<bool()> synced)
    : settings_{std::move(settings)}, counters_{counters}, synced_{std::move(synced)} {}

Result<Settings> Settings::of_objects(const Options& given, const Setup& setup) {
    Settings settings;
    settings.namespaces = given.words("namespaces");
    std::ranges::sort(settings.namespaces);
    settings.noendpoints = given.flag("noendpoints");
    settings.endpoint_pod_names = given.flag("endpoint_pod_names");
    settings.headless_elsewhere = setup.headless_elsewhere;
    if (Status set = set_selectors(given, setup, settings); !set) return std::move(set).error();
    for (const IpAddress& address : setup.own_addresses) {
        const auto end = settings.own_addresses.end();
        if (std::find(settings.own_addresses.begin(), end, address) == end) {
            settings.own_addresses.push_back(address);
        }
    }
    return settings;
}

Result<PluginPtr> Kubernetes::make(const Options& given, Setup& setup) {
    Result<Settings> objects = Settings::of_objects(given, setup);
    if (!objects) return std::move(objects).error();
    Settings settings = std::move(objects).value();
    std::vector<dns::Name> names = given.zones("zones");
    if (names.empty()) names.assign(setup.zones.begin(), setup.zones.end());
    if (Status set = set_zones(names, settings); !set) {
        return given.wrong("zones", set.error().text);
    }
    if (!given.words("apiserver_qps").empty() && !is_rate(given.words("apiserver_qps")[0])) {
        return given.wrong("apiserver_qps",
                           "'" + given.words("apiserver_qps")[0] + "', expected a number from 0");
    }
    settings.ttl = given.seconds("ttl");
    settings.pods = pod_mode(given.word("pods"));
    settings.zonal = given.flag("zonal");
    if (Status set = set_multicluster(given.zones("multicluster"), settings); !set) {
        return given.wrong("multicluster", set.error().text);
    }
    if (settings.zonal && settings.noendpoints) {
        return given.wrong("zonal", "together with noendpoints, expected one of them");
    }
    // As CoreDNS: what stands behind the first word means nothing.
    if (const std::vector<std::string>& ignored = given.words("ignore"); !ignored.empty()) {
        if (ignored[0] != "empty_service") {
            return given.wrong("ignore", "'" + ignored[0] + "', expected 'empty_service'");
        }
        settings.ignore_empty_service = true;
    }
    settings.fallthrough = {given.given("fallthrough"), given.zones("fallthrough")};
    if (settings.pods == PodMode::verified) {
        // What kubelet puts behind the cluster's domains into a pod's search list.
        settings.host_domains =
            dns::read_search_domains("/etc/resolv.conf").value_or(std::vector<dns::Name>{});
    }
    const auto counters =
        kubernetes::Outcomes::make(setup.metrics, "nameplane_kubernetes_queries_total",
                                   "Queries that the plugin kubernetes decided, by result.");
    return PluginPtr{new Kubernetes{std::move(settings), counters, setup.services_synced}};
}

}  // namespace nameplane::plugins
