#include "plugins/secondary/keeper.hpp"

#include <pthread.h>

#include <csignal>
#include <limits>
#include <utility>

namespace nameplane::plugins::secondary {

Keeper::Keeper(std::vector<ZoneSettings> zones, std::shared_ptr<zone::Store> store,
               const Counters& counters, Places& places)
    : store_{std::move(store)}, counters_{counters}, places_{places},
      own_turns_{std::numeric_limits<std::size_t>::max()}, members_{members_of(zones)} {
    for (ZoneSettings& settings : zones) {
        Interpreter interpret;
        if (settings.catalog) {
            interpret = [this, catalog = catalogs_.size()](const zone::Zone& zone) {
                return this->interpret(catalog, zone);
            };
            catalogs_.push_back({settings.origin, settings.primaries, settings.catalog_legacy});
        }
        std::string key = key_of(settings.origin);
        zones_[std::move(key)] = std::make_unique<HeldZone>(
            loop_, std::move(settings), store_, counters_, own_turns_, std::move(interpret));
    }
    for (std::size_t i = 0; i < catalogs_.size(); ++i) restore(i);
    places_.publish();
    thread_ = std::thread{[this] { run(); }};
}

Keeper::~Keeper() {
    // From the thread itself: what belongs to its loop goes there.
    loop_.post([this] {
        member_turns_.close();
        zones_.clear();
        loop_.stop();
    });
    thread_.join();
}

void Keeper::run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "np-secondary");
    // Catalogs last: they start the members that they bring.
    for (const auto& [key, zone] : zones_) {
        if (!zone->settings().catalog) zone->start();
    }
    for (const auto& [key, zone] : zones_) {
        if (zone->settings().catalog) zone->start();
    }
    loop_.run();
}

void Keeper::notified(const Place& place) noexcept {
    if (!place.bell->ring()) return;
    // The zone may be gone until then.
    loop_.post([this, key = key_of(place.origin)] {
        const auto found = zones_.find(key);
        if (found != zones_.end()) found->second->check_now();
    });
}

}  // namespace nameplane::plugins::secondary
