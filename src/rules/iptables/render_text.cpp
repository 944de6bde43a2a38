#include "rules/iptables/apply_pass.hpp"
#include "rules/iptables/dispatch.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/render_names.hpp"
#include "rules/iptables/rule_words.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace nameplane::rules::iptables {
namespace {

/// Writes the arguments of one rule to the end of a text, in the order in which kube-proxy writes
/// them: address and interface stand behind the port where there is one, before a connection state,
/// else behind all matches.
class RuleText : RuleWords {
public:
    RuleText(const Rule& rule, std::string& out) : RuleWords{out}, rule_{rule} {}

    void write() {
        for (const Match& match : rule_.matches) {
            std::visit([this](const auto& item) { put(item); }, match);
        }
        put_protocol();
        put_destination();
        put_source();
        std::visit([this](const auto& target) { put(target); }, rule_.target);
    }

private:
    using RuleWords::put;

    void put_protocol() {
        if (!rule_.protocol || std::exchange(protocol_done_, true)) return;
        add_words(" -p ", to_string(*rule_.protocol));
    }
    void put_network(std::string_view option, const Cidr& network, bool negated, bool range) {
        if (negated) out_ += " !";
        out_ += option;
        std::array<char, 46> text{};
        out_.append(text.data(), network.address().write_text(text));
        if (negated || range || network.prefix() != network.address().bytes().size() * 8) {
            add("/{}", network.prefix());
        }
    }
    void put_destination() {
        if (!rule_.destination || std::exchange(destination_done_, true)) return;
        put_network(" -d ", *rule_.destination, rule_.destination_negated, false);
    }
    /// Where the packet comes from: address, interface.
    void put_source() {
        if (std::exchange(source_done_, true)) return;
        if (rule_.source) {
            put_network(" -s ", *rule_.source, rule_.source_negated, rule_.source_is_range);
        }
        if (!rule_.in_interface.empty()) {
            if (rule_.in_interface_negated) out_ += " !";
            add_words(" -i ", rule_.in_interface);
        }
    }
    void put_protocol_match() {
        if (!rule_.protocol) return;
        add_words(" -m ", to_string(*rule_.protocol));
        put_protocol();
        put_destination();
    }

    void put(const CommentMatch& match) {
        const bool quoted = match.text.find(' ') != std::string::npos;
        out_ += quoted ? " -m comment --comment \"" : " -m comment --comment ";
        out_ += match.text;
        if (quoted) out_ += '"';
    }
    void put(const DportMatch& match) {
        put_protocol_match();
        add(" --dport {}", match.port);
    }
    void put(const DportRangeMatch& match) {
        put_protocol_match();
        add(" --dport {}:{}", match.first, match.last);
    }
    void put(const SportMatch& match) {
        put_protocol_match();
        add(" --sport {}", match.port);
    }
    void put(const ProtocolMatch&) { put_protocol_match(); }
    void put(const RandomMatch& match) {
        add(" -m statistic --mode random --probability {:.10f}", 1.0 / match.n);
    }
    void put(const StateMatch& match) {
        put_destination();
        put_source();
        put_states(match);
    }
    void put(const MarkMatch& match) {
        add(" -m mark{} --mark 0x{:08x}/0x{:08x}", match.negated ? " !" : "", match.value,
            match.mask);
    }
    void put(const RecentMatch& match) {
        add_words(" -m recent --name ", match.list);
        if (match.seconds == 0) {
            out_ += " --set";
        } else {
            add(" --rcheck --seconds {} --reap", match.seconds);
        }
    }

    void put(const CounterMatch& match) {
        put_destination();
        add_words(" -m nfacct --nfacct-name ", match.name);
    }

    void put(const Reject&) { out_ += " -j REJECT"; }
    void put(const SetMark& target) {
        add(" -j MARK {} 0x{:08x}", target.exclusive ? "--xor-mark" : "--or-mark", target.value);
    }
    void put(const NoTrack&) { out_ += " -j NOTRACK"; }

