#include "rules/iptables/encode.hpp"

#include "rules/iptables/entry.hpp"
#include "rules/protocol.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>
#include <netinet/in.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// This header of the kernel is written for C only.
#define _Bool bool
#include <linux/netfilter/xt_sctp.h>
#undef _Bool
#undef bytes

namespace nameplane::rules::iptables {
namespace {

/// Statistic probabilities are fractions of 2^31.
constexpr double probability_one = 2147483648.0;

constexpr std::size_t aligned(std::size_t size) {
    return (size + 7) & ~std::size_t{7};
}

void put_text(char* out, std::size_t room, std::string_view text) {
    std::memcpy(out, text.data(), std::min(text.size(), room));
}

void put_address(nf_inet_addr& out, const IpAddress& address) {
    std::memcpy(&out, address.bytes().data(), address.bytes().size());
}

/// Writes matches and target behind the entry's head; the first failure sticks.
class RuleEncoder {
public:
    RuleEncoder(const Rule& rule, Family family, const Features& features)
        : rule_{rule}, family_{family}, features_{features}, layout_{layout_of(family)} {
        bytes_.reserve(room);
        bytes_.resize(layout_.entry_size);
    }

    Result<EncodedRule> run() {
        for (const Match& match : rule_.matches) {
            std::visit([&](const auto& m) { add(m); }, match);
        }
        const std::size_t target_offset = bytes_.size();
        std::visit([&](const auto& t) { target(t); }, rule_.target);
        put_head(target_offset);
        if (!wrong_.empty()) return Error{Errc::invalid, "encode rule: " + wrong_};
        EncodedRule encoded{bytes_.size()};
        std::memcpy(encoded.data(), bytes_.data(), bytes_.size());
        return encoded;
    }

private:
    /// Appends the header of a match or target and `data`; `size` is what its kernel module
    /// expects.
    template <class Data>
    void put(std::string_view name, std::uint8_t revision, const Data& data,
             std::size_t size = aligned(sizeof(Data))) {
        // The heads of xt_entry_match and xt_entry_target are the same: size, name, revision.
        static_assert(sizeof(xt_entry_match) == 32 && sizeof(xt_entry_target) == 32);
        const std::size_t start = bytes_.size();
        bytes_.resize(start + sizeof(xt_entry_match) + size);
        const auto total = static_cast<std::uint16_t>(sizeof(xt_entry_match) + size);
        std::memcpy(&bytes_[start], &total, sizeof total);
        name.copy(reinterpret_cast<char*>(&bytes_[start + 2]), name.size());  // may be empty
        bytes_[start + 31] = std::byte{revision};
        std::memcpy(&bytes_[start + sizeof(xt_entry_match)], &data, sizeof data);
    }

    void add(const CommentMatch& match) {
        xt_comment_info info{};
        if (match.text.size() >= sizeof info.comment) wrong_ = "comment too long: " + match.text;
        put_text(info.comment, sizeof info.comment - 1, match.text);
        put("comment", 0, info);
    }
    struct Ports {
        std::uint16_t from = 0;
        std::uint16_t to = 0xffff;
    };
    void add(const DportMatch& match) { add_ports({}, {match.port, match.port}); }
    void add(const DportRangeMatch& match) { add_ports({}, {match.first, match.last}); }
    void add(const SportMatch& match) { add_ports({match.port, match.port}, {}); }
    void add(const ProtocolMatch&) { add_ports({}, {}); }

    static bool is_given(const Ports& ports) { return ports.from != 0 || ports.to != 0xffff; }
    template <class Info>
    void put_ports(const char* name, const Ports& source, const Ports& destination) {
        Info info;
        // Also what lies between the members: rules are compared as octets.
        std::memset(&info, 0, sizeof info);
        info.spts[0] = source.from;
        info.spts[1] = source.to;
        info.dpts[0] = destination.from;
        info.dpts[1] = destination.to;
        put(name, 0, info);
    }
    void add_ports(const Ports& source, const Ports& destination) {
        if (!rule_.protocol) {
            wrong_ = "a port without a protocol";
            return;
        }
        switch (*rule_.protocol) {
        case services::Protocol::tcp: return put_ports<xt_tcp>("tcp", source, destination);
        case services::Protocol::udp: return put_ports<xt_udp>("udp", source, destination);
        case services::Protocol::sctp: {
            xt_sctp_info info{};
            for (auto& flag : info.flag_info) flag.chunktype = 0xff;
            if (is_given(source)) {
                info.spts[0] = source.from;
                info.spts[1] = source.to;
                info.flags |= XT_SCTP_SRC_PORTS;
            }
            if (is_given(destination)) {
                info.dpts[0] = destination.from;
                info.dpts[1] = destination.to;
                info.flags |= XT_SCTP_DEST_PORTS;
            }
            put("sctp", 0, info);
            return;
        }
        }
    }

