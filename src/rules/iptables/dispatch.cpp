#include "rules/iptables/dispatch.hpp"

#include "rules/iptables/render_names.hpp"
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <bit>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>
#include <variant>

namespace nameplane::rules::iptables {
namespace {

/// So many bits of the address are decided by one chain.
constexpr unsigned step_bits = 4;

unsigned bits_of(const IpAddress& address) {
    return static_cast<unsigned>(address.bytes().size() * 8);
}

/// How many leading bits two addresses of one family have in common.
unsigned common_bits(const IpAddress& a, const IpAddress& b) {
    const auto left = a.bytes();
    const auto right = b.bytes();
    for (std::size_t i = 0; i < left.size(); ++i) {
        const auto differs = static_cast<std::uint8_t>(left[i] ^ right[i]);
        if (differs != 0) {
            return static_cast<unsigned>(i * 8) + static_cast<unsigned>(std::countl_zero(differs));
        }
    }
    return bits_of(a);
}

class TreeBuilder {
public:
    explicit TreeBuilder(std::span<const IpAddress> destinations)
        : destinations_{destinations}, order_(destinations.size()) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::ranges::stable_sort(order_, {}, [&](std::size_t rule) { return destinations[rule]; });
    }

    std::vector<TreeChain> build() {
        add(std::nullopt, order_);
        return std::move(chains_);
    }

private:
    using Rules = std::span<const std::size_t>;

    const IpAddress& destination(std::size_t rule) const { return destinations_[rule]; }

    void add(const std::optional<Cidr>& network, Rules rules) {
        const std::size_t index = chains_.size();
        chains_.push_back({network, {}});
        std::vector<TreeEntry> entries;
        const bool one_address =
            rules.empty() || destination(rules.front()) == destination(rules.back());
        if (rules.size() <= undivided_rules_max || one_address) {
            for (const std::size_t rule : rules) entries.push_back({rule, std::nullopt});
        } else {
            divide(rules, entries);
        }
        chains_[index].entries = std::move(entries);
    }

    void divide(Rules rules, std::vector<TreeEntry>& entries) {
        const unsigned common = common_bits(destination(rules.front()), destination(rules.back()));
        const unsigned decided = (common / step_bits + 1) * step_bits;
        while (!rules.empty()) {
            const Cidr network = *Cidr::make(destination(rules.front()), decided);
            const auto end = std::ranges::find_if_not(
                rules, [&](std::size_t rule) { return network.contains(destination(rule)); });
            const Rules inside = rules.first(static_cast<std::size_t>(end - rules.begin()));
            rules = rules.subspan(inside.size());
            if (inside.size() == 1) {
                entries.push_back({inside.front(), std::nullopt});
                continue;
            }
            entries.push_back({0, network});
            add(network, inside);
        }
    }

    std::span<const IpAddress> destinations_;
    std::vector<std::size_t> order_;
    std::vector<TreeChain> chains_;
};

}  // namespace

std::vector<TreeChain> dispatch_tree(std::span<const IpAddress> destinations) {
    return TreeBuilder{destinations}.build();
}

std::vector<TreeChain> dispatch_tree(std::span<const TreeKey> rules) {
    std::vector<IpAddress> destinations;
    std::vector<std::size_t> divided;
    std::vector<std::size_t> kept;
    std::set<std::pair<services::Protocol, std::uint16_t>> anywhere;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const TreeKey& rule = rules[i];
        if (!rule.destination) anywhere.emplace(rule.protocol, rule.port);
        if (anywhere.contains({rule.protocol, rule.port})) {
            kept.push_back(i);
            continue;
        }
        divided.push_back(i);
        destinations.push_back(*rule.destination);
    }
    std::vector<TreeChain> chains = dispatch_tree(destinations);
    for (TreeChain& chain : chains) {
        for (TreeEntry& entry : chain.entries) {
            if (!entry.network) entry.rule = divided[entry.rule];
        }
    }
    for (const std::size_t rule : kept) chains.front().entries.push_back({rule, std::nullopt});
    return chains;
}

TreeKey tree_key(const Rule& rule) {
    TreeKey key;
    if (rule.destination) key.destination = rule.destination->address();
    const auto port = std::ranges::find_if(
        rule.matches, [](const Match& match) { return std::holds_alternative<DportMatch>(match); });
    NP_CHECK(rule.protocol && port != rule.matches.end(), "a Service is asked for by its port");
    key.protocol = *rule.protocol;
    key.port = std::get<DportMatch>(*port).port;
    return key;
}

std::string tree_chain_name(const TreeRoot& root, const Cidr& network) {
    return chain_name(tree_prefix, hash_of(std::string{root.seed} + network.to_string()));
}

Rule tree_jump(const TreeRoot& root, const Cidr& network) {
    Rule rule;
    rule.destination = network;
    rule.target = Jump{tree_chain_name(root, network)};
    return rule;
}

std::vector<NamedChain> divided(const TreeRoot& root, Chain rules) {
    std::vector<TreeKey> keys;
    keys.reserve(rules.size());
    std::ranges::transform(rules, std::back_inserter(keys), tree_key);
    std::vector<NamedChain> chains;
    for (const TreeChain& chain : dispatch_tree(keys)) {
        NamedChain& made = chains.emplace_back();
        made.name = chain.network ? tree_chain_name(root, *chain.network) : std::string{root.chain};
        for (const TreeEntry& entry : chain.entries) {
            made.rules.push_back(entry.network ? tree_jump(root, *entry.network)
                                               : std::move(rules[entry.rule]));
        }
    }
    return chains;
}

}  // namespace nameplane::rules::iptables
