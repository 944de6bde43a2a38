#pragma once
// Places: the zones of a secondary as a NOTIFY finds them. Zones come and go while workers look, so
// that the whole table is exchanged at once.

#include "base/published.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/worker_local.hpp>
#include <nameplane/dns/name.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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
std::string key_of(dns::NameView lower);

struct Place {
    dns::Name origin;  ///< lower case
    std::vector<IpAddress> primaries;
    std::shared_ptr<Bell> bell;
};
using PlacePtr = std::shared_ptr<const Place>;

/// The places at one time. Immutable.
class PlaceSet {
public:
    /// An origin stands in `places` once.
    explicit PlaceSet(std::vector<PlacePtr> places);

    /// The place with the longest origin that `name`, in lower case, is equal to or below; nullptr:
    /// none.
    const Place* find(dns::NameView name) const noexcept;
    std::size_t size() const noexcept { return places_.size(); }

private:
    std::vector<PlacePtr> places_;
    std::vector<std::uint32_t> slots_;  ///< 1 + index by hash, 0: empty
};

class Places {
public:
    Places(std::size_t workers, std::vector<PlacePtr> first);
    Places(const Places&) = delete;
    Places& operator=(const Places&) = delete;

    /// One thread at a time; old tables are freed here, never on a worker.
    void publish(std::vector<PlacePtr> next);
    /// For the worker `worker`, on its thread; valid until its next call.
    const PlaceSet& at(std::size_t worker) const noexcept {
        return readers_.at(worker).reader->refresh();
    }

private:
    struct Local {
        std::optional<Reader<PlaceSet>> reader;
    };
    Published<PlaceSet> set_;
    mutable WorkerLocal<Local> readers_;
};

}  // namespace nameplane::plugins::secondary
