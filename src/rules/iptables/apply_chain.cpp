#include "rules/iptables/apply_chain.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace nameplane::rules::iptables {
namespace {

/// libiptc finds a chain by an index of every 40th. Removing one of those may make it build the
/// index anew, which walks all chains.
constexpr std::size_t libiptc_bucket = 40;
/// libiptc walks to a position. Beyond this many steps in all, the chain is written anew.
constexpr std::size_t walk_steps_max = 20'000'000;

struct Step {
    enum class Kind : std::uint8_t { insert, remove };
    Kind kind;
    std::size_t position;
    std::size_t wanted = 0;   ///< insert: which of the wanted rules
    RuleCounters counters{};  ///< insert: of the same rule at its old place
};

struct Present {
    std::vector<std::uint64_t> hashes;
    std::vector<RuleCounters> counters;
};

Present read(const Table& table, const char* chain) {
    Present present;
    table.for_each_rule(chain, [&](const RuleView& rule) {
        present.hashes.push_back(hash_rule(rule, table.family()));
        present.counters.push_back(counters_of(rule.entry, table.family()));
        return true;
    });
    return present;
}

/// Walks both lists at once. A rule that is wanted, but elsewhere, is taken out here and put in
/// there, with its counters.
class Differ {
public:
    Differ(const Present& present, std::span<const std::uint64_t> wanted, Others others)
        : present_{present}, wanted_{wanted}, others_{others} {
        for (const std::uint64_t hash : wanted) ++missing_[hash];
        for (const std::uint64_t hash : present.hashes) ++left_[hash];
    }
    std::vector<Step> run() {
        while (at_present_ < present_.hashes.size() || at_wanted_ < wanted_.size()) step();
        return std::move(steps_);
    }

private:
    void step() {
        if (at_present_ == present_.hashes.size()) return insert();
        const std::uint64_t here = present_.hashes[at_present_];
        if (at_wanted_ < wanted_.size() && here == wanted_[at_wanted_]) return keep(true);
        if (missing_[here] <= 0) return others_ == Others::keep ? keep(false) : remove();
        if (at_wanted_ < wanted_.size() && left_[wanted_[at_wanted_]] <= 0) return insert();
        moved_[here] = present_.counters[at_present_];
        remove();
    }
    void keep(bool is_wanted) {
        --left_[present_.hashes[at_present_++]];
        if (is_wanted) --missing_[wanted_[at_wanted_++]];
        ++position_;
    }
    void remove() {
        --left_[present_.hashes[at_present_++]];
        steps_.push_back({.kind = Step::Kind::remove, .position = position_});
    }
    void insert() {
        const std::uint64_t hash = wanted_[at_wanted_];
        --missing_[hash];
        Step step{.kind = Step::Kind::insert, .position = position_++, .wanted = at_wanted_++};
        if (const auto moved = moved_.find(hash); moved != moved_.end()) {
            step.counters = moved->second;
        }
        steps_.push_back(step);
    }

    const Present& present_;
    std::span<const std::uint64_t> wanted_;
    Others others_;
    std::unordered_map<std::uint64_t, int> missing_;  ///< wanted and not passed yet
    std::unordered_map<std::uint64_t, int> left_;     ///< present and not passed yet
    std::unordered_map<std::uint64_t, RuleCounters> moved_;
    std::vector<Step> steps_;
    std::size_t at_present_ = 0;
    std::size_t at_wanted_ = 0;
    std::size_t position_ = 0;
};

using Maker = std::function<Result<EncodedRule>(std::size_t)>;

Status take(Table& table, const char* chain, const Step& step, const Maker& rule) {
    if (step.kind == Step::Kind::remove) return table.remove(chain, step.position);
    auto made = rule(step.wanted);
    if (!made) return std::move(made).error();
    set_counters(*made, table.family(), step.counters);
    return table.insert(chain, *made, step.position);
}

Status rewrite(Table& table, const char* chain, const Present& present,
               std::span<const std::uint64_t> wanted, const Maker& rule) {
    std::unordered_map<std::uint64_t, RuleCounters> counters;
    for (std::size_t i = 0; i < present.hashes.size(); ++i) {
        counters.emplace(present.hashes[i], present.counters[i]);
    }
    if (auto flushed = table.flush_chain(chain); !flushed) return flushed;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        auto made = rule(i);
        if (!made) return std::move(made).error();
        if (const auto old = counters.find(wanted[i]); old != counters.end()) {
            set_counters(*made, table.family(), old->second);
        }
        if (auto added = table.append(chain, *made); !added) return added;
    }
    return {};
}

bool holds_exactly(const Table& table, const char* chain, std::span<const EncodedRule> wanted) {
    const Family family = table.family();
    const void* entry = table.first_rule(chain);
    for (const EncodedRule& rule : wanted) {
        if (entry == nullptr || !same_rule(view_of(rule, family), table.view(entry), family)) {
            return false;
        }
        entry = table.next_rule(entry);
    }
    return entry == nullptr;
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t next) noexcept {
    hash = (hash ^ next) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 32);
}

