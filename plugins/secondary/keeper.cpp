#include "plugins/secondary/keeper.hpp"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace nameplane::plugins::secondary {

namespace {

std::string key_of(dns::NameView name) {
    return {reinterpret_cast<const char*>(name.data()), name.size()};
}

}  // namespace

Keeper::Keeper(std::vector<ZoneSettings> zones, std::shared_ptr<zone::Store> store,
               const Counters& counters) {
    for (ZoneSettings& settings : zones) {
        std::string key = key_of(settings.origin);
        zones_[std::move(key)] =
            std::make_unique<HeldZone>(loop_, std::move(settings), store, counters);
    }
    thread_ = std::thread{[this] { run(); }};
}

Keeper::~Keeper() {
    // From the thread itself: what belongs to its loop goes there.
    loop_.post([this] {
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
    for (const auto& [key, zone] : zones_) zone->start();
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
