#include "plugins/metadata/metadata.hpp"

#include <nameplane/zones.hpp>

namespace nameplane::plugins {

Result<PluginPtr> Metadata::make(const Options& given, Setup& setup) {
    std::vector<dns::Name> zones = given.zones("zones");
    if (zones.empty()) zones.assign(setup.zones.begin(), setup.zones.end());
    return PluginPtr{new Metadata{std::move(zones)}};
}

Step Metadata::ask(Query& query, Reply&) const noexcept {
    (void)admits(query);
    return Step::next;
}

bool Metadata::admits(Query& query) const noexcept {
    if (longest_zone(zones_, query.name()) != nullptr) query.allow_metadata();
    return true;
}

}  // namespace nameplane::plugins