    const Rule& rule_;
    bool protocol_done_ = false;
    bool destination_done_ = false;
    bool source_done_ = false;
};

/// One table while it is being collected: chain lines stand before all rules.
struct TableText {
    std::string chains;
    std::string rules;

    void declare(std::string_view chain) {
        chains += ':';
        chains += chain;
        chains += " - [0:0]\n";
    }
    void add(std::string_view verb, std::string_view chain, const Rule& rule) {
        rules += verb;
        rules += chain;
        RuleText{rule, rules}.write();
        rules += '\n';
    }
    void add(std::string_view chain, const Chain& made) {
        for (const Rule& rule : made) add("-A ", chain, rule);
    }
    void add(const std::vector<NamedChain>& made) {
        for (const NamedChain& chain : made) {
            declare(chain.name);
            add(chain.name, chain.rules);
        }
    }
    /// Each is put at the head of its chain, so the last one first.
    void add_jumps(const BaseRules& base, TableName table) {
        for (auto jump = base.jumps.rbegin(); jump != base.jumps.rend(); ++jump) {
            if (jump->table == table) add("-I ", jump->built_in, jump->rule);
        }
    }
    void append_to(std::string& out, std::string_view name) const {
        out += '*';
        out += name;
        out += '\n';
        out += chains;
        out += rules;
        out += "COMMIT\n";
    }
};

/// Moves what stands in shared chains from the rules of one Service to those of all.
void take_shared(ServiceRules& rules, ServiceRules& all) {
    for (const SharedChain& shared : shared_chains) {
        std::ranges::move(std::exchange(rules.*shared.rules, {}),
                          std::back_inserter(all.*shared.rules));
    }
}

}  // namespace

std::string to_text(const Rule& rule) {
    std::string text;
    RuleText{rule, text}.write();
    if (!text.empty()) text.erase(0, 1);
    return text;
}

std::string to_restore_text(const Plan& plan) {
    const bool large = plan.endpoint_count > large_cluster_endpoints;
    const BaseRules base = render_base(plan.settings);
    const bool tree = plan.settings.dispatch == Dispatch::tree;
    ServiceRules dispatched;  // of the trees
    TableText filter;
    TableText nat;
    TableText mangle;
    // KUBE-FORWARD stands behind the Services, as kube-proxy writes it.
    for (const NamedChain& chain : base.filter_chains) {
        filter.declare(chain.name);
        if (chain.name != forward_chain) filter.add(chain.name, chain.rules);
    }
    nat.add(base.nat_chains);
    mangle.add(base.mangle_chains);
    for (const auto& service : plan.services) {
        ServiceRules rules = render_service(*service, plan.settings, large);
        if (tree) take_shared(rules, dispatched);
        filter.add(services_chain, rules.filter_services);
        filter.add(external_services_chain, rules.filter_external_services);
        filter.add(nodeports_chain, rules.filter_nodeports);
        filter.add(proxy_firewall_chain, rules.filter_proxy_firewall);
        nat.add(services_chain, rules.nat_services);
        nat.add(nodeports_chain, rules.nat_nodeports);
        nat.add(rules.nat_chains);
    }
    for (const SharedChain& shared : shared_chains) {
        if (!tree) break;
        TableText& text = shared.table == TableName::nat ? nat : filter;
        for (const NamedChain& chain : divided(shared.tree, std::move(dispatched.*shared.rules))) {
            if (chain.name != shared.name) text.declare(chain.name);
            text.add(chain.name, chain.rules);
        }
    }
    nat.add(services_chain, base.nat_services_tail);
    for (const NamedChain& chain : base.filter_chains) {
        if (chain.name == forward_chain) filter.add(chain.name, chain.rules);
    }
    filter.add_jumps(base, TableName::filter);
    nat.add_jumps(base, TableName::nat);
    mangle.add_jumps(base, TableName::mangle);

    std::string out;
    out.reserve(filter.rules.size() + nat.chains.size() + nat.rules.size() + 4096);
    filter.append_to(out, "filter");
    nat.append_to(out, "nat");
    mangle.append_to(out, "mangle");
    return out;
}

}  // namespace nameplane::rules::iptables
