// hot path
#include "plugins/kubernetes/settings.hpp"

#include <algorithm>

namespace nameplane::plugins::kubernetes {

const Zone* Settings::zone_of(dns::NameView name) const noexcept {
    const auto found =
        std::ranges::find_if(zones, [&](const Zone& zone) { return name.is_under(zone.name); });
    return found == zones.end() ? nullptr : &*found;
}

bool Settings::falls_through(dns::NameView name) const noexcept {
    return std::ranges::any_of(fallthrough,
                               [&](const dns::Name& zone) { return name.is_under(zone); });
}

bool Settings::allows(std::string_view ns) const noexcept {
    return namespaces.empty() || std::ranges::binary_search(namespaces, ns, std::less<>{});
}

}  // namespace nameplane::plugins::kubernetes