    /// The text has ten digits, so the kernel's value is made from the rounded number: 1/3 is
    /// 0.3333333333 and not a third.
    void add(const RandomMatch& match) {
        char text[32];
        std::snprintf(text, sizeof text, "%0.10f", 1.0 / match.n);
        xt_statistic_info info{};
        info.mode = XT_STATISTIC_MODE_RANDOM;
        const auto probability =
            static_cast<std::uint32_t>(std::lround(std::strtod(text, nullptr) * probability_one));
        info.u.random.probability = probability;
        // iptables derives the counter of the other mode whatever the mode; the field overlaps
        // nothing here, but the octets must be the same.
        info.u.nth.count = probability;
        put("statistic", 0, info);
    }
    void add(const StateMatch& match) {
        xt_conntrack_mtinfo3 info{};
        info.match_flags = XT_CONNTRACK_STATE;
        info.invert_flags = match.negated ? XT_CONNTRACK_STATE : 0;
        info.state_mask = match.states;
        put("conntrack", 3, info);
    }
    void add(const MarkMatch& match) {
        xt_mark_mtinfo1 info{};
        info.mark = match.value;
        info.mask = match.mask;
        info.invert = match.negated;
        put("mark", 1, info);
    }
    void add(const LocalAddressMatch& match) {
        xt_addrtype_info_v1 info{};
        (match.source ? info.source : info.dest) = XT_ADDRTYPE_LOCAL;
        put("addrtype", 1, info);
    }
    void add(const RecentMatch& match) {
        xt_recent_mtinfo_v1 info{};
        if (match.list.empty() || match.list.size() >= sizeof info.name) {
            wrong_ = "bad list name: " + match.list;
            return;
        }
        info.seconds = match.seconds;
        info.check_set = match.seconds == 0 ? XT_RECENT_SET : XT_RECENT_CHECK | XT_RECENT_REAP;
        // iptables starts from its default name and copies ours over it, final zero included.
        put_text(info.name, sizeof info.name, "DEFAULT");
        std::memcpy(info.name, match.list.c_str(), match.list.size() + 1);
        info.side = XT_RECENT_SOURCE;
        std::memset(&info.mask, 0xff, sizeof info.mask);
        put("recent", 1, info);
    }

    void add(const CounterMatch& match) {
        // Revision 1 of the kernel's struct, whose last member is the kernel's own.
        struct {
            char name[32];
            alignas(8) std::uint64_t counter;
        } info{};
        if (match.name.empty() || match.name.size() >= sizeof info.name) {
            wrong_ = "bad counter name: " + match.name;
            return;
        }
        put_text(info.name, sizeof info.name, match.name);
        put("nfacct", 1, info);
    }

    void target(const NoTarget&) { put_standard({}); }
    void target(const Jump& jump) { put_standard(jump.chain); }
    void target(Verdict verdict) {
        switch (verdict) {
        case Verdict::accept: return put_standard("ACCEPT");
        case Verdict::drop: return put_standard("DROP");
        case Verdict::return_: return put_standard("RETURN");
        }
    }
    void put_standard(std::string_view name) {
        if (name.size() > XT_EXTENSION_MAXNAMELEN - 1) {
            wrong_ = "chain name too long: " + std::string{name};
            return;
        }
        put(name, 0, int{0}, 8);
    }
    void target(const Reject&) {
        if (family_ == Family::ipv4)
            return put("REJECT", 0, ipt_reject_info{IPT_ICMP_PORT_UNREACHABLE});
        put("REJECT", 0, ip6t_reject_info{IP6T_ICMP6_PORT_UNREACH});
    }
    void target(const Dnat& dnat) {
        if (dnat.address.family() != family_) wrong_ = "DNAT to the other family";
        if (features_.dnat_revision >= 2) return put("DNAT", 2, range_to<nf_nat_range2>(dnat));
        if (family_ == Family::ipv6) return put("DNAT", 1, range_to<nf_nat_range>(dnat));
        nf_nat_ipv4_multi_range_compat info{};
        info.rangesize = 1;
        info.range[0].flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
        std::memcpy(&info.range[0].min_ip, dnat.address.bytes().data(), 4);
        info.range[0].max_ip = info.range[0].min_ip;
        info.range[0].min.all = info.range[0].max.all = htons(dnat.port);
        put("DNAT", 0, info);
    }
    template <class Range> static Range range_to(const Dnat& dnat) {
        Range range{};
        range.flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
        put_address(range.min_addr, dnat.address);
        put_address(range.max_addr, dnat.address);
        range.min_proto.all = range.max_proto.all = htons(dnat.port);
        return range;
    }
    /// There is nothing to probe for --random-fully: it is a bit that older kernels overlook.
    void target(const Masquerade& masquerade) {
        const unsigned flags = masquerade.random_fully ? NF_NAT_RANGE_PROTO_RANDOM_FULLY : 0;
        if (family_ == Family::ipv6) {
            nf_nat_range range{};
            range.flags = flags;
            return put("MASQUERADE", 0, range);
        }
        nf_nat_ipv4_multi_range_compat info{};
        info.rangesize = 1;
        info.range[0].flags = flags;
        put("MASQUERADE", 0, info);
    }
    void target(const SetMark& set) {
        xt_mark_tginfo2 info{};
        info.mark = set.value;
        info.mask = set.exclusive ? 0 : set.value;
        put("MARK", 2, info);
    }
    /// The kernel calls it CT; the second bit is only for iptables to print the older name.
    void target(const NoTrack&) {
        xt_ct_target_info_v1 info;
        std::memset(&info, 0, sizeof info);
        info.flags = XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS;
        put("CT", 2, info);
    }

