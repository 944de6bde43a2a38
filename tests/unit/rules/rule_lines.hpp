#pragma once
// Rules as the lines that people read, for tests that compare whole chains.

#include "rules/iptables/render.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::tests {

using Lines = std::vector<std::string>;

inline void add_lines(Lines& lines, std::string_view chain, const rules::iptables::Chain& rules) {
    for (const rules::iptables::Rule& rule : rules) {
        const std::string text = to_text(rule);
        lines.push_back("-A " + std::string{chain} + (text.empty() ? "" : " ") + text);
    }
}

inline Lines nat_lines(const rules::iptables::ServiceRules& rules) {
    Lines lines;
    add_lines(lines, "KUBE-SERVICES", rules.nat_services);
    add_lines(lines, "KUBE-NODEPORTS", rules.nat_nodeports);
    for (const auto& chain : rules.nat_chains) add_lines(lines, chain.name, chain.rules);
    return lines;
}

inline Lines filter_lines(const rules::iptables::ServiceRules& rules) {
    Lines lines;
    add_lines(lines, "KUBE-SERVICES", rules.filter_services);
    add_lines(lines, "KUBE-EXTERNAL-SERVICES", rules.filter_external_services);
    add_lines(lines, "KUBE-NODEPORTS", rules.filter_nodeports);
    add_lines(lines, "KUBE-PROXY-FIREWALL", rules.filter_proxy_firewall);
    return lines;
}

}  // namespace nameplane::tests
