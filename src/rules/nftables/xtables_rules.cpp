#include "rules/nftables/xtables_rules.hpp"

#include "rules/answer.hpp"
#include "rules/nftables/kernel_table.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_nfacct.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace nameplane::rules::nftables {
namespace {

using Octets = std::span<const std::uint8_t>;

/// Up to the first NUL, if there is one.
std::string_view text_of(Octets octets) {
    const auto end = std::ranges::find(octets, std::uint8_t{0});
    return {reinterpret_cast<const char*>(octets.data()),
            static_cast<std::size_t>(end - octets.begin())};
}

/// What iptables takes as a chain's name, at most; nf_tables takes longer ones.
constexpr std::size_t chain_name_max = XT_EXTENSION_MAXNAMELEN - 1;
/// The same of a comment.
constexpr std::size_t comment_max = XT_MAX_COMMENT_LEN - 1;

/// Whether a character of a name stands for itself in a line; the kernel takes any in most names.
bool is_of_word(char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f' && c != '"' && c != '\'' && c != '\\';
}
bool is_word(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, is_of_word);
}
/// As one word: no name of ours is changed by that.
void append_name(std::string_view name, std::string& out) {
    std::ranges::transform(name, std::back_inserter(out),
                           [](char c) { return is_of_word(c) ? c : '?'; });
}

/// The attributes inside of one that is nested, by type.
class Attributes {
public:
    explicit Attributes(Octets inside) {
        while (inside.size() >= sizeof(nlattr)) {
            nlattr head{};
            std::memcpy(&head, inside.data(), sizeof head);
            if (head.nla_len < sizeof head || head.nla_len > inside.size()) return;
            const std::size_t type = head.nla_type & NLA_TYPE_MASK;
            const Octets data = inside.subspan(sizeof head, head.nla_len - sizeof head);
            if (type < all_.size()) all_[type] = data;
            each_.push_back(data);
            inside = inside.subspan(
                std::min(inside.size(), (std::size_t{head.nla_len} + 3) & ~std::size_t{3}));
        }
    }
    Octets operator[](std::size_t type) const { return all_[type]; }
    const std::vector<Octets>& each() const { return each_; }
    std::string_view text(std::size_t type) const { return text_of(all_[type]); }
    std::uint32_t number(std::size_t type) const {
        std::uint32_t value = 0;
        if (all_[type].size() == sizeof value) std::memcpy(&value, all_[type].data(), sizeof value);
        return ntohl(value);
    }
    /// What NFTA_DATA_VALUE inside holds.
    Octets value(std::size_t type) const { return Attributes{all_[type]}[NFTA_DATA_VALUE]; }

private:
    std::array<Octets, 16> all_{};
    std::vector<Octets> each_;
};

template <class T> std::optional<T> as(Octets octets) {
    if (octets.size() < sizeof(T)) return std::nullopt;
    T value{};
    std::memcpy(&value, octets.data(), sizeof value);
    return value;
}

std::string_view protocol_name(std::uint8_t number) {
    switch (number) {
    case IPPROTO_TCP: return "tcp";
    case IPPROTO_UDP: return "udp";
    case IPPROTO_SCTP: return "sctp";
    default: return {};
    }
}

/// Reads the expressions of one rule. What it does not know makes the rule an unknown one.
class RuleReader {
public:
    explicit RuleReader(Family family) : family_{family} {}

    void read(Octets expressions) {
        const Attributes list{expressions};
        for (const Octets each : list.each()) {
            const Attributes expression{each};
            if (!one(expression.text(NFTA_EXPR_NAME), Attributes{expression[NFTA_EXPR_DATA]}))
                known_ = false;
        }
        known_ = known_ && loaded_ == Loaded::nothing;
    }
    void append_to(std::string& out) const {
        if (!known_) {
            out += " ?";
        } else {
            for (const std::string* part : {&source_, &destination_, &interface_}) out += *part;
            if (!protocol_.empty()) add(out, " -p {}", protocol_);
            out += matches_;
        }
        out += target_;
    }

private:
    enum class Loaded : std::uint8_t {
        nothing,
        protocol,
        source,
        destination,
        interface,
        mark,
        destination_port
    };

    template <class... Args>
    static void add(std::string& out, fmt::format_string<const Args&...> format,
                    const Args&... args) {
        fmt::vformat_to(std::back_inserter(out), format, fmt::make_format_args(args...));
    }