    void put_head(std::size_t target_offset) {
        const auto target_at = static_cast<std::uint16_t>(target_offset);
        const auto next_at = static_cast<std::uint16_t>(bytes_.size());
        std::memcpy(&bytes_[layout_.target_offset], &target_at, sizeof target_at);
        std::memcpy(&bytes_[layout_.next_offset], &next_at, sizeof next_at);
        if (family_ == Family::ipv4) {
            ipt_ip ip{};
            put_networks(ip.src, ip.smsk, ip.dst, ip.dmsk);
            put_rest(ip);
            std::memcpy(bytes_.data(), &ip, sizeof ip);
        } else {
            ip6t_ip6 ip{};
            put_networks(ip.src, ip.smsk, ip.dst, ip.dmsk);
            put_rest(ip);
            if (rule_.protocol) ip.flags |= IP6T_F_PROTO;
            std::memcpy(bytes_.data(), &ip, sizeof ip);
        }
    }
    template <class Address>
    void put_networks(Address& source, Address& source_mask, Address& destination,
                      Address& destination_mask) {
        put_network(rule_.source, source, source_mask);
        put_network(rule_.destination, destination, destination_mask);
    }
    template <class Address>
    void put_network(const std::optional<Cidr>& network, Address& address, Address& mask) {
        if (!network) return;
        if (network->family() != family_) {
            wrong_ = "address of the other family: " + network->to_string();
            return;
        }
        std::memcpy(&address, network->address().bytes().data(), sizeof address);
        auto* octets = reinterpret_cast<std::uint8_t*>(&mask);
        for (unsigned bit = 0; bit < network->prefix(); ++bit) {
            octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] | (0x80U >> (bit % 8)));
        }
    }
    template <class Ip> void put_rest(Ip& ip) {
        // IPT_INV_* and IP6T_INV_* have the same values.
        if (rule_.source_negated) ip.invflags |= IPT_INV_SRCIP;
        if (rule_.destination_negated) ip.invflags |= IPT_INV_DSTIP;
        if (rule_.protocol) ip.proto = protocol_number(*rule_.protocol);
        std::string_view name = rule_.in_interface;
        if (name.empty()) return;
        if (rule_.in_interface_negated) ip.invflags |= IPT_INV_VIA_IN;
        const bool prefix = name.ends_with('+');
        if (name.size() >= sizeof ip.iniface) {
            wrong_ = "interface name too long: " + rule_.in_interface;
            return;
        }
        put_text(ip.iniface, sizeof ip.iniface, name);
        // A whole name is compared with its final zero, a prefix without the '+'.
        std::memset(ip.iniface_mask, 0xff, prefix ? name.size() - 1 : name.size() + 1);
    }

    /// Enough for a rule with a comment.
    static constexpr std::size_t room = 640;

    const Rule& rule_;
    Family family_;
    const Features& features_;
    EntryLayout layout_;
    std::vector<std::byte> bytes_;
    std::string wrong_;
};

}  // namespace

Result<EncodedRule> encode(const Rule& rule, Family family, const Features& features) {
    return RuleEncoder{rule, family, features}.run();
}

Result<std::vector<EncodedRule>> encode_chain(const Chain& chain, Family family,
                                              const Features& features) {
    std::vector<EncodedRule> encoded;
    encoded.reserve(chain.size());
    for (const Rule& rule : chain) {
        if (!features.sctp && rule.protocol == services::Protocol::sctp) continue;
        Rule without_affinity;
        const Rule* possible = &rule;
        if (!features.recent) {
            const auto* recent = [&]() -> const RecentMatch* {
                for (const Match& match : rule.matches) {
                    if (const auto* found = std::get_if<RecentMatch>(&match)) return found;
                }
                return nullptr;
            }();
            if (recent != nullptr && recent->seconds != 0) continue;
            if (recent != nullptr) {
                without_affinity = rule;
                std::erase_if(without_affinity.matches, [](const Match& match) {
                    return std::holds_alternative<RecentMatch>(match);
                });
                possible = &without_affinity;
            }
        }
        auto one = encode(*possible, family, features);
        if (!one) return std::move(one.error());
        encoded.push_back(std::move(*one));
    }
    return encoded;
}

}  // namespace nameplane::rules::iptables
