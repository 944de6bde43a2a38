#include "services/string_pool.hpp"

#include <algorithm>

namespace nameplane::services {

const PooledString* StringPool::acquire(std::string_view text) {
    if (idle_.load(std::memory_order_relaxed) > std::max(idle_strings_max, strings_.size() / 4)) {
        tidy();
    }
    auto at = strings_.find(text);
    if (at == strings_.end()) {
        auto made = std::make_unique<PooledString>();
        made->text = text;
        const std::string_view key = made->text;
        at = strings_.emplace(key, std::move(made)).first;
    }
    at->second->users.fetch_add(1, std::memory_order_relaxed);
    return at->second.get();
}

void StringPool::release(const PooledString* string) noexcept {
    // The pool owns the string and only lends it out as const.
    auto& users = const_cast<PooledString*>(string)->users;
    if (users.fetch_sub(1, std::memory_order_release) == 1) {
        idle_.fetch_add(1, std::memory_order_relaxed);
    }
}

void StringPool::tidy() {
    idle_.store(0, std::memory_order_relaxed);
    std::erase_if(strings_, [](const auto& item) {
        return item.second->users.load(std::memory_order_acquire) == 0;
    });
}

std::size_t StringPool::memory_octets() const noexcept {
    std::size_t octets = strings_.bucket_count() * sizeof(void*);
    for (const auto& [key, string] : strings_) {
        octets += sizeof(PooledString) + sizeof(std::string_view) + 3 * sizeof(void*);
        if (string->text.capacity() > 15) octets += string->text.capacity() + 1;
    }
    return octets;
}

}  // namespace nameplane::services
