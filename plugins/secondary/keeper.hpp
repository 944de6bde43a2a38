#pragma once
// Keeper: fetches zones from their primaries and keeps them new: a thread with a loop of its own
// for all zones of a plugin, since parsing a large zone takes longer than a query may wait.

#include "net/loop.hpp"
#include "plugins/secondary/held_zone.hpp"
#include "zone/store.hpp"
#include <nameplane/base/metrics.hpp>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace nameplane::plugins::secondary {

/// Made and destroyed on the control thread; the destructor ends the thread, whatever it does.
class Keeper {
public:
    Keeper(std::vector<ZoneSettings> zones, std::shared_ptr<zone::Store> store,
           const Counters& counters);
    ~Keeper();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    /// A primary says that the zone of `place` has changed. Any thread; many at once are as good as
    /// one.
    void notified(const Place& place) noexcept;

private:
    void run();

    net::Loop loop_;
    std::map<std::string, std::unique_ptr<HeldZone>> zones_;  ///< by wire form
    std::thread thread_;
};

}  // namespace nameplane::plugins::secondary