    bool one(std::string_view name, const Attributes& data) {
        if (name == "counter") return true;
        if (name == "meta") return meta(data);
        if (name == "payload") return payload(data);
        if (name == "bitwise") return bitwise(data);
        if (name == "cmp") return compare(data);
        if (name == "range") return range(data);
        if (name == "immediate") return verdict(data);
        if (name == "match") return match(data);
        if (name == "target") return target(data);
        return false;
    }
    bool load(Loaded what) {
        mask_ = {};
        return std::exchange(loaded_, what) == Loaded::nothing;
    }
    bool meta(const Attributes& data) {
        switch (data.number(NFTA_META_KEY)) {
        case NFT_META_L4PROTO: return load(Loaded::protocol);
        case NFT_META_IIFNAME: return load(Loaded::interface);
        case NFT_META_MARK: return load(Loaded::mark);
        default: return false;
        }
    }
    bool payload(const Attributes& data) {
        const std::uint32_t offset = data.number(NFTA_PAYLOAD_OFFSET);
        const std::uint32_t base = data.number(NFTA_PAYLOAD_BASE);
        const bool v4 = family_ == Family::ipv4;
        if (base == NFT_PAYLOAD_TRANSPORT_HEADER) {
            return offset == 2 && data.number(NFTA_PAYLOAD_LEN) == 2 &&
                   load(Loaded::destination_port);
        }
        if (base != NFT_PAYLOAD_NETWORK_HEADER) return false;
        if (offset == (v4 ? 12U : 8U)) return load(Loaded::source);
        if (offset == (v4 ? 16U : 24U)) return load(Loaded::destination);
        return false;
    }
    bool bitwise(const Attributes& data) {
        mask_ = data.value(NFTA_BITWISE_MASK);
        const Octets changed = data.value(NFTA_BITWISE_XOR);
        return !mask_.empty() &&
               std::ranges::all_of(changed, [](auto octet) { return octet == 0; });
    }
    bool compare(const Attributes& data) {
        const std::uint32_t operation = data.number(NFTA_CMP_OP);
        const Octets value = data.value(NFTA_CMP_DATA);
        if (operation == NFT_CMP_LTE) return destination_ports(0, port_of(value));
        if (operation == NFT_CMP_GTE) return destination_ports(port_of(value), 0xffff);
        if (operation != NFT_CMP_EQ && operation != NFT_CMP_NEQ) return false;
        const bool negated = operation == NFT_CMP_NEQ;
        switch (std::exchange(loaded_, Loaded::nothing)) {
        case Loaded::nothing: return false;
        case Loaded::protocol:
            if (value.size() == 1) protocol_ = protocol_name(value[0]);
            return !negated && !protocol_.empty();
        case Loaded::source: return network(source_, " -s ", value, negated);
        case Loaded::destination: return network(destination_, " -d ", value, negated);
        case Loaded::interface: return interface(value, negated);
        case Loaded::mark: return mark(value, negated);
        case Loaded::destination_port:
            if (negated || value.size() != 2 || protocol_.empty()) return false;
            add(matches_, " -m {} --dport {}", protocol_, value[0] << 8 | value[1]);
            return true;
        }
        return false;
    }
    bool range(const Attributes& data) {
        if (data.number(NFTA_RANGE_OP) != NFT_RANGE_EQ) return false;
        return destination_ports(port_of(data.value(NFTA_RANGE_FROM_DATA)),
                                 port_of(data.value(NFTA_RANGE_TO_DATA)));
    }
    static std::optional<unsigned> port_of(Octets value) {
        if (value.size() != 2) return std::nullopt;
        return value[0] * 256U + value[1];
    }
    bool destination_ports(std::optional<unsigned> first, std::optional<unsigned> last) {
        if (std::exchange(loaded_, Loaded::nothing) != Loaded::destination_port || !first ||
            !last || *first > *last || protocol_.empty()) {
            return false;
        }
        add(matches_, " -m {} --dport {}:{}", protocol_, *first, *last);
        return true;
    }
    bool network(std::string& out, std::string_view option, Octets value, bool negated) {
        std::array<std::uint8_t, 16> octets{};
        const std::size_t size = family_ == Family::ipv4 ? 4 : 16;
        if (value.size() > size || !out.empty()) return false;
        std::ranges::copy(value, octets.begin());
        const std::optional<std::size_t> prefix =
            mask_.empty() ? value.size() * 8 : prefix_of(mask_);
        if (!prefix || (!mask_.empty() && mask_.size() != value.size())) return false;
        const auto address = IpAddress::from_bytes(Octets{octets}.first(size));
        if (!address) return false;
        add(out, "{}{}{}/{}", negated ? " !" : "", option, address->to_string(), *prefix);
        return true;
    }
    /// Nothing for a mask with a hole, which no prefix is.
    static std::optional<std::size_t> prefix_of(Octets mask) {
        std::size_t prefix = 0;
        bool ended = false;
        for (const std::uint8_t octet : mask) {
            const int ones = std::countl_one(octet);
            if (std::popcount(octet) != ones || (ended && ones != 0)) return std::nullopt;
            prefix += static_cast<std::size_t>(ones);
            ended = ones != 8;
        }
        return prefix;
    }
    bool interface(Octets value, bool negated) {
        const std::string_view name = text_of(value);
        const bool prefix = name.size() == value.size();
        if (!is_word(name) || name.size() + (prefix ? 1 : 0) >= IFNAMSIZ) return false;
        add(interface_, "{} -i {}{}", negated ? " !" : "", name, prefix ? "+" : "");
        return true;
    }
    bool mark(Octets value, bool negated) {
        const auto wanted = as<std::uint32_t>(value);
        const auto mask = as<std::uint32_t>(mask_);
        if (!wanted || !mask) return false;
        add(matches_, " -m mark{} --mark 0x{:x}/0x{:x}", negated ? " !" : "", *wanted, *mask);
        return true;
    }
    bool verdict(const Attributes& data) {
        const Attributes inside{Attributes{data[NFTA_IMMEDIATE_DATA]}[NFTA_DATA_VERDICT]};
        const std::string_view chain = inside.text(NFTA_VERDICT_CHAIN);
        const auto go = [&](std::string_view how) {
            target_ = how;
            append_name(chain, target_);
            return is_word(chain) && chain.size() <= chain_name_max;
        };
        switch (static_cast<int>(inside.number(NFTA_VERDICT_CODE))) {
        case NF_ACCEPT: target_ = " -j ACCEPT"; return true;
        case NF_DROP: target_ = " -j DROP"; return true;
        case NFT_RETURN: target_ = " -j RETURN"; return true;
        case NFT_JUMP: return go(" -j ");
        case NFT_GOTO: return go(" -g ");
        default: return false;
        }
    }

