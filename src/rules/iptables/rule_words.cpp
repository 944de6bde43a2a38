#include "rules/iptables/rule_words.hpp"

#include "rules/plan.hpp"

#include <array>
#include <utility>

namespace nameplane::rules::iptables {

namespace {

struct StateWord {
    StateMatch::State state;
    std::string_view word;
};
constexpr std::array state_words{
    StateWord{StateMatch::invalid, "INVALID"}, StateWord{StateMatch::fresh, "NEW"},
    StateWord{StateMatch::related, "RELATED"}, StateWord{StateMatch::established, "ESTABLISHED"},
    StateWord{StateMatch::dnat, "DNAT"}};

}  // namespace

void RuleWords::put_states(const StateMatch& match) {
    out_ += match.negated ? " -m conntrack ! --ctstate" : " -m conntrack --ctstate";
    char separator = ' ';
    for (const auto& [state, word] : state_words) {
        if ((match.states & state) == 0) continue;
        out_ += std::exchange(separator, ',');
        out_ += word;
    }
}

void RuleWords::put(const LocalAddressMatch& match) {
    out_ += match.source ? " -m addrtype --src-type LOCAL" : " -m addrtype --dst-type LOCAL";
}

void RuleWords::put(const Verdict& target) {
    switch (target) {
    case Verdict::accept: out_ += " -j ACCEPT"; return;
    case Verdict::drop: out_ += " -j DROP"; return;
    case Verdict::return_: out_ += " -j RETURN"; return;
    }
}

void RuleWords::put(const Dnat& target) {
    std::array<char, PlanEndpoint::text_max> text{};
    const PlanEndpoint endpoint{.address = target.address, .port = target.port};
    out_ += " -j DNAT --to-destination ";
    out_.append(text.data(), endpoint.write_text(text));
}

void RuleWords::put(const Masquerade& target) {
    out_ += target.random_fully ? " -j MASQUERADE --random-fully" : " -j MASQUERADE";
}

}  // namespace nameplane::rules::iptables
