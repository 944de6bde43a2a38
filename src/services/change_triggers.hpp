#pragma once
// Change triggers: when somebody changed what endpoints were made from, as the control plane wrote
// it into their slices. What the latency of names and of rules is measured from.

#include <nameplane/base/ip.hpp>
#include <nameplane/services/entry.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace nameplane::services {

/// The trigger times (Unix nanoseconds) that slices of `after` have and those of `before` had not:
/// one for each slice that was changed, so each time is met once a slice. `before` may be nullptr.
/// Only slices of `family`, if given.
std::vector<std::int64_t> new_change_triggers(const ServiceEntry* before, const ServiceEntry& after,
                                              std::optional<Family> family = std::nullopt);

}  // namespace nameplane::services
