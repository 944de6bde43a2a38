// The words of the configuration to rules.

#include "conf/values.hpp"
#include "plugins/acl/acl.hpp"
#include <nameplane/text.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <string>

namespace nameplane::plugins {

namespace {

using Action = Acl::Action;
using Policy = Acl::Policy;

std::optional<Action> action_of(std::string_view word) noexcept {
    if (same_word(word, "allow")) return Action::allow;
    if (same_word(word, "block")) return Action::block;
    if (same_word(word, "filter")) return Action::filter;
    if (same_word(word, "drop")) return Action::drop;
    return std::nullopt;
}

bool is_section(std::string_view word) noexcept {
    return same_word(word, "type") || same_word(word, "net");
}

/// A network, or an address, which is one of its own.
std::optional<Cidr> network_of(std::string_view word) noexcept {
    if (const auto address = IpAddress::parse(word)) {
        return Cidr::make(*address, address->is_v4() ? 32 : 128);
    }
    return Cidr::parse(word);
}

class PolicyReader {
public:
    PolicyReader(const Statement& line, Mistakes& mistakes) : line_{line}, mistakes_{mistakes} {}

    std::optional<Policy> read() {
        const auto action = action_of(line_.words[0]);
        if (!action) return wrong(line_.words[0], "'allow', 'block', 'filter' or 'drop'");
        policy_.action = *action;
        std::span<const std::string> left{line_.words};
        left = left.subspan(1);
        while (!left.empty()) {
            if (!is_section(left[0])) return wrong(left[0], "'type' or 'net'");
            const auto end = std::ranges::find_if(left.begin() + 1, left.end(), is_section);
            const auto count = static_cast<std::size_t>(end - left.begin());
            if (!read_section(left[0], left.subspan(1, count - 1))) return std::nullopt;
            left = left.subspan(count);
        }
        std::ranges::sort(policy_.types);
        return policy_;
    }

private:
    std::nullopt_t wrong(std::string_view what, std::string_view expected) {
        mistakes_.add(line_.where,
                      "acl: '" + std::string{what} + "', expected " + std::string{expected});
        return std::nullopt;
    }

    bool read_section(const std::string& name, std::span<const std::string> words) {
        const bool types = same_word(name, "type");
        if (words.empty()) {
            wrong(name, types ? "types or '*' behind it" : "networks or '*' behind it");
            return false;
        }
        for (const std::string& word : words) {
            if (word == "*") {
                // All: what an empty list means.
                types ? policy_.types.clear() : policy_.networks.clear();
                return true;
            }
            if (!(types ? add_type(word) : add_network(word))) return false;
        }
        return true;
    }

    bool add_type(const std::string& word) {
        const auto type = dns::parse_type(word);
        if (!type || dns::to_string(*type) != word) {
            wrong(word, "a type such as 'AAAA'");
            return false;
        }
        policy_.types.push_back(*type);
        return true;
    }

    bool add_network(const std::string& word) {
        const auto network = network_of(word);
        if (!network) {
            wrong(word, "a network such as '10.0.0.0/8', or an address");
            return false;
        }
        policy_.networks.push_back(*network);
        return true;
    }

    const Statement& line_;
    Mistakes& mistakes_;
    Policy policy_;
};

class RuleReader {
public:
    RuleReader(Setup& setup, Mistakes& mistakes) : setup_{setup}, mistakes_{mistakes} {}

    Acl::Rule read(const Statement& statement) {
        Acl::Rule rule;
        std::vector<dns::Name> names;
        for (const std::string& word : statement.words) {
            if (conf::add_zones(word, names)) continue;
            mistakes_.add(statement.where, "acl: '" + word + "', expected a zone");
        }
        if (statement.words.empty()) names.assign(setup_.zones.begin(), setup_.zones.end());
        for (const dns::Name& name : names) rule.zones.push_back(zone(name));
        for (const Statement& line : statement.body) {
            if (auto policy = PolicyReader{line, mistakes_}.read()) {
                rule.policies.push_back(std::move(*policy));
            }
        }
        return rule;
    }

private:
    Acl::Zone zone(const dns::Name& name) {
        const auto counter = [&](std::string_view metric, std::string_view help) {
            return &setup_.metrics.counter(metric, help,
                                           {{"server", std::string{setup_.server_label}},
                                            {"zone", name.to_string()},
                                            {"view", std::string{setup_.view}}});
        };
        return {.name = name,
                .blocked = counter("coredns_acl_blocked_requests_total",
                                   "Counter of DNS requests being blocked."),
                .filtered = counter("coredns_acl_filtered_requests_total",
                                    "Counter of DNS requests being filtered."),
                .dropped = counter("coredns_acl_dropped_requests_total",
                                   "Counter of DNS requests being dropped.")};
    }

    Setup& setup_;
    Mistakes& mistakes_;
};

}  // namespace

Result<PluginPtr> Acl::make(const Options& given, Setup& setup) {
    Mistakes mistakes;
    RuleReader reader{setup, mistakes};
    std::vector<Rule> rules;
    for (const Statement& statement : given.statements()) rules.push_back(reader.read(statement));
    if (mistakes.any()) return mistakes.to_error();
    metrics::Counter& allowed = setup.metrics.counter(
        "coredns_acl_allowed_requests_total", "Counter of DNS requests being allowed.",
        {{"server", std::string{setup.server_label}}, {"view", std::string{setup.view}}});
    return PluginPtr{new Acl{std::move(rules), allowed}};
}

}  // namespace nameplane::plugins
