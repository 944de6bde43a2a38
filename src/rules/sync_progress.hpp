#pragma once
// SyncProgress: what is offered to the rule thread and what of it is in the kernel, family by
// family: what health asks, and the metrics of kube-proxy that count changes.

#include "services/snapshot.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace nameplane::rules {

/// How one family is doing.
struct FamilyHealth {
    Family family = Family::ipv4;
    std::optional<Monotonic> last_success;
    /// Since when something is offered, or known to be wrong, that is not in the kernel; nothing:
    /// all is.
    std::optional<Monotonic> waiting_since;
    std::string_view writer;  ///< "iptables", "nftables"; empty before the first success
    bool missing = false;     ///< the machine has nothing for it, and need not
};

/// Not thread-safe: the syncer's mutex guards it.
class SyncProgress {
public:
    SyncProgress(std::span<const Family> families, metrics::Registry& registry);

    void offered(std::shared_ptr<const services::Snapshot> snapshot, Monotonic now, WallTime wall);
    void refused(Family family, Monotonic now);
    /// The machine has nothing for this family, and need not: nothing of it waits, or is queued,
    /// until it is refused or applied.
    void missing(Family family);
    /// `version`: of the snapshot whose rules are in now.
    void applied(Family family, std::uint64_t version, std::string_view writer, Monotonic now,
                 WallTime wall);
    /// All families hold what is in `snapshot`.
    void settled(std::shared_ptr<const services::Snapshot> snapshot);

    const std::vector<FamilyHealth>& families() const noexcept { return families_; }

private:
    struct Gauges {
        metrics::Gauge& last_queued;
        metrics::Gauge& last_success;
    };
    /// Changed Services and EndpointSlices between two snapshots, of those that have rules.
    struct Changes {
        std::uint64_t services = 0;
        std::uint64_t slices = 0;
    };
    static Changes changes(const services::Snapshot& before, const services::Snapshot& after);
    void say_pending();
    FamilyHealth& of(Family family);
    const Gauges& gauges_of(const FamilyHealth& family) const;

    std::vector<FamilyHealth> families_;
    std::vector<Gauges> gauges_;  // of the same families
    std::shared_ptr<const services::Snapshot> offered_;
    std::shared_ptr<const services::Snapshot> settled_;
    Monotonic offered_at_{};
    metrics::Counter& service_changes_;
    metrics::Counter& slice_changes_;
    metrics::Gauge& services_pending_;
    metrics::Gauge& slices_pending_;
};

}  // namespace nameplane::rules
