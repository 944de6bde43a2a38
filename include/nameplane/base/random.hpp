#pragma once
// Random: numbers that nobody can foretell, from the kernel, fetched a few hundred at a time.

#include <array>
#include <cstddef>
#include <cstdint>

namespace nameplane {

/// One thread.
class Random {
public:
    std::uint32_t next() noexcept {
        if (used_ == words_.size()) refill();
        return words_[used_++];
    }
    /// 0 to below - 1.
    std::uint32_t below(std::uint32_t below) noexcept {
        return static_cast<std::uint32_t>(static_cast<std::uint64_t>(next()) * below >> 32U);
    }

private:
    void refill() noexcept;

    std::array<std::uint32_t, 256> words_{};
    std::size_t used_ = words_.size();
};

}  // namespace nameplane
