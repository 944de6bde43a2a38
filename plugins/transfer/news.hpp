#pragma once
// News: which zones of the server block have come or changed since one last looked.

#include "zone/store.hpp"
#include <nameplane/dns/name.hpp>

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace nameplane::plugins::transfer {

/// Any thread. Of a zone that changed twice only the newest serial is kept.
class News final : public zone::Listener {
public:
    struct Item {
        dns::Name zone;  ///< lower case
        std::uint32_t serial = 0;
    };

    void changed(const zone::Change& change) noexcept override {
        if (change.now != nullptr) add(dns::Name{change.origin}.lower(), change.now->serial());
    }
    void add(const dns::Name& zone, std::uint32_t serial) {
        const std::lock_guard lock{mutex_};
        for (Item& item : items_) {
            if (item.zone != zone) continue;
            item.serial = serial;
            return;
        }
        items_.push_back({zone, serial});
    }
    std::vector<Item> take() {
        const std::lock_guard lock{mutex_};
        return std::exchange(items_, {});
    }

private:
    std::mutex mutex_;
    std::vector<Item> items_;
};

}  // namespace nameplane::plugins::transfer
