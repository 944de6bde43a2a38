#include "rules/iptables/dispatch.hpp"

#include "rules/iptables/render_names.hpp"
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

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

std::string tree_chain_name(const Cidr& network) {
    return chain_name(tree_prefix, hash_of(network.to_string()));
}

Rule tree_jump(const Cidr& network) {
    Rule rule;
    rule.destination = network;
    rule.target = Jump{tree_chain_name(network)};
    return rule;
}

std::vector<NamedChain> divided(Chain rules) {
    std::vector<IpAddress> destinations;
    destinations.reserve(rules.size());
    for (const Rule& rule : rules) {
        NP_CHECK(rule.destination.has_value(), "a Service is asked for by its address");
        destinations.push_back(rule.destination->address());
    }
    std::vector<NamedChain> chains;
    for (const TreeChain& chain : dispatch_tree(destinations)) {
        NamedChain& made = chains.emplace_back();
        made.name = chain.network ? tree_chain_name(*chain.network) : std::string{services_chain};
        for (const TreeEntry& entry : chain.entries) {
            made.rules.push_back(entry.network ? tree_jump(*entry.network)
                                               : std::move(rules[entry.rule]));
        }
    }
    return chains;
}

}  // namespace nameplane::rules::iptables
