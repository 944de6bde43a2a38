#pragma once
// Delta: what differs between two snapshots. Costs one pointer comparison for each shard that they
// share. Consumers need nothing else.

#include "services/snapshot.hpp"

#include <functional>

namespace nameplane::services {

/// Calls `visit(before, after)` for every Service whose entry differs: before is nullptr for a new
/// one, after for a removed one.
void for_each_changed(
    const Snapshot& before, const Snapshot& after,
    const std::function<void(const ServiceEntry* before, const ServiceEntry* after)>& visit);

}  // namespace nameplane::services
