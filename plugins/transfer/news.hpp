#pragma once
// News: which zones of the server block have come or changed since one last looked.

#include "zone/store.hpp"
#include <nameplane/dns/name.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace nameplane::plugins::transfer {

/// Any thread. Of a zone that changed twice only the newest serial is kept.
class News final : public zone::Listener {
public:
    struct Before {
        bool operator()(const dns::Name& a, const dns::Name& b) const noexcept {
            return std::ranges::lexicographical_compare(a.view().wire(), b.view().wire());
        }
    };
    using Serials = std::map<dns::Name, std::uint32_t, Before>;  ///< by zone, in lower case

    void changed(const zone::Change& change) noexcept override {
        if (change.now != nullptr) add(dns::Name{change.origin}.lower(), change.now->serial());
    }
    void add(const dns::Name& zone, std::uint32_t serial) {
        const std::lock_guard lock{mutex_};
        serials_[zone] = serial;
    }
    Serials take() {
        const std::lock_guard lock{mutex_};
        return std::exchange(serials_, {});
    }

private:
    std::mutex mutex_;
    Serials serials_;
};

}  // namespace nameplane::plugins::transfer
