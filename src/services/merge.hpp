#pragma once
// merge: a Service and all its EndpointSlices become one ServiceEntry, the same whatever the order
// of the slices.

#include "services/stored_slice.hpp"
#include <nameplane/services/entry.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace nameplane::services {

/// What makes an endpoint one, besides address, hostname and ports.
enum class Apart : std::uint8_t {
    nothing,
    cluster,  ///< of ServiceImports: the cluster, which stands in the place of the node
};

/// Merges and de-duplicates as entry.hpp says; at most slices_per_service_max slices.
std::shared_ptr<const ServiceEntry> merge(std::shared_ptr<const Service> service,
                                          std::vector<std::shared_ptr<const StoredSlice>> slices,
                                          Apart apart = Apart::nothing);

/// Whether a reader could not tell them apart; both from the same store.
bool same_content(const ServiceEntry& a, const ServiceEntry& b) noexcept;

}  // namespace nameplane::services
