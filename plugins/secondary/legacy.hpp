#pragma once
// Legacy: what a secondary of the next configuration takes over, so that a reload takes no zone
// away. Any thread.

#include "plugins/secondary/members.hpp"
#include "zone/zone.hpp"
#include <nameplane/base/clock.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace nameplane::plugins::secondary {

/// Of one zone: its content, and until when that counts.
class Legacy {
public:
    struct Left {
        zone::ZonePtr zone;  ///< nullptr: none that counts
        Monotonic expires{};
    };
    Left left() const {
        const std::lock_guard lock{mutex_};
        return left_;
    }
    zone::ZonePtr zone() const { return left().zone; }
    void set(Left left) {
        const std::lock_guard lock{mutex_};
        left_ = std::move(left);
    }

private:
    mutable std::mutex mutex_;
    Left left_;
};

/// Of a catalog: what it listed last and its members, also when the catalog itself has expired.
class CatalogLegacy {
public:
    struct Member {
        OwnedMember owned;
        std::shared_ptr<Legacy> content;
    };
    struct Left {
        std::shared_ptr<const Catalog> listing;  ///< nullptr: it has not come yet
        std::vector<Member> members;
    };
    Left left() const {
        const std::lock_guard lock{mutex_};
        return left_;
    }
    void set(Left left) {
        const std::lock_guard lock{mutex_};
        left_ = std::move(left);
    }

private:
    mutable std::mutex mutex_;
    Left left_;
};

}  // namespace nameplane::plugins::secondary
