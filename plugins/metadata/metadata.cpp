#include "plugins/metadata/metadata.hpp"

#include <nameplane/zones.hpp>

namespace nameplane::plugins {

Result<PluginPtr> Metadata::make(const Options& given, Setup& setup) {
    std::vector<dns::Name> zones = given.zones("zones");
    if (zones.empty()) zones.assign(setup.zones.begin(), setup.zones.end());
    return PluginPtr{new Metadata{std::move(zones)}};
}

Step Metadata::ask(Query& query, Reply&) const noexcept {
    if (longest_zone(zones_, query.name()) != nullptr) query.allow_metadata();
    return Step::next;
}

}  // namespace nameplane::plugins
