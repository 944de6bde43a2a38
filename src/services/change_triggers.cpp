#include "services/change_triggers.hpp"

#include "services/stored_slice.hpp"

#include <algorithm>
#include <iterator>

namespace nameplane::services {

namespace {

std::vector<std::int64_t> triggers_of(const ServiceEntry& entry, std::optional<Family> family) {
    std::vector<std::int64_t> triggers;
    for (const auto& slice : entry.slices) {
        if (family && slice->family() != *family) continue;
        if (slice->change_trigger_ns() != 0) triggers.push_back(slice->change_trigger_ns());
    }
    std::ranges::sort(triggers);
    return triggers;
}

}  // namespace

std::vector<std::int64_t> new_change_triggers(const ServiceEntry* before, const ServiceEntry& after,
                                              std::optional<Family> family) {
    std::vector<std::int64_t> now = triggers_of(after, family);
    if (before == nullptr || now.empty()) return now;
    std::vector<std::int64_t> fresh;
    std::ranges::set_difference(now, triggers_of(*before, family), std::back_inserter(fresh));
    return fresh;
}

}  // namespace nameplane::services
