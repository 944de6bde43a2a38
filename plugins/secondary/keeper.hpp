#pragma once
// Keeper: fetches zones from their primaries and keeps them new: a thread with a loop of its own
// for all zones of a plugin, since parsing a large zone takes longer than a query may wait.
// Catalogs among the zones make further ones come and go.

#include "net/loop.hpp"
#include "plugins/secondary/held_zone.hpp"
#include "plugins/secondary/members.hpp"
#include "plugins/secondary/places.hpp"
#include "plugins/secondary/turns.hpp"
#include "zone/store.hpp"
#include <nameplane/base/metrics.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace nameplane::plugins::secondary {

/// Made and destroyed on the control thread; the destructor ends the thread, whatever it does.
class Keeper {
public:
    /// Members that fetch at once. Zones that are configured wait for nobody.
    static constexpr std::size_t members_at_once = 32;

    /// `zones` are in `store` and in `places` already; from now on both are changed here only.
    /// `places` outlives the keeper.
    Keeper(std::vector<ZoneSettings> zones, std::shared_ptr<zone::Store> store,
           const Counters& counters, Places& places);
    ~Keeper();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    /// A primary says that the zone of `place` has changed. Any thread; many at once are as good as
    /// one.
    void notified(const Place& place) noexcept;

private:
    void run();

    // keeper_catalogs.cpp
    struct CatalogPart {
        dns::Name origin;
        std::vector<SocketAddress> primaries;
        std::shared_ptr<CatalogLegacy> legacy;
    };
    static Members members_of(const std::vector<ZoneSettings>& zones);
    void restore(std::size_t catalog);
    Status interpret(std::size_t catalog, const zone::Zone& zone);
    void apply(std::size_t catalog, const Members::Update& update);
    void apply(const MemberChange& change);
    HeldZone& hold_member(const dns::Name& zone, std::size_t catalog,
                          std::shared_ptr<Legacy> legacy);
    void remember();
    void tell(std::size_t catalog, const Members::Update& update) const;

    net::Loop loop_;
    std::shared_ptr<zone::Store> store_;
    Counters counters_;
    Places& places_;
    Turns own_turns_;
    Turns member_turns_{members_at_once};
    std::vector<CatalogPart> catalogs_;  ///< in the order of the rules of members_
    Members members_;
    std::map<std::string, std::unique_ptr<HeldZone>> zones_;  ///< by wire form
    std::thread thread_;
};

}  // namespace nameplane::plugins::secondary
