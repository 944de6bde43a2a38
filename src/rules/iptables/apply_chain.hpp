#pragma once
// apply_chain: brings one chain of an open table to what it shall hold, with as few edits as that
// takes, so that rules which stay keep their counters.

#include "rules/iptables/encode.hpp"
#include "rules/iptables/table.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace nameplane::rules::iptables {

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

/// Compares octet by octet; edits only where that differs.
Result<ChainEdit> edit_chain(Table& table, const char* chain, std::span<const EncodedRule> wanted,
                             Others others = Others::remove);

/// The same for long chains of which only the hashes are at hand: `rule` makes rule number i, and
/// is called only for rules that must be written.
Result<ChainEdit> edit_chain(Table& table, const char* chain, std::span<const std::uint64_t> wanted,
                             const std::function<Result<EncodedRule>(std::size_t)>& rule,
                             Others others);

/// Makes sure that the rules `wanted` are in the built-in chain, wherever; missing ones are put
/// next to their neighbours, or at the head.
Result<ChainEdit> ensure_rules(Table& table, const char* chain,
                               std::span<const EncodedRule> wanted);

}  // namespace nameplane::rules::iptables
