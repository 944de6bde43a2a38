#pragma once
// HeldZone: one zone of a secondary: when it is checked and fetched, from whom, until when it
// counts (RFC 1035 3.3.13, RFC 1034 4.3.5). Times are those of CoreDNS: at first 250 ms, doubled up
// to 10 s, until it is there; then refresh, retry and expire of its SOA, with a little chance.

#include "net/loop.hpp"
#include "plugins/secondary/catalog.hpp"
#include "plugins/secondary/fetch.hpp"
#include "plugins/secondary/legacy.hpp"
#include "plugins/secondary/places.hpp"
#include "plugins/secondary/turns.hpp"
#include "zone/store.hpp"
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/random.hpp>

#include <chrono>
#include <functional>
#include <memory>
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

struct ZoneSettings {
    dns::Name origin;  ///< lower case
    std::vector<SocketAddress> primaries;
    std::shared_ptr<Legacy> legacy;
    std::shared_ptr<Bell> bell = std::make_shared<Bell>();
    /// Set: the zone is a catalog, whose members are served, too, as far as this lets them.
    std::optional<CatalogFilter> catalog = std::nullopt;
    std::shared_ptr<CatalogLegacy> catalog_legacy = nullptr;  ///< of a catalog
};
PlacePtr place_of(const ZoneSettings& zone);

/// Reads what a zone says beside its records, before it counts; an error: it does not count.
using Interpreter = std::function<Status(const zone::Zone&)>;

/// Loop thread only.
class HeldZone {
public:
    /// Its transfers wait for their turn in `turns`, which outlives it. `interpret` may be empty;
    /// it may not destroy this object.
    HeldZone(net::Loop& loop, ZoneSettings settings, std::shared_ptr<zone::Store> store,
             const Counters& counters, Turns& turns, Interpreter interpret = {});
    ~HeldZone();

    void start();
    /// Checks now, or again when the check under way is over.
    void check_now();
    const PlacePtr& place() const noexcept { return place_; }
    const ZoneSettings& settings() const noexcept { return settings_; }

private:
    using Milliseconds = std::chrono::milliseconds;

    void check();
    void ask(Fetch::What what);
    void ended(Fetch::Result result);
    void failed(const std::string& why);
    bool ask_next();
    Status keep(const zone::ZonePtr& zone);
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
    Turns& turns_;
    Interpreter interpret_;
    std::unique_ptr<Turns::Turn> turn_;  // to ask: there while a check is under way
    std::unique_ptr<Fetch> fetch_;
    zone::ZonePtr zone_;
    Fetch::Result result_;
    std::size_t primary_ = 0;  // which one is asked
    bool up_to_date_ = false;  // one of those asked before has nothing newer
    Milliseconds first_pause_{250};
    bool expired_ = false;
    bool again_ = false;       // a NOTIFY came during the check
    bool complained_ = false;  // the log knows of the failure
};

}  // namespace nameplane::plugins::secondary
