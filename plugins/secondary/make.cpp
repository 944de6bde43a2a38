// The words of the configuration to zones and their primaries.

#include "conf/host.hpp"
#include "conf/values.hpp"
#include "plugins/secondary/secondary.hpp"
#include <nameplane/heirlooms.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nameplane::plugins {

namespace {

using secondary::CatalogFilter;
using secondary::CatalogLegacy;
using secondary::Legacy;
using secondary::ZoneSettings;

class SettingsReader {
public:
    SettingsReader(Setup& setup, Mistakes& mistakes) : setup_{setup}, mistakes_{mistakes} {}

    void read(const Statement& statement) {
        std::vector<dns::Name> origins;
        for (const std::string& word : statement.words) {
            if (!conf::add_zones(word, origins))
                wrong(statement, "'" + word + "', expected a zone");
        }
        if (statement.words.empty()) origins.assign(setup_.zones.begin(), setup_.zones.end());
        ZoneSettings common;
        for (const Statement& line : statement.body) read_line(line, common);
        if (common.primaries.empty()) {
            return wrong(statement, "no primary, expected 'transfer from' and addresses");
        }
        for (const dns::Name& origin : origins) add(origin, common);
    }

    std::vector<ZoneSettings> take_zones() { return std::move(zones_); }
    Fallthrough take_fallthrough() { return std::move(fallthrough_); }

private:
    void wrong(const Statement& line, std::string_view text) {
        mistakes_.add(line.where, "secondary: " + std::string{text});
    }

    void add(const dns::Name& origin, const ZoneSettings& common) {
        // As CoreDNS: of a zone that stands twice the last one counts.
        std::erase_if(zones_,
                      [&](const ZoneSettings& zone) { return zone.origin == origin.lower(); });
        zones_.push_back({.origin = origin.lower(),
                          .primaries = common.primaries,
                          .legacy = nullptr,
                          .catalog = common.catalog});
    }

    void read_line(const Statement& line, ZoneSettings& common) {
        const std::vector<std::string>& words = line.words;
        if (words[0] == "transfer") return read_transfer(line, common.primaries);
        if (words[0] == "fallthrough") return read_fallthrough(line);
        if (words[0] == "catalog") return read_catalog(line, common.catalog);
        wrong(line, "'" + words[0] + "', expected 'transfer', 'catalog' or 'fallthrough'");
    }

    /// Several lines are as one with all their zones; one without zones takes all members.
    void read_catalog(const Statement& line, std::optional<CatalogFilter>& catalog) {
        CatalogFilter more;
        for (std::size_t i = 1; i < line.words.size(); ++i) {
            const std::string& word = line.words[i];
            if (!conf::add_zones(word, more.zones)) {
                wrong(line, "catalog: '" + word + "', expected a zone");
            }
        }
        if (!catalog) {
            catalog = std::move(more);
        } else if (catalog->zones.empty() || more.zones.empty()) {
            catalog->zones.clear();
        } else {
            std::ranges::move(more.zones, std::back_inserter(catalog->zones));
        }
    }

    void read_transfer(const Statement& line, std::vector<SocketAddress>& primaries) {
        if (line.words.size() < 3 || line.words[1] != "from") {
            return wrong(line, "transfer: expected 'from' and addresses behind it");
        }
        for (std::size_t i = 2; i < line.words.size(); ++i) {
            const auto host = conf::parse_host(line.words[i]);
            if (host && !host->has_interface) {
                primaries.push_back(host->address);
            } else {
                wrong(line, "transfer: '" + line.words[i] +
                                "', expected an address such as '192.0.2.1' or "
                                "'[2001:db8::1]:53'");
            }
        }
    }

    void read_fallthrough(const Statement& line) {
        std::vector<dns::Name> zones;
        for (std::size_t i = 1; i < line.words.size(); ++i) {
            if (!conf::add_zones(line.words[i], zones)) {
                wrong(line, "fallthrough: '" + line.words[i] + "', expected a zone");
            }
        }
        fallthrough_ = {true, std::move(zones)};
    }

    Setup& setup_;
    Mistakes& mistakes_;
    std::vector<ZoneSettings> zones_;
    Fallthrough fallthrough_;
};

template <class T> std::shared_ptr<T> left(const std::string& key, Setup& setup) {
    const auto make = [] { return std::make_shared<T>(); };
    if (setup.heirlooms == nullptr) return make();
    return setup.heirlooms->get<T>(
        key, [](const T&) { return true; }, make);
}

/// What the same zone of the configuration before this one has fetched from the same primaries.
void inherit(ZoneSettings& zone, Setup& setup) {
    std::string text = std::string{setup.server_label} + ' ' + zone.origin.to_string();
    for (const SocketAddress& primary : zone.primaries) text += ' ' + primary.to_string();
    zone.legacy = left<Legacy>("secondary " + text, setup);
    if (!zone.catalog) return;
    // Other server blocks may take other members of the same catalog.
    if (!setup.zones.empty()) text += " in " + setup.zones.front().to_string();
    text += " view " + std::string{setup.view};
    zone.catalog_legacy = left<CatalogLegacy>("secondary catalog " + text, setup);
}

}  // namespace

Secondary::Secondary(std::vector<ZoneSettings> zones, std::shared_ptr<zone::Store> store,
                     zone::Authority::Options options, Setup& setup)
    : authority_{store, std::move(options)}, places_{setup.workers} {
    for (ZoneSettings& zone : zones) {
        inherit(zone, setup);
        places_.put(place_of(zone));
        if (const zone::ZonePtr there = zone.legacy->zone()) {
            store->put(there);
        } else {
            store->put_empty(zone.origin);
        }
    }
    places_.publish();
    // Where nothing runs (`nameplane check`) nothing is fetched.
    if (setup.background == nullptr) return;
    const auto counter = [&](std::string_view result) {
        return &setup.metrics.counter("nameplane_secondary_checks_total",
                                      "Questions to primaries of zones, by what came of them.",
                                      {{"result", std::string{result}}});
    };
    const secondary::Counters counters{.transferred = counter("transferred"),
                                       .failed = counter("failed"),
                                       .up_to_date = counter("up_to_date"),
                                       .expired = counter("expired")};
    keeper_ =
        std::make_unique<secondary::Keeper>(std::move(zones), std::move(store), counters, places_);
}

Result<PluginPtr> Secondary::make(const Options& given, Setup& setup) {
    Mistakes mistakes;
    SettingsReader reader{setup, mistakes};
    for (const Statement& statement : given.statements()) reader.read(statement);
    if (mistakes.any()) return mistakes.to_error();
    auto store = std::make_shared<zone::Store>(setup.workers, setup.zones_served);
    if (setup.zones_served != nullptr) setup.zones_served->add(store);
    return PluginPtr{
        new Secondary{reader.take_zones(), std::move(store),
                      zone::Authority::Options{.fallthrough = reader.take_fallthrough(),
                                               .refuses_others = setup.is_last},
                      setup}};
}

}  // namespace nameplane::plugins
