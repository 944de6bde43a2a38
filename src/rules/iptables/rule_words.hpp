#pragma once
// RuleWords: the arguments of a rule that programs read as iptables-save writes them, whose words
// are the same in both. Private to src/rules/iptables.

#include "rules/iptables/rule.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

namespace nameplane::rules::iptables {

/// Writes to the end of a text. Who derives from it has put() for whatever else a rule can hold.
class RuleWords {
protected:
    explicit RuleWords(std::string& out) : out_{out} {}

    template <class... Args>
    void add(fmt::format_string<const Args&...> format, const Args&... args) {
        fmt::vformat_to(std::back_inserter(out_), format, fmt::make_format_args(args...));
    }
    void add_words(std::string_view a, std::string_view b) {
        out_ += a;
        out_ += b;
    }

    void put_states(const StateMatch& match);
    void put(const LocalAddressMatch& match);
    void put(const NoTarget&) {}
    void put(const Jump& target) { add_words(" -j ", target.chain); }
    void put(const Verdict& target);
    void put(const Dnat& target);
    void put(const Masquerade& target);

    std::string& out_;
};

}  // namespace nameplane::rules::iptables
