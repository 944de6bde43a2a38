#include "plugins/trace/ring.hpp"

#include <nameplane/base/check.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace nameplane::plugins::tracing {

Ring::Ring(std::size_t octets)
    : capacity_{octets}, octets_{std::make_unique_for_overwrite<std::byte[]>(octets)} {
    NP_CHECK(std::has_single_bit(octets), "places are found by masking");
}

bool Ring::push(std::initializer_list<std::span<const std::byte>> parts) noexcept {
    std::size_t size = 0;
    for (const auto& part : parts) size += part.size();
    std::size_t at = written_.load(std::memory_order_relaxed);
    const std::size_t free = capacity_ - (at - read_.load(std::memory_order_acquire));
    if (size + sizeof(Size) > free) return false;
    const auto head = std::bit_cast<std::array<std::byte, sizeof(Size)>>(static_cast<Size>(size));
    put(at, head);
    at += head.size();
    for (const auto& part : parts) {
        put(at, part);
        at += part.size();
    }
    written_.store(at, std::memory_order_release);
    return true;
}

bool Ring::pop(std::vector<std::byte>& message) {
    const std::size_t at = read_.load(std::memory_order_relaxed);
    if (written_.load(std::memory_order_acquire) == at) return false;
    std::array<std::byte, sizeof(Size)> head;
    get(at, head);
    message.resize(std::bit_cast<Size>(head));
    get(at + head.size(), message);
    read_.store(at + head.size() + message.size(), std::memory_order_release);
    return true;
}

void Ring::put(std::size_t at, std::span<const std::byte> octets) noexcept {
    const std::size_t place = at & (capacity_ - 1);
    const std::size_t first = std::min(octets.size(), capacity_ - place);
    if (octets.empty()) return;
    std::memcpy(octets_.get() + place, octets.data(), first);
    std::memcpy(octets_.get(), octets.data() + first, octets.size() - first);
}

void Ring::get(std::size_t at, std::span<std::byte> octets) const noexcept {
    const std::size_t place = at & (capacity_ - 1);
    const std::size_t first = std::min(octets.size(), capacity_ - place);
    if (octets.empty()) return;
    std::memcpy(octets.data(), octets_.get() + place, first);
    std::memcpy(octets.data() + first, octets_.get(), octets.size() - first);
}

}  // namespace nameplane::plugins::tracing
