// hot path
#include "plugins/kubernetes/settings.hpp"

#include <algorithm>

namespace nameplane::plugins::kubernetes {

const Zone* Settings::zone_of(dns::NameView name) const noexcept {
    const auto found =
        std::ranges::find_if(zones, [&](const Zone& zone) { return name.is_under(zone.name); });
    return found == zones.end() ? nullptr : &*found;
}

bool Settings::names(std::string_view ns) const noexcept {
    return namespaces.empty() || std::ranges::binary_search(namespaces, ns, std::less<>{});
}

bool Settings::shows(std::string_view ns, const services::ServiceView& services) const noexcept {
    return names(ns) && (namespace_selected == 0 || services.has_namespace(ns, namespace_selected));
}

bool Settings::exposes(std::string_view ns, const services::ServiceView& services) const noexcept {
    return names(ns) && services.has_namespace(ns, namespace_selected);
}

}  // namespace nameplane::plugins::kubernetes
