#pragma once
// Ring: messages from one thread to one other through memory that is taken once. What does not fit
// is not taken; nobody waits.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

namespace nameplane::plugins::tracing {

class Ring {
public:
    /// `octets` is a power of two.
    explicit Ring(std::size_t octets);

    /// The writing thread only. All parts as one message; false: there is no room.
    bool push(std::initializer_list<std::span<const std::byte>> parts) noexcept;
    /// The reading thread only. False: there is none.
    bool pop(std::vector<std::byte>& message);

private:
    using Size = std::uint32_t;  ///< in front of each message

    void put(std::size_t at, std::span<const std::byte> octets) noexcept;
    void get(std::size_t at, std::span<std::byte> octets) const noexcept;

    std::size_t capacity_;
    std::unique_ptr<std::byte[]> octets_;
    // Octets ever written and read; the place in the ring is the rest of a division.
    alignas(64) std::atomic<std::size_t> written_{0};
    alignas(64) std::atomic<std::size_t> read_{0};
};

}  // namespace nameplane::plugins::tracing
