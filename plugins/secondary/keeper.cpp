#include "plugins/secondary/keeper.hpp"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace nameplane::plugins::secondary {

Keeper::Keeper(std::vector<ZoneSettings> zones, std::shared_ptr<zone::Store> store,
               const Counters& counters) {
    for (ZoneSettings& settings : zones) {
        zones_.push_back(std::make_unique<HeldZone>(loop_, std::move(settings), store, counters));
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
    for (const auto& zone : zones_) zone->start();
    loop_.run();
}

void Keeper::notified(std::size_t i) noexcept {
    if (!zones_[i]->note_notify()) return;
    loop_.post([this, i] {
        if (i < zones_.size()) zones_[i]->check_now();
    });
}

}  // namespace nameplane::plugins::secondary
