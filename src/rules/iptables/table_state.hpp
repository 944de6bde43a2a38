#pragma once
// table_state: a legacy table in the kernel's own form, and what is to be otherwise. What was read
// stays where the kernel put it, in one piece of memory that has room for the head of a request in
// front: chains that are not edited are places in it, those that are edited are lists of places in
// it and of new rules. table_commit moves what stays and puts it back: a table is in memory once.
// Private to src/rules/iptables.

#include "base/fd.hpp"
#include "rules/iptables/entry.hpp"
#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory_resource>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {

// The structures of both families have the same layout up to the entries themselves.
static_assert(sizeof(ipt_getinfo) == sizeof(ip6t_getinfo));
static_assert(sizeof(ipt_get_entries) == sizeof(ip6t_get_entries));
static_assert(sizeof(ipt_replace) == sizeof(ip6t_replace));
static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES);
static_assert(IPT_SO_SET_REPLACE == IP6T_SO_SET_REPLACE &&
              IPT_SO_SET_ADD_COUNTERS == IP6T_SO_SET_ADD_COUNTERS);

/// Pages of our own, zeroed as they are got. Not from malloc, which after one large piece keeps as
/// much of what is freed later.
class Pages {
public:
    Pages() = default;
    Pages(Pages&& other) noexcept
        : octets_{std::exchange(other.octets_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    Pages& operator=(Pages&& other) noexcept {
        std::swap(octets_, other.octets_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Pages();
    /// At least so many octets, those that are there among them; false: no memory, errno says so.
    bool grow(std::size_t size);
    std::byte* data() const noexcept { return octets_; }

private:
    std::byte* octets_ = nullptr;
    std::size_t size_ = 0;
};

/// For what consists of many small pieces.
class PageResource final : public std::pmr::memory_resource {
    void* do_allocate(std::size_t size, std::size_t alignment) override;
    void do_deallocate(void* at, std::size_t size, std::size_t alignment) override;
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }
};

inline constexpr std::uint32_t no_place = ~std::uint32_t{0};

struct TableChain;

/// A rule of a chain that is edited.
struct TableRule {
    std::uint32_t from = no_place;  ///< where the kernel's rule is; no_place: it is a new one
    std::uint32_t number = 0;       ///< of the kernel's rule among its entries
    std::uint32_t size = 0;
    const std::byte* added = nullptr;  ///< the new one
    TableChain* jump = nullptr;        ///< and the chain that it leads to, if it does
    bool is_new() const noexcept { return from == no_place; }
};

using TableRules = std::pmr::vector<TableRule>;

/// Offsets are of what the kernel gave; a chain of one's own (not a hook's) begins with an entry
/// that has its name, and every chain ends with one that is no rule (policy, or return).
struct TableChain {
    const char* name = "";
    std::uint32_t head = no_place;  ///< no_place: the kernel does not have it yet
    std::uint32_t first = 0;        ///< the first rule, or `last`
    std::uint32_t last = 0;         ///< what ends it
    std::uint32_t end = 0;          ///< behind that
    std::uint32_t head_number = 0;  ///< of the entry at `head`, or at `first` of a hook's chain
    std::uint32_t last_number = 0;
    std::uint32_t references = 0;  ///< rules that lead here, once TableState::counted
    TableRules* edited = nullptr;  ///< in TableState::memory
    // Where it will be, while a table is put back.
    std::uint32_t new_first = 0;
    std::uint32_t new_last = 0;
    std::uint32_t entries() const noexcept { return last_number - head_number + 1; }
};

struct HookChain {
    unsigned hook = 0;
    TableChain chain;
};

struct JumpPlace {
    std::uint32_t first = 0;
    TableChain* chain = nullptr;
};

/// As libiptc sorts them.
using ChainKey = std::array<char, 32>;
struct ChainKeyLess {
    bool operator()(const ChainKey& a, const ChainKey& b) const noexcept {
        return std::memcmp(a.data(), b.data(), a.size()) < 0;
    }
};
ChainKey chain_key(std::string_view name) noexcept;

struct TableState {
    Family family = Family::ipv4;
    TableName name = TableName::filter;
    UniqueFd fd;
    ipt_getinfo info{};
    Pages octets;
    /// Of all that follows; freed with the state, not before.
    PageResource pages;
    std::pmr::monotonic_buffer_resource memory{memory_first, &pages};
    std::vector<HookChain> hooks;  ///< by hook
    std::pmr::map<ChainKey, TableChain, ChainKeyLess> chains{&memory};
    /// What a jump's number leads to, by that number: chains that the kernel has. One that is taken
    /// out since then stands here still, but no rule leads to it any more.
    std::pmr::vector<JumpPlace> by_first{&memory};
    std::uint32_t end = 0;  ///< the entry that ends the table
    bool counted = false;   ///< references are
    bool changed = false;

    static constexpr std::size_t memory_first = std::size_t{64} * 1024;
    static constexpr std::size_t room = offsetof(ipt_replace, entries);
    std::byte* entries() const noexcept { return octets.data() + room; }
    std::uint32_t offset_of(const std::byte* entry) const noexcept {
        return static_cast<std::uint32_t>(entry - entries());
    }
    int level() const noexcept { return family == Family::ipv4 ? IPPROTO_IP : IPPROTO_IPV6; }

    /// nullptr: there is none that begins there.
    TableChain* chain_at(std::uint32_t first) const noexcept;
    /// The chain that a rule leads to; nullptr: none.
    TableChain* jump_of(const std::byte* entry) const noexcept;
    TableChain* jump_of(const TableRule& rule) const noexcept {
        return rule.is_new() ? rule.jump : jump_of(entry_of(rule));
    }
    const std::byte* entry_of(const TableRule& rule) const noexcept {
        return rule.is_new() ? rule.added : entries() + rule.from;
    }
};

std::uint16_t next_of(const std::byte* entry, Family family) noexcept;
std::byte* target_of(std::byte* entry, Family family) noexcept;
inline const std::byte* target_of(const std::byte* entry, Family family) noexcept {
    return target_of(const_cast<std::byte*>(entry), family);
}
std::string_view target_name(const std::byte* target) noexcept;
/// Of a target without a name: a verdict below zero, or where it leads to.
std::int32_t verdict_of(const std::byte* target) noexcept;
void set_verdict(std::byte* target, std::int32_t verdict) noexcept;

/// Reads and takes apart; false: errno says why.
bool read_table(TableState& state);
/// Puts it back with what was edited, and gives rules that stay the counters that they had; false:
/// errno says why. The state is spent.
bool replace_table(TableState& state);

}  // namespace nameplane::rules::iptables
