#pragma once
// apply_chain: brings one chain of an open table to what it shall hold, with as few edits as that
// takes, so that rules which stay keep their counters.

#include "rules/iptables/encode.hpp"
#include "rules/iptables/table.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace nameplane::rules::iptables {

/// A chain's name, padded with zeros, so that names compare as libiptc sorts them.
using ChainName = std::array<char, 32>;
ChainName chain_name(std::string_view name) noexcept;

/// What an edit did to a chain.
struct ChainEdit {
    std::size_t inserted = 0;
    std::size_t removed = 0;
    std::size_t edits() const noexcept { return inserted + removed; }
    ChainEdit& operator+=(const ChainEdit& other) noexcept {
        inserted += other.inserted;
        removed += other.removed;
        return *this;
    }
};

enum class Others : std::uint8_t {
    remove,  ///< the chain is ours: what is not wanted goes
    keep,    ///< what is there stays; what is missing is added
};

/// What a chain holds, in one number: equal for the same rules in the same order.
std::uint64_t hash_rules(std::span<const EncodedRule> rules, Family family) noexcept;
/// The same of a chain in the table; a chain that is not there is like an empty one.
std::uint64_t hash_rules(const Table& table, const char* chain);

/// Compares octet by octet; edits only where that differs.
Result<ChainEdit> edit_chain(Table& table, const char* chain, std::span<const EncodedRule> wanted,
                             Others others = Others::remove);

/// The same for long chains of which only the hashes are at hand: `rule` makes rule number i, and
/// is called only for rules that must be written.
Result<ChainEdit> edit_chain(Table& table, const char* chain, std::span<const std::uint64_t> wanted,
                             const std::function<Result<EncodedRule>(std::size_t)>& rule,
                             Others others);

/// Removes chains that are there and empty, in an order that costs libiptc little; `chains` is
/// sorted. Gives back how many went: one to which somebody else's rule jumps stays, which does no
/// harm.
Result<std::size_t> delete_chains(Table& table, const std::vector<ChainName>& chains);

/// Makes sure that the rules `wanted` are in the built-in chain, wherever; missing ones are put
/// next to their neighbours, or at the head.
Result<ChainEdit> ensure_rules(Table& table, const char* chain,
                               std::span<const EncodedRule> wanted);

}  // namespace nameplane::rules::iptables