    bool match(const Attributes& data) {
        const std::string_view name = data.text(NFTA_MATCH_NAME);
        const Octets info = data[NFTA_MATCH_INFO];
        const std::uint32_t revision = data.number(NFTA_MATCH_REV);
        if (name == "comment") {
            const std::string_view text = text_of(info);
            matches_ += " -m comment --comment ";
            append_comment(text, matches_);
            return revision == 0 && text.size() <= comment_max && text.find('\n') == text.npos;
        }
        if (name == "conntrack" && revision == 3) return conntrack(info);
        if (name == "addrtype" && revision == 1) return address_type(info);
        if (name == "recent" && revision == 1) return recent(info);
        if (name == "statistic" && revision == 0) return statistic(info);
        if (name == "mark" && revision == 1) return mark_match(info);
        if (name == "tcp" && revision == 0) return tcp(info);
        if (name == "udp" && revision == 0) return udp(info);
        if (name == "sctp" && revision == 0) return sctp(info);
        if (name == "nfacct") {
            const auto counter = text_of(info.first(std::min<std::size_t>(info.size(), 32)));
            add(matches_, " -m nfacct --nfacct-name {}", counter);
            return is_word(counter);
        }
        return false;
    }
    bool conntrack(Octets octets) {
        const auto info = as<xt_conntrack_mtinfo3>(octets);
        if (!info || info->match_flags != XT_CONNTRACK_STATE || info->state_mask == 0) return false;
        struct Word {
            unsigned bit;
            std::string_view text;
        };
        constexpr std::array words{Word{XT_CONNTRACK_STATE_INVALID, "INVALID"},
                                   Word{XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "NEW"},
                                   Word{XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "RELATED"},
                                   Word{XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "ESTABLISHED"},
                                   Word{XT_CONNTRACK_STATE_DNAT, "DNAT"}};
        const bool negated = (info->invert_flags & XT_CONNTRACK_STATE) != 0;
        matches_ += negated ? " -m conntrack ! --ctstate" : " -m conntrack --ctstate";
        unsigned left = info->state_mask;
        char separator = ' ';
        for (const auto& [bit, text] : words) {
            if ((left & bit) == 0) continue;
            left &= ~bit;
            matches_ += std::exchange(separator, ',');
            matches_ += text;
        }
        return left == 0;
    }
    bool address_type(Octets octets) {
        const auto info = as<xt_addrtype_info_v1>(octets);
        if (!info || info->flags != 0) return false;
        if (info->source == XT_ADDRTYPE_LOCAL && info->dest == 0) {
            matches_ += " -m addrtype --src-type LOCAL";
        } else if (info->dest == XT_ADDRTYPE_LOCAL && info->source == 0) {
            matches_ += " -m addrtype --dst-type LOCAL";
        } else {
            return false;
        }
        return true;
    }
    bool recent(Octets octets) {
        const auto info = as<xt_recent_mtinfo_v1>(octets);
        if (!info || info->invert != 0 || info->hit_count != 0 || info->side != XT_RECENT_SOURCE)
            return false;
        if (info->check_set == XT_RECENT_SET && info->seconds == 0) {
            matches_ += " -m recent --set";
        } else if (info->check_set == (XT_RECENT_CHECK | XT_RECENT_REAP) && info->seconds != 0) {
            add(matches_, " -m recent --rcheck --seconds {} --reap", info->seconds);
        } else {
            return false;
        }
        const bool v4 = family_ == Family::ipv4;
        const auto* mask = reinterpret_cast<const std::uint8_t*>(&info->mask);
        if (std::any_of(mask, mask + (v4 ? 4 : 16), [](auto octet) { return octet != 0xff; }))
            return false;
        const std::string_view name{info->name, ::strnlen(info->name, sizeof info->name)};
        if (!is_word(name)) return false;
        add(matches_, " --name {} --mask {} --rsource", name,
            v4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        return true;
    }
    bool statistic(Octets octets) {
        // Behind this the kernel has a pointer of its own, which it does not show.
        constexpr std::size_t shown = offsetof(xt_statistic_info, u) + sizeof(std::uint32_t);
        if (octets.size() < shown) return false;
        xt_statistic_info info{};
        std::memcpy(&info, octets.data(), std::min(octets.size(), sizeof info));
        if (info.mode != XT_STATISTIC_MODE_RANDOM || info.flags != 0) return false;
        add(matches_, " -m statistic --mode random --probability {:.11f}",
            info.u.random.probability / 2147483648.0);
        return true;
    }
    bool mark_match(Octets octets) {
        const auto info = as<xt_mark_mtinfo1>(octets);
        if (!info) return false;
        add(matches_, " -m mark{} --mark 0x{:x}/0x{:x}", info->invert != 0 ? " !" : "", info->mark,
            info->mask);
        return true;
    }
    bool ports(std::string_view protocol, std::array<std::uint16_t, 2> source,
               std::array<std::uint16_t, 2> destination) {
        constexpr std::array<std::uint16_t, 2> any{0, 0xffff};
        if (source != any || protocol != protocol_ || destination[0] > destination[1]) return false;
        add(matches_, " -m {}", protocol);
        if (destination != any) add_ports(destination);
        return true;
    }
    void add_ports(std::array<std::uint16_t, 2> destination) {
        add(matches_, " --dport {}", destination[0]);
        if (destination[1] != destination[0]) add(matches_, ":{}", destination[1]);
    }
    bool tcp(Octets octets) {
        const auto info = as<xt_tcp>(octets);
        return info && info->option == 0 && info->flg_mask == 0 && info->invflags == 0 &&
               ports("tcp", {info->spts[0], info->spts[1]}, {info->dpts[0], info->dpts[1]});
    }
    bool udp(Octets octets) {
        const auto info = as<xt_udp>(octets);
        return info && info->invflags == 0 &&
               ports("udp", {info->spts[0], info->spts[1]}, {info->dpts[0], info->dpts[1]});
    }
    bool sctp(Octets octets) {
        const auto info = as<xt_sctp_info>(octets);
        if (!info || (info->flags & ~std::uint32_t{XT_SCTP_DEST_PORTS}) != 0 || info->invflags != 0)
            return false;
        if (protocol_ != "sctp" || info->dpts[0] > info->dpts[1]) return false;
        matches_ += " -m sctp";
        if ((info->flags & XT_SCTP_DEST_PORTS) == 0) return true;
        add_ports({info->dpts[0], info->dpts[1]});
        return true;
    }

    bool target(const Attributes& data) {
        const std::string_view name = data.text(NFTA_TARGET_NAME);
        const Octets info = data[NFTA_TARGET_INFO];
        const std::uint32_t revision = data.number(NFTA_TARGET_REV);
        if (name == "MARK" && revision == 2) return set_mark(info);
        if (name == "DNAT" && revision == 2) return translate(info);
        if (name == "MASQUERADE" && revision == 0) return masquerade(info);
        if (name == "REJECT" && revision == 0) return reject(info);
        return false;
    }
    bool set_mark(Octets octets) {
        const auto info = as<xt_mark_tginfo2>(octets);
        if (!info) return false;
        add(target_, " -j MARK --set-xmark 0x{:x}/0x{:x}", info->mark, info->mask);
        return true;
    }
    bool translate(Octets octets) {
        const auto info = as<nf_nat_range2>(octets);
        if (protocol_.empty() || !info || info->min_proto.all == 0 ||
            info->flags != (NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED) ||
            std::memcmp(&info->min_addr, &info->max_addr, sizeof info->min_addr) != 0 ||
            info->min_proto.all != info->max_proto.all) {
            return false;
        }
        const bool v4 = family_ == Family::ipv4;
        const auto* octet = reinterpret_cast<const std::uint8_t*>(&info->min_addr);
        const auto address = IpAddress::from_bytes({octet, v4 ? std::size_t{4} : std::size_t{16}});
        if (!address) return false;
        add(target_, " -j DNAT --to-destination {}{}{}:{}", v4 ? "" : "[", address->to_string(),
            v4 ? "" : "]", ntohs(info->min_proto.all));
        return true;
    }
    bool masquerade(Octets octets) {
        unsigned flags = 0;
        if (family_ == Family::ipv4) {
            const auto info = as<nf_nat_ipv4_multi_range_compat>(octets);
            if (!info) return false;
            flags = info->range[0].flags;
        } else {
            const auto info = as<nf_nat_range>(octets);
            if (!info) return false;
            flags = info->flags;
        }
        target_ = " -j MASQUERADE";
        if (flags == NF_NAT_RANGE_PROTO_RANDOM_FULLY) target_ += " --random-fully";
        return flags == 0 || flags == NF_NAT_RANGE_PROTO_RANDOM_FULLY;
    }
    bool reject(Octets octets) {
        const auto with = as<std::uint32_t>(octets);
        const bool v4 = family_ == Family::ipv4;
        target_ = v4 ? " -j REJECT --reject-with icmp-port-unreachable"
                     : " -j REJECT --reject-with icmp6-port-unreachable";
        return with && *with == (v4 ? static_cast<std::uint32_t>(IPT_ICMP_PORT_UNREACHABLE)
                                    : static_cast<std::uint32_t>(IP6T_ICMP6_PORT_UNREACH));
    }

    Family family_;
    bool known_ = true;
    Loaded loaded_ = Loaded::nothing;
    Octets mask_;
    std::string source_;
    std::string destination_;
    std::string interface_;
    std::string_view protocol_;
    std::string matches_;
    std::string target_;
};

bool is_plain(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
}

constexpr std::array<std::string_view, 3> tables{"filter", "nat", "mangle"};

}  // namespace

