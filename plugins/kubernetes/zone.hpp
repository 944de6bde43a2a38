#pragma once
// zone: a cluster's zone record by record, for transfers: what CoreDNS transfers, in the order of
// the Services' places in the cache.

#include "plugins/kubernetes/settings.hpp"
#include <nameplane/query.hpp>
#include <nameplane/transfer.hpp>

#include <memory>

namespace nameplane::plugins::kubernetes {

/// For the query's transfer; reads the snapshot that the query sees, and lives no longer.
std::unique_ptr<ZoneRecords> records_of_zone(const Settings& settings, const Zone& zone,
                                             Query& query);

}  // namespace nameplane::plugins::kubernetes
