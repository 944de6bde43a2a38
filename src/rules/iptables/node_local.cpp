#include "rules/iptables/node_local.hpp"

#include "rules/iptables/lock.hpp"
#include "rules/iptables/table.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

using services::Protocol;

constexpr const char* skip_conntrack = "NodeLocal DNS Cache: skip conntrack";
constexpr const char* allow_traffic = "NodeLocal DNS Cache: allow DNS traffic";
constexpr int attempts_max = 3;
constexpr std::array both_tables{TableName::raw, TableName::filter};

// The rules of one address.
class Rules {
public:
    Rules(const NodeLocalOptions& options, const IpAddress& address, std::vector<PlacedRule>& all)
        : options_{options}, host_{*Cidr::make(address, address.is_v4() ? 32 : 128)}, all_{all} {}

    void add() {
        const std::uint16_t dns = options_.dns_port;
        const std::uint16_t health = options_.health_port;
        for (const Protocol protocol : both) to("PREROUTING", protocol, dns, NoTrack{});
        for (const Protocol protocol : both) to("INPUT", protocol, dns, Verdict::accept);
        for (const Protocol protocol : both) from("OUTPUT", protocol, dns, NoTrack{});
        for (const Protocol protocol : both) from("OUTPUT", protocol, dns, Verdict::accept);
        // Queries of this machine itself, of pods with hostNetwork among others.
        for (const Protocol protocol : both) to("OUTPUT", protocol, dns, NoTrack{});
        to("OUTPUT", Protocol::tcp, health, NoTrack{});
        from("OUTPUT", Protocol::tcp, health, NoTrack{});
    }

private:
    static constexpr std::array both{Protocol::tcp, Protocol::udp};

    void to(const char* chain, Protocol protocol, std::uint16_t port, Target target) {
        Rule rule;
        rule.destination = host_;
        rule.matches.emplace_back(DportMatch{port});
        if (options_.only_while_local && std::holds_alternative<NoTrack>(target)) {
            rule.matches.emplace_back(LocalAddressMatch{});
        }
        put(chain, protocol, std::move(rule), std::move(target));
    }
    void from(const char* chain, Protocol protocol, std::uint16_t port, Target target) {
        Rule rule;
        rule.source = host_;
        rule.matches.emplace_back(SportMatch{port});
        put(chain, protocol, std::move(rule), std::move(target));
    }
    void put(const char* chain, Protocol protocol, Rule rule, Target target) {
        const bool untracked = std::holds_alternative<NoTrack>(target);
        rule.protocol = protocol;
        rule.matches.emplace_back(CommentMatch{untracked ? skip_conntrack : allow_traffic});
        rule.target = std::move(target);
        all_.push_back({untracked ? TableName::raw : TableName::filter, chain, std::move(rule)});
    }

    const NodeLocalOptions& options_;
    Cidr host_;
    std::vector<PlacedRule>& all_;
};

// Positions of `wanted` in its chain, the first one first.
std::vector<std::size_t> positions_of(const Table& table, const char* chain,
                                      const EncodedRule& wanted) {
    const RuleView view = view_of(wanted, table.family());
    std::vector<std::size_t> positions;
    std::size_t position = 0;
    table.for_each_rule(chain, [&](const RuleView& rule) {
        if (same_rule(rule, view, table.family())) positions.push_back(position);
        ++position;
        return true;
    });
    return positions;
}

// One more if it is missing.
Result<std::size_t> ensure(Table& table, const char* chain, const EncodedRule& rule) {
    if (!positions_of(table, chain, rule).empty()) return std::size_t{0};
    if (Status put = table.insert(chain, rule, 0); !put) return std::move(put).error();
    return std::size_t{1};
}

Result<std::size_t> remove(Table& table, const char* chain, const EncodedRule& rule) {
    const std::vector<std::size_t> positions = positions_of(table, chain, rule);
    for (auto position = positions.rbegin(); position != positions.rend(); ++position) {
        if (Status gone = table.remove(chain, *position); !gone) return std::move(gone).error();
    }
    return positions.size();
}

using Edit = Result<std::size_t> (*)(Table&, const char*, const EncodedRule&);

// Edits one table, again when somebody was in between; how many rules that changed.
Result<std::size_t> edit_table(Family family, TableName name, const std::vector<PlacedRule>& rules,
                               Edit edit) {
    for (int attempt = 0;; ++attempt) {
        Result<Table> table = Table::open(family, name);
        if (!table) return std::move(table).error();
        std::size_t edits = 0;
        for (const PlacedRule& placed : rules) {
            if (placed.table != name) continue;
            const Result<EncodedRule> encoded = encode(placed.rule, family, {});
            if (!encoded) return encoded.error();
            Result<std::size_t> done = edit(*table, placed.chain.c_str(), *encoded);
            if (!done) return done;
            edits += *done;
        }
        if (edits == 0) return edits;
        Status committed = table->commit();
        if (committed) return edits;
        if (committed.error().code != Errc::again || attempt + 1 == attempts_max) {
            return std::move(committed).error();
        }
    }
}

std::vector<Family> families_of(const NodeLocalOptions& options) {
    std::vector<Family> families;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (std::ranges::count(options.addresses, family, &IpAddress::family) != 0) {
            families.push_back(family);
        }
    }
    return families;
}

}  // namespace

std::vector<PlacedRule> node_local_rules(const NodeLocalOptions& options, Family family) {
    std::vector<PlacedRule> all;
    for (const IpAddress& address : options.addresses) {
        if (address.family() == family) Rules{options, address, all}.add();
    }
    return all;
}

Result<std::size_t> ensure_node_local_rules(const NodeLocalOptions& options) {
    auto lock = XtablesLock::take(options.lock_path, options.lock_wait);
    if (!lock) return std::move(lock).error();
    std::size_t added = 0;
    for (const Family family : families_of(options)) {
        const std::vector<PlacedRule> rules = node_local_rules(options, family);
        // What is not tracked must pass the filter already.
        for (const TableName table : {TableName::filter, TableName::raw}) {
            Result<std::size_t> done = edit_table(family, table, rules, ensure);
            if (!done) return done;
            added += *done;
        }
    }
    return added;
}

Status remove_node_local_rules(const NodeLocalOptions& options) {
    auto lock = XtablesLock::take(options.lock_path, options.lock_wait);
    if (!lock) return std::move(lock).error();
    Status first;
    for (const Family family : families_of(options)) {
        for (const TableName table : both_tables) {
            NodeLocalOptions variant = options;
            std::vector<PlacedRule> rules;
            for (const bool only_while_local : {false, true}) {
                variant.only_while_local = only_while_local;
                for (PlacedRule& rule : node_local_rules(variant, family)) {
                    rules.push_back(std::move(rule));
                }
            }
            Result<std::size_t> gone = edit_table(family, table, rules, remove);
            if (!gone && first) first = std::move(gone).error();
        }
    }
    return first;
}

}  // namespace nameplane::rules::iptables
