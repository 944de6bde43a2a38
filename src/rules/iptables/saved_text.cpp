#include "rules/iptables/saved_text.hpp"

#include "rules/iptables/rule_words.hpp"
#include "rules/nftables/xtables_rules.hpp"
#include "rules/plan.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <variant>

namespace nameplane::rules::iptables {
namespace {

/// The kernel has probabilities as fractions of this.
constexpr double probability_one = 2147483648.0;

class SavedText : RuleWords {
public:
    SavedText(const Rule& rule, Family family, std::string& out)
        : RuleWords{out}, rule_{rule}, family_{family}, begin_{out.size()} {}

    void write() {
        put_network(" -s ", rule_.source, rule_.source_negated);
        put_network(" -d ", rule_.destination, rule_.destination_negated);
        if (!rule_.in_interface.empty()) {
            out_ += rule_.in_interface_negated ? " ! -i " : " -i ";
            out_ += rule_.in_interface;
        }
        if (rule_.protocol) add_words(" -p ", to_string(*rule_.protocol));
        for (const Match& match : rule_.matches) {
            std::visit([this](const auto& item) { put(item); }, match);
        }
        std::visit([this](const auto& target) { put(target); }, rule_.target);
        if (out_.size() > begin_) out_.erase(begin_, 1);  // the first space
    }

private:
    using RuleWords::put;

    void put_network(std::string_view option, const std::optional<Cidr>& network, bool negated) {
        if (!network || (network->prefix() == 0 && !negated)) return;
        if (negated) out_ += " !";
        out_ += option;
        std::array<char, 46> text{};
        out_.append(text.data(), network->address().write_text(text));
        add("/{}", network->prefix());
    }
    void put_port(std::string_view option, std::uint16_t port) {
        put(ProtocolMatch{});
        add("{}{}", option, port);
    }

    void put(const CommentMatch& match) {
        out_ += " -m comment --comment ";
        nftables::append_comment(match.text, out_);
    }
    void put(const DportMatch& match) { put_port(" --dport ", match.port); }
    void put(const DportRangeMatch& match) {
        put(ProtocolMatch{});
        add(" --dport {}:{}", match.first, match.last);
    }
    void put(const SportMatch& match) { put_port(" --sport ", match.port); }
    void put(const ProtocolMatch&) {
        if (rule_.protocol) add_words(" -m ", to_string(*rule_.protocol));
    }
    void put(const RandomMatch& match) {
        // Ten digits go in: see to_text().
        const double given = std::round(1e10 / match.n) / 1e10;
        add(" -m statistic --mode random --probability {:.11f}",
            std::round(given * probability_one) / probability_one);
    }
    void put(const StateMatch& match) { put_states(match); }
    void put(const MarkMatch& match) {
        add(" -m mark{} --mark 0x{:x}/0x{:x}", match.negated ? " !" : "", match.value, match.mask);
    }
    void put(const RecentMatch& match) {
        out_ += " -m recent";
        if (match.seconds == 0) {
            out_ += " --set";
        } else {
            add(" --rcheck --seconds {} --reap", match.seconds);
        }
        add_words(" --name ", match.list);
        out_ += family_ == Family::ipv4 ? " --mask 255.255.255.255 --rsource"
                                        : " --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                                          "--rsource";
    }
    void put(const CounterMatch& match) { add_words(" -m nfacct --nfacct-name ", match.name); }

    void put(const Reject&) {
        out_ += family_ == Family::ipv4 ? " -j REJECT --reject-with icmp-port-unreachable"
                                        : " -j REJECT --reject-with icmp6-port-unreachable";
    }
    void put(const SetMark& target) {
        add(" -j MARK --set-xmark 0x{:x}/0x{:x}", target.value,
            target.exclusive ? 0U : target.value);
    }
    void put(const NoTrack&) { out_ += " -j CT --notrack"; }

    const Rule& rule_;
    Family family_;
    std::size_t begin_;
};

}  // namespace

void append_saved_text(const Rule& rule, Family family, std::string& out) {
    SavedText{rule, family, out}.write();
}

}  // namespace nameplane::rules::iptables
