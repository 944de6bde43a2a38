#pragma once
// StringPool: one copy of each node name and zone, however many endpoints name it. What nobody
// uses any more is dropped by the writer.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace nameplane::services {

/// A pooled string. Stays where it is until it has no users and the writer tidies up.
struct PooledString {
    std::string text;
    std::atomic<std::uint32_t> users{0};
};

/// acquire() by one thread, the writer; release() by any. Must outlive the users of its strings.
class StringPool {
public:
    /// The pooled `text`, with one user more.
    const PooledString* acquire(std::string_view text);
    /// One user less. The string may vanish with the writer's next acquire().
    void release(const PooledString* string) noexcept;

    std::size_t size() const noexcept { return strings_.size(); }
    std::size_t memory_octets() const noexcept;

    /// Strings without users that are kept before the pool is tidied: a quarter of it, and
    /// always this many.
    static constexpr std::size_t idle_strings_max = 64;

private:
    void tidy();

    std::unordered_map<std::string_view, std::unique_ptr<PooledString>> strings_;
    std::atomic<std::size_t> idle_{0};  ///< how often a last user went since tidy()
};

}  // namespace nameplane::services
