#include "services/delta.hpp"

#include "services/data.hpp"

#include <algorithm>

namespace nameplane::services {

namespace {

/// The entry of the same Service in another snapshot.
const ServiceEntry* same_in(const Snapshot& snapshot, const ServiceEntry& entry) noexcept {
    const ObjectKey& key = entry.service->key;
    return ServiceView{snapshot}.find(key.ns, key.name);
}

}  // namespace

void for_each_changed(
    const Snapshot& before, const Snapshot& after,
    const std::function<void(const ServiceEntry* before, const ServiceEntry* after)>& visit) {
    const Slots& old = before.data().slots;
    const Slots& now = after.data().slots;
    for (std::size_t i = 0; i < std::max(old.chunk_count(), now.chunk_count()); ++i) {
        if (old.chunk(i) == now.chunk(i)) continue;
        for (std::size_t slot = i * Slots::chunk_slots; slot < (i + 1) * Slots::chunk_slots;
             ++slot) {
            const ServiceEntry* was = old.at(slot);
            const ServiceEntry* is = now.at(slot);
            if (was == is) continue;
            // A slot may have passed from one Service to another, and a Service to another slot.
            if (was != nullptr) visit(was, same_in(after, *was));
            if (is != nullptr && same_in(before, *is) == nullptr) visit(nullptr, is);
        }
    }
}

}  // namespace nameplane::services