Result<ChainEdit> append_all(Table& table, const char* chain, std::span<const EncodedRule> wanted) {
    for (const EncodedRule& rule : wanted) {
        if (auto added = table.append(chain, rule); !added) return std::move(added).error();
    }
    return ChainEdit{.inserted = wanted.size()};
}

struct ByCost {
    std::vector<ChainName> cheap;
    std::vector<ChainName> dear;  ///< those that begin one of libiptc's buckets
};

ByCost by_cost(const Table& table, const std::vector<ChainName>& chains) {
    ByCost split;
    std::size_t place = 0;
    table.for_each_chain([&](const char* chain, bool built_in) {
        if (built_in) return;
        const ChainName name = chain_name(chain);
        const bool begins_bucket = place++ % libiptc_bucket == 0;
        if (std::ranges::binary_search(chains, name))
            (begins_bucket ? split.dear : split.cheap).push_back(name);
    });
    return split;
}

}  // namespace

ChainName chain_name(std::string_view name) noexcept {
    ChainName padded{};
    std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
    return padded;
}

std::uint64_t hash_rules(std::span<const EncodedRule> rules, Family family) noexcept {
    std::uint64_t hash = 0;
    for (const EncodedRule& rule : rules)
        hash = mix(hash, hash_rule(view_of(rule, family), family));
    return mix(hash, rules.size());
}

std::uint64_t hash_rules(const Table& table, const char* chain) {
    std::uint64_t hash = 0;
    std::size_t count = 0;
    table.for_each_rule(chain, [&](const RuleView& rule) {
        hash = mix(hash, hash_rule(rule, table.family()));
        ++count;
        return true;
    });
    return mix(hash, count);
}

Result<std::size_t> delete_chains(Table& table, const std::vector<ChainName>& chains) {
    // First those whose removal costs nothing, which leaves one in 40; then these, from the front:
    // the first of them makes libiptc build its index anew, over what little is left.
    const ByCost split = by_cost(table, chains);
    std::size_t deleted = 0;
    for (const std::vector<ChainName>* some : {&split.cheap, &split.dear}) {
        for (const ChainName& name : *some) {
            auto done = table.delete_chain(name.data());
            if (done)
                ++deleted;
            else if (done.error().code != Errc::conflict)
                return std::move(done).error();
        }
    }
    return deleted;
}

Result<ChainEdit> edit_chain(Table& table, const char* chain, std::span<const std::uint64_t> wanted,
                             const Maker& rule, Others others) {
    const Present present = read(table, chain);
    if (std::ranges::equal(present.hashes, wanted)) return ChainEdit{};
    const std::vector<Step> steps = Differ{present, wanted, others}.run();
    ChainEdit edit;
    edit.inserted =
        static_cast<std::size_t>(std::ranges::count(steps, Step::Kind::insert, &Step::kind));
    edit.removed = steps.size() - edit.inserted;
    const bool appends_only = edit.removed == 0 && present.hashes.empty();
    if (others == Others::remove && !appends_only &&
        steps.size() * std::max(present.hashes.size(), wanted.size()) / 4 > walk_steps_max) {
        if (auto written = rewrite(table, chain, present, wanted, rule); !written) {
            return std::move(written).error();
        }
        return edit;
    }
    for (const Step& step : steps) {
        if (auto taken = take(table, chain, step, rule); !taken) return std::move(taken).error();
    }
    return edit;
}

Result<ChainEdit> edit_chain(Table& table, const char* chain, std::span<const EncodedRule> wanted,
                             Others others) {
    if (holds_exactly(table, chain, wanted)) return ChainEdit{};
    if (table.first_rule(chain) == nullptr) return append_all(table, chain, wanted);
    std::vector<std::uint64_t> hashes;
    hashes.reserve(wanted.size());
    for (const EncodedRule& rule : wanted) {
        hashes.push_back(hash_rule(view_of(rule, table.family()), table.family()));
    }
    return edit_chain(
        table, chain, hashes, [&](std::size_t i) -> Result<EncodedRule> { return wanted[i]; },
        others);
}

Result<ChainEdit> ensure_rules(Table& table, const char* chain,
                               std::span<const EncodedRule> wanted) {
    const Family family = table.family();
    std::vector<std::optional<std::size_t>> places(wanted.size());
    std::size_t position = 0;
    table.for_each_rule(chain, [&](const RuleView& there) {
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (!places[i] && same_rule(view_of(wanted[i], family), there, family)) {
                places[i] = position;
            }
        }
        ++position;
        return true;
    });
    ChainEdit edit;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (places[i]) continue;
        // Behind the nearest of ours that shall stand before it, else before the nearest that shall
        // stand behind it, else first of all.
        std::size_t place = 0;
        if (i > 0) {
            place = *places[i - 1] + 1;
        } else {
            const auto next =
                std::ranges::find_if(places, [](const auto& p) { return p.has_value(); });
            if (next != places.end()) place = **next;
        }
        if (auto put = table.insert(chain, wanted[i], place); !put) return std::move(put).error();
        for (auto& other : places) {
            if (other && *other >= place) ++*other;
        }
        places[i] = place;
        ++edit.inserted;
    }
    return edit;
}

}  // namespace nameplane::rules::iptables
