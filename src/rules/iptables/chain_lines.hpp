#pragma once
// chain_lines: the rules of a chain as lines of text, and how to come from one such list to another
// with as few lines as `iptables-restore --noflush` needs. Pure.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::rules::iptables {

/// Rules without "-A CHAIN", in order.
struct ChainLines {
    std::vector<std::string> texts;
    /// What tells them apart, one a text: texts of one rule may differ.
    std::vector<std::uint64_t> keys;
    void add(std::string text, std::uint64_t key) {
        texts.push_back(std::move(text));
        keys.push_back(key);
    }
};

/// How a chain gets what it shall hold.
struct LineEdits {
    struct Insertion {
        std::size_t place = 0;  ///< in the chain, from 1, while what goes is still there
        std::size_t line = 0;   ///< of the lines wanted
    };
    /// Emptied and written anew instead: the chain is short, or much of it is another.
    bool anew = false;
    std::vector<Insertion> inserted;   ///< by place: each counts those before it
    std::vector<std::size_t> removed;  ///< of the lines there
    bool none() const noexcept { return !anew && inserted.empty() && removed.empty(); }
};

/// A shorter chain is written anew: to edit one, the program must read it first.
inline constexpr std::size_t edited_lines_min = 32;

LineEdits edits_between(const ChainLines& there, const ChainLines& wanted);

}  // namespace nameplane::rules::iptables
