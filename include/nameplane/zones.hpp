#pragma once
// zones: which of a plugin's zones a name is in, and where names go that are not found.

#include <nameplane/dns/name.hpp>

#include <span>
#include <utility>
#include <vector>

namespace nameplane {

/// The longest of `zones` that `name` is equal to or below, or nullptr. For the few zones of a
/// plugin: looks at each.
inline const dns::Name* longest_zone(std::span<const dns::Name> zones,
                                     dns::NameView name) noexcept {
    const dns::Name* longest = nullptr;
    for (const dns::Name& zone : zones) {
        if (!name.is_under(zone)) continue;
        if (longest == nullptr || zone.view().size() > longest->view().size()) longest = &zone;
    }
    return longest;
}

/// An option `fallthrough [ZONES...]`: without zones it is for all names.
class Fallthrough {
public:
    Fallthrough() = default;
    Fallthrough(bool given, std::vector<dns::Name> zones) : zones_{std::move(zones)} {
        if (given && zones_.empty()) zones_.emplace_back();
    }
    /// Whether `name`, when it is not found, goes on to the next plugin.
    bool takes(dns::NameView name) const noexcept { return longest_zone(zones_, name) != nullptr; }
    bool given() const noexcept { return !zones_.empty(); }

private:
    std::vector<dns::Name> zones_;
};

}  // namespace nameplane
