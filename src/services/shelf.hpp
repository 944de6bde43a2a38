#pragma once
// Shelf: the objects of one kind by key, as they are now and as the last snapshot has them. For the
// kinds whose snapshot form is one value an object (Namespace, Node, Pod).

#include "services/data.hpp"
#include "services/model.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nameplane::services {

struct KeyHash {
    std::size_t operator()(const ObjectKey& key) const noexcept {
        return name_hash(key.ns, key.name);
    }
};

/// One thread. Value has ==.
template <class Value> class Shelf {
public:
    /// Puts an object that the list `round` named; true if it is new or differs.
    bool put(const ObjectKey& key, Value value, std::uint32_t round) {
        auto [at, is_new] = items_.try_emplace(key);
        Item& item = at->second;
        item.round = round;
        if (item.now != nullptr && *item.now == value) return false;
        item.now = std::make_shared<const Value>(std::move(value));
        mark(*at);
        return true;
    }
    /// The object stays as it is, but the list `round` named it.
    void keep(const ObjectKey& key, std::uint32_t round) {
        if (const auto at = items_.find(key); at != items_.end()) at->second.round = round;
    }
    bool remove(const ObjectKey& key) {
        const auto at = items_.find(key);
        if (at == items_.end() || at->second.now == nullptr) return false;
        at->second.now = nullptr;
        mark(*at);
        return true;
    }
    /// Removes what the list `round` did not name; true if there was any.
    bool remove_unnamed(std::uint32_t round) {
        bool any = false;
        for (auto& pair : items_) {
            if (pair.second.now == nullptr || pair.second.round == round) continue;
            pair.second.now = nullptr;
            mark(pair);
            any = true;
        }
        return any;
    }
    bool changed() const noexcept { return !dirty_.empty(); }
    /// Calls `visit(key, before, after)` for what differs from the last time; either may be
    /// nullptr.
    template <class Visit> void publish(Visit visit) {
        for (Pair* pair : std::exchange(dirty_, {})) {
            Item& item = pair->second;
            item.dirty = false;
            const bool same = item.published == item.now ||
                              (item.published && item.now && *item.published == *item.now);
            if (!same) visit(pair->first, item.published, item.now);
            if (!same) item.published = item.now;
            if (item.now == nullptr) items_.erase(items_.find(pair->first));
        }
    }
    /// Calls `visit(key, value)` for every object there is now; the value is shared.
    template <class Visit> void for_each(Visit visit) const {
        for (const auto& [key, item] : items_) {
            if (item.now != nullptr) visit(key, item.now);
        }
    }

private:
    struct Item {
        std::shared_ptr<const Value> now;
        std::shared_ptr<const Value> published;
        std::uint32_t round = 0;
        bool dirty = false;
    };
    using Items = std::unordered_map<ObjectKey, Item, KeyHash>;
    using Pair = typename Items::value_type;

    void mark(Pair& pair) {
        if (!std::exchange(pair.second.dirty, true)) dirty_.push_back(&pair);
    }

    Items items_;
    std::vector<Pair*> dirty_;
};

}  // namespace nameplane::services
