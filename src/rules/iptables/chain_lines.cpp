#include "rules/iptables/chain_lines.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

/// Each edit makes iptables-restore walk the chain; beyond these, writing it anew takes less.
constexpr std::size_t edits_base = 8;
constexpr std::size_t lines_an_edit = 128;

/// Walks both lists at once, as long as what both have stands in the same order.
class Walk {
public:
    Walk(const ChainLines& there, const ChainLines& wanted)
        : there_{there.keys}, wanted_{wanted.keys} {
        for (const std::uint64_t key : there_) ++left_[key];
        for (const std::uint64_t key : wanted_) ++missing_[key];
    }

    /// False: something that stays would have to move.
    bool run() {
        while (at_there_ < there_.size() || at_wanted_ < wanted_.size()) {
            if (!step()) return false;
        }
        return std::ranges::none_of(edits_.removed, [&](std::size_t line) {
            // Named by what it says, it could be taken for one that stays.
            return std::ranges::count(wanted_, there_[line]) != 0;
        });
    }
    LineEdits take() && { return std::move(edits_); }

private:
    bool step() {
        const bool more_wanted = at_wanted_ < wanted_.size();
        if (at_there_ < there_.size()) {
            const std::uint64_t here = there_[at_there_];
            if (more_wanted && here == wanted_[at_wanted_]) {
                --missing_[here];
                ++at_wanted_;
                pass();
                return true;
            }
            if (missing_[here] <= 0) {
                edits_.removed.push_back(at_there_);
                pass();
                return true;
            }
            if (!more_wanted || left_[wanted_[at_wanted_]] > 0) return false;
        }
        --missing_[wanted_[at_wanted_]];
        edits_.inserted.push_back({.place = ++place_, .line = at_wanted_++});
        return true;
    }
    void pass() {
        --left_[there_[at_there_++]];
        ++place_;
    }

    const std::vector<std::uint64_t>& there_;
    const std::vector<std::uint64_t>& wanted_;
    std::unordered_map<std::uint64_t, int> left_;     ///< there and not passed yet
    std::unordered_map<std::uint64_t, int> missing_;  ///< wanted and not passed yet
    LineEdits edits_;
    std::size_t at_there_ = 0;
    std::size_t at_wanted_ = 0;
    std::size_t place_ = 0;
};

}  // namespace

LineEdits edits_between(const ChainLines& there, const ChainLines& wanted) {
    if (there.keys == wanted.keys) return {};
    LineEdits anew{.anew = true};
    if (there.keys.size() < edited_lines_min || wanted.keys.empty()) return anew;
    Walk walk{there, wanted};
    if (!walk.run()) return anew;
    LineEdits edits = std::move(walk).take();
    const std::size_t edits_max = edits_base + wanted.keys.size() / lines_an_edit;
    return edits.inserted.size() + edits.removed.size() > edits_max ? anew : edits;
}

}  // namespace nameplane::rules::iptables
