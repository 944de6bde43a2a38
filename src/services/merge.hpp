#pragma once
// merge: a Service and all its EndpointSlices become one ServiceEntry, the same whatever the order
// of the slices.

#include "services/stored_slice.hpp"
#include <nameplane/services/entry.hpp>

#include <memory>
#include <vector>

namespace nameplane::services {

/// Merges and de-duplicates as entry.hpp says; at most slices_per_service_max slices.
std::shared_ptr<const ServiceEntry> merge(std::shared_ptr<const Service> service,
                                          std::vector<std::shared_ptr<const StoredSlice>> slices);

/// Whether a reader could not tell them apart; both from the same store.
bool same_content(const ServiceEntry& a, const ServiceEntry& b) noexcept;

}  // namespace nameplane::services
