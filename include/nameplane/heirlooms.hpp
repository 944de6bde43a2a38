#pragma once
// Heirlooms: what a plugin of a new configuration takes over from the one that it replaces: a
// cache's content, open connections. Found by a key, kept as long as some plugin holds it.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace nameplane {

/// Control thread only.
class Heirlooms {
public:
    /// What a living plugin has left under `key`, if `fits(T&)`; else what `make()` gives, which is
    /// left for those to come. A key belongs to one T: let it begin with the plugin's name.
    template <class T, class Fits, class Make>
    std::shared_ptr<T> get(std::string_view key, Fits fits, Make make) {
        std::weak_ptr<void>& place = places_[std::string{key}];
        if (const std::shared_ptr<void> left = place.lock()) {
            auto mine = std::static_pointer_cast<T>(left);
            if (fits(*mine)) return mine;
        }
        std::shared_ptr<T> made = make();
        place = made;
        return made;
    }

private:
    std::map<std::string, std::weak_ptr<void>, std::less<>> places_;
};

}  // namespace nameplane