void append_comment(std::string_view comment, std::string& out) {
    if (!comment.empty() && std::ranges::all_of(comment, is_plain)) {
        out += comment;
        return;
    }
    out += '"';
    for (const char c : comment) {
        if (c == '"' || c == '\\' || c == '\'') out += '\\';
        out += c;
    }
    out += '"';
}

void append_xtables_rule(std::span<const std::uint8_t> attributes, Family family,
                         std::string& out) {
    const Attributes rule{attributes};
    const std::string_view chain = rule.text(NFTA_RULE_CHAIN);
    if (chain.empty()) return;
    RuleReader reader{family};
    reader.read(rule[NFTA_RULE_EXPRESSIONS]);
    out += "-A ";
    append_name(chain, out);
    reader.append_to(out);
    out += '\n';
}

Result<std::string> xtables_text(Netlink& netlink, Family family) {
    std::array<std::string, tables.size()> texts;
    auto listed =
        for_each_chain(netlink, family, [&](std::string_view table, std::string_view chain) {
            const auto at = std::ranges::find(tables, table);
            if (at == tables.end()) return;
            std::string& text = texts[static_cast<std::size_t>(at - tables.begin())];
            text += ':';
            append_name(chain, text);
            text += " - [0:0]\n";
        });
    std::string all;
    if (!listed && listed.error().code == Errc::not_found) return all;
    if (!listed) return std::move(listed).error();
    for (std::size_t i = 0; i < tables.size(); ++i) {
        if (texts[i].empty()) continue;
        all += '*';
        all += tables[i];
        all += '\n';
        all += std::exchange(texts[i], {});
        const std::string name{tables[i]};
        auto read = netlink.ask(
            family, NFT_MSG_GETRULE, true,
            [&](nlmsghdr* header) { mnl_attr_put_strz(header, NFTA_RULE_TABLE, name.c_str()); },
            [&](const nlmsghdr* message) {
                append_xtables_rule(attributes_of(*message), family, all);
            });
        if (!read && read.error().code != Errc::not_found) return std::move(read).error();
    }
    return all;
}

}  // namespace nameplane::rules::nftables
