#include "plugins/secondary/held_zone.hpp"

#include "dns/serial.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace nameplane::plugins::secondary {

namespace {

constexpr std::chrono::milliseconds first_pause_max{10'000};
// As CoreDNS: so that not all secondaries come at once.
constexpr std::uint32_t refresh_jitter_ms = 5000;
constexpr std::uint32_t retry_jitter_ms = 2000;

std::chrono::milliseconds seconds(std::uint32_t count) noexcept {
    return std::chrono::seconds{std::max<std::uint32_t>(count, 1)};
}

}  // namespace

PlacePtr place_of(const ZoneSettings& zone) {
    auto place = std::make_shared<Place>();
    place->origin = zone.origin;
    for (const SocketAddress& primary : zone.primaries) place->primaries.push_back(primary.address);
    place->bell = zone.bell;
    return place;
}

HeldZone::HeldZone(net::Loop& loop, ZoneSettings settings, std::shared_ptr<zone::Store> store,
                   const Counters& counters, Turns& turns, Interpreter interpret)
    : loop_{loop}, settings_{std::move(settings)}, place_{place_of(settings_)},
      store_{std::move(store)}, counters_{counters}, due_{loop.timer([this] { check(); })},
      expiry_{loop.timer([this] { expire(); })}, next_{loop.soon([this] {
          ended(std::exchange(result_, {}));
      })},
      turns_{turns}, interpret_{std::move(interpret)} {}

HeldZone::~HeldZone() = default;

void HeldZone::start() {
    Legacy::Left left = settings_.legacy->left();
    if (left.zone != nullptr) {
        // It may have been an ordinary zone before; then what is wrong with it is said when it
        // comes anew.
        if (interpret_ && !interpret_(*left.zone)) {
            store_->put_empty(settings_.origin);
        } else {
            zone_ = std::move(left.zone);
            const auto rest =
                std::chrono::ceil<Milliseconds>(left.expires - std::chrono::steady_clock::now());
            expiry_->start(std::max(rest, Milliseconds{1}));
        }
    }
    check();
}

void HeldZone::check_now() {
    settings_.bell->answer();
    if (turn_ != nullptr) {
        again_ = true;
        return;
    }
    check();
}

void HeldZone::check() {
    due_->stop();
    primary_ = 0;
    up_to_date_ = false;
    ask(zone_ == nullptr ? Fetch::What::zone : Fetch::What::serial);
}

void HeldZone::ask(Fetch::What what) {
    turn_ = turns_.take([this, what] {
        fetch_ = std::make_unique<Fetch>(
            loop_, what, settings_.origin, settings_.primaries[primary_],
            static_cast<std::uint16_t>(random_.next()), [this](Fetch::Result result) {
                result_ = std::move(result);
                next_->call();
            });
    });
}

void HeldZone::ended(Fetch::Result result) {
    fetch_.reset();
    turn_.reset();
    if (!result.error.empty()) return failed(result.error);
    if (result.what == Fetch::What::serial) {
        if (dns::serial_less(zone_->serial(), result.serial)) return ask(Fetch::What::zone);
        counters_.up_to_date->add_shared();
        up_to_date_ = true;
        // Another one may be ahead of this, such as the one that a NOTIFY came from.
        if (!ask_next()) is_current();
        return;
    }
    // A primary may say one serial and send another.
    if (zone_ != nullptr && !dns::serial_less(zone_->serial(), result.serial)) {
        return failed("a transfer of serial " + std::to_string(result.serial) +
                      ", which is not newer than ours");
    }
    const SocketAddress primary = settings_.primaries[primary_];
    if (const Status kept = keep(result.zone); !kept) return failed(kept.error().text);
    counters_.transferred->add_shared();
    NP_LOG_INFO("secondary.transferred", "zone", settings_.origin.to_string(), "from", primary,
                "serial", result.serial, "records", result.records, "left_out", result.outside);
}

void HeldZone::failed(const std::string& why) {
    counters_.failed->add_shared();
    const SocketAddress primary = settings_.primaries[primary_];
    NP_LOG_DEBUG("secondary.tried", "zone", settings_.origin.to_string(), "from", primary, "why",
                 why);
    if (ask_next()) return;
    if (up_to_date_) return is_current();
    if (!std::exchange(complained_, true)) {
        NP_LOG_WARNING("secondary.failed", "zone", settings_.origin.to_string(), "from", primary,
                       "why", why);
    }
    if (zone_ != nullptr) return plan(zone_->soa().retry, retry_jitter_ms);
    due_->start(first_pause_);
    first_pause_ = std::min(first_pause_ * 2, first_pause_max);
    if (std::exchange(again_, false)) check();
}

/// False: there is no further primary.
bool HeldZone::ask_next() {
    if (++primary_ >= settings_.primaries.size()) return false;
    ask(zone_ == nullptr ? Fetch::What::zone : Fetch::What::serial);
    return true;
}

Status HeldZone::keep(const zone::ZonePtr& zone) {
    // What it says and the zone itself are seen at once.
    const zone::Store::Together together{*store_};
    if (interpret_) {
        if (Status read = interpret_(*zone); !read) return read;
    }
    zone_ = zone;
    store_->put(zone);
    store_->sweep();
    expired_ = false;
    is_current();
    return {};
}

/// The primary has nothing newer: what we have counts anew.
void HeldZone::is_current() {
    if (std::exchange(expired_, false)) store_->put(zone_);
    if (std::exchange(complained_, false)) {
        NP_LOG_INFO("secondary.well_again", "zone", settings_.origin.to_string());
    }
    const Milliseconds counts = seconds(zone_->soa().expire);
    settings_.legacy->set({zone_, std::chrono::steady_clock::now() + counts});
    expiry_->start(counts);
    plan(zone_->soa().refresh, refresh_jitter_ms);
}

void HeldZone::plan(std::uint32_t pause, std::uint32_t jitter_ms) {
    if (std::exchange(again_, false)) return check();
    const Milliseconds whole = seconds(pause);
    // Half of a short pause is enough, so that a zone does not expire meanwhile.
    const auto most = std::min<std::int64_t>(jitter_ms, whole.count() / 2);
    due_->start(whole + Milliseconds{random_.below(static_cast<std::uint32_t>(most))});
}

void HeldZone::expire() {
    expired_ = true;
    complained_ = true;
    counters_.expired->add_shared();
    NP_LOG_ERROR("secondary.expired", "zone", settings_.origin.to_string(), "serial",
                 zone_->serial());
    settings_.legacy->set({});
    store_->put_empty(settings_.origin);
}

}  // namespace nameplane::plugins::secondary
