#pragma once
// HeldZone: one zone of a secondary: when it is checked and fetched, from whom, until when it
// counts (RFC 1035 3.3.13, RFC 1034 4.3.5). Times are those of CoreDNS: at first 250 ms, doubled up
// to 10 s, until it is there; then refresh, retry and expire of its SOA, with a little chance.

#include "net/loop.hpp"
#include "plugins/secondary/catalog.hpp"
#include "plugins/secondary/fetch.hpp"
#include "plugins/secondary/places.hpp"
#include "zone/store.hpp"
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/random.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::plugins::secondary {

struct Counters {
    metrics::Counter* transferred;
    metrics::Counter* failed;
    metrics::Counter* up_to_date;
    metrics::Counter* expired;
};

/// What a plugin of the next configuration takes over, so that a reload takes no zone away. Any
/// thread.
class Legacy {
public:
    zone::ZonePtr zone() const {
        const std::lock_guard lock{mutex_};
        return zone_;
    }
    void set(zone::ZonePtr zone) {
        const std::lock_guard lock{mutex_};
        zone_ = std::move(zone);
    }

private:
    mutable std::mutex mutex_;
    zone::ZonePtr zone_;
};

struct ZoneSettings {
    dns::Name origin;  ///< lower case
    std::vector<SocketAddress> primaries;
    std::shared_ptr<Legacy> legacy;
    std::shared_ptr<Bell> bell = std::make_shared<Bell>();
    /// Set: the zone is a catalog, whose members are served, too, as far as this lets them.
    std::optional<CatalogFilter> catalog = std::nullopt;
};
PlacePtr place_of(const ZoneSettings& zone);

/// Loop thread only.
class HeldZone {
public:
    HeldZone(net::Loop& loop, ZoneSettings settings, std::shared_ptr<zone::Store> store,
             const Counters& counters);
    ~HeldZone();

    void start();
    /// Checks now, or again when the check under way is over.
    void check_now();
    const PlacePtr& place() const noexcept { return place_; }

private:
    using Milliseconds = std::chrono::milliseconds;

    void check();
    void ask(Fetch::What what);
    void ended(Fetch::Result result);
    void failed(const std::string& why);
    void keep(const zone::ZonePtr& zone);
    void is_current();
    void plan(std::uint32_t seconds, std::uint32_t jitter_ms);
    void expire();

    net::Loop& loop_;
    ZoneSettings settings_;
    PlacePtr place_;
    std::shared_ptr<zone::Store> store_;
    Counters counters_;
    Random random_;
    std::unique_ptr<net::Timer> due_;
    std::unique_ptr<net::Timer> expiry_;
    std::unique_ptr<net::Soon> next_;
    std::unique_ptr<Fetch> fetch_;
    zone::ZonePtr zone_;
    Fetch::Result result_;
    std::size_t primary_ = 0;  // which one is asked
    Milliseconds first_pause_{250};
    bool expired_ = false;
    bool again_ = false;       // a NOTIFY came during the check
    bool complained_ = false;  // the log knows of the failure
};

}  // namespace nameplane::plugins::secondary
