#pragma once
// Store: the zones that one plugin serves, each exchanged as a whole while it is asked. Directory:
// the stores of one server block, for who transfers what they hold and wants to hear of changes.

#include "base/worker_published.hpp"
#include "zone/origin_table.hpp"
#include "zone/zone.hpp"
#include <nameplane/dns/name.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace nameplane::zone {

/// A zone that has been loaded, exchanged, or taken away.
struct Change {
    dns::NameView origin;
    ZonePtr before;  ///< nullptr: there was none
    ZonePtr now;     ///< nullptr: there is none any more, or it must not be served (expired)
};

/// Somebody who wants to hear of changes.
class Listener {
public:
    virtual ~Listener() = default;
    /// After readers can see it, on the thread that made it (the control thread while plugins are
    /// made, a background thread later). May take its time, but holds up the next change of that
    /// store; must not change a store itself.
    virtual void changed(const Change& change) noexcept = 0;
};

class Store;

/// One for each server block, in Setup::zones_served. Any thread.
class Directory {
public:
    /// For the plugin that owns `store`, when it is made: before the first zone is put into it.
    void add(const std::shared_ptr<Store>& store);
    /// `listener` is called as long as somebody else keeps it; also for changes of stores that are
    /// added later, the first loading included.
    void listen(const std::shared_ptr<Listener>& listener);
    /// The zone with exactly this origin, as it is now; nullptr: nobody serves one, or it is not
    /// loaded. Takes a lock: for transfers, not for queries.
    ZonePtr find(dns::NameView origin) const;
    /// Whether some plugin serves a zone of that origin, loaded or not.
    bool serves(dns::NameView origin) const;
    /// All loaded zones.
    std::vector<ZonePtr> all() const;

private:
    friend class Store;
    void tell(const Change& change) const noexcept;

    mutable std::mutex mutex_;
    std::vector<std::weak_ptr<Store>> stores_;
    std::vector<std::weak_ptr<Listener>> listeners_;
};

/// A zone in a store.
struct StoredZone : OfOrigin {
    ZonePtr zone;  ///< nullptr: not loaded, or expired; questions for it are SERVFAIL
};
/// What a store holds at one time.
using ZoneSet = OriginTable<StoredZone>;

/// Owned by a plugin through a shared_ptr, so that a directory may look into it.
class Store {
public:
    /// `directory` may be nullptr: nobody is told.
    Store(std::size_t workers, std::shared_ptr<Directory> directory);
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // For whoever loads; any thread, takes locks. Old zones are freed here, never on a worker.

    /// Serves `zone` under its origin from now on, in place of what was there.
    void put(const ZonePtr& zone);
    /// From now on there is such a zone, but without content: not loaded yet, or expired.
    void put_empty(dns::NameView origin);
    /// From now on there is no such zone.
    void remove(dns::NameView origin);
    /// Frees what no worker holds any more; now and then.
    void sweep();
    /// While there is one, changes are not seen; then all of them are, at once.
    class Together {
    public:
        explicit Together(Store& store);
        ~Together();
        Together(const Together&) = delete;
        Together& operator=(const Together&) = delete;

    private:
        Store& store_;
    };

    // For others than workers; takes a lock.

    ZonePtr newest(dns::NameView origin) const;
    /// nothing: not loaded
    std::optional<std::uint32_t> serial(dns::NameView origin) const;
    std::shared_ptr<const ZoneSet> newest_set() const { return set_.newest(); }

    /// For the worker `worker`, on its thread: no lock while nothing has changed. Valid until its
    /// next call.
    const ZoneSet& zones(std::size_t worker) const noexcept { return set_.at(worker); }

private:
    struct Made {
        dns::Name origin;
        ZonePtr before;
        ZonePtr now;
    };
    void set(dns::NameView origin, const ZonePtr& zone, bool present);
    void publish();

    std::mutex writing_;      ///< zones_, made_, together_
    ZoneSet zones_;           ///< with the changes that are not seen yet
    std::vector<Made> made_;  ///< these changes
    unsigned together_ = 0;
    WorkerPublished<ZoneSet> set_;
    std::shared_ptr<Directory> directory_;
};

}  // namespace nameplane::zone
