#pragma once
// Places: the zones of a secondary as a NOTIFY finds them. Zones come and go while workers look, so
// that the table is exchanged as a whole.

#include "base/worker_published.hpp"
#include "zone/origin_table.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::plugins::secondary {

/// Rung by NOTIFY, so that many of them are as good as one. Any thread.
class Bell {
public:
    /// True if somebody is to come; false if that was said already.
    bool ring() noexcept { return !rung_.exchange(true); }
    void answer() noexcept { rung_.store(false); }

private:
    std::atomic<bool> rung_{false};
};

/// A name in lower case as the key of a table: its wire form.
inline std::string key_of(dns::NameView lower) {
    return {reinterpret_cast<const char*>(lower.data()), lower.size()};
}

struct Place : zone::OfOrigin {
    std::vector<IpAddress> primaries;
    std::shared_ptr<Bell> bell;
};
using PlacePtr = std::shared_ptr<const Place>;

/// The places at one time.
using PlaceSet = zone::OriginTable<Place>;

class Places {
public:
    explicit Places(std::size_t workers) : set_{workers, std::make_shared<const PlaceSet>()} {}

    // One thread at a time.

    void put(PlacePtr place) { next_.put(std::move(place)); }
    void remove(dns::NameView lower) { next_.remove(lower); }
    /// Workers see from now on what was put and removed until now; old tables are freed here, never
    /// on a worker.
    void publish() { set_.publish(std::make_shared<const PlaceSet>(next_)); }

    /// For the worker `worker`, on its thread; valid until its next call.
    const PlaceSet& at(std::size_t worker) const noexcept { return set_.at(worker); }

private:
    PlaceSet next_;
    WorkerPublished<PlaceSet> set_;
};

}  // namespace nameplane::plugins::secondary
