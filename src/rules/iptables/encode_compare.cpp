// The other half of encode.hpp: comparing rules, and asking the kernel what it can do.

#include "base/fd.hpp"
#include "rules/iptables/encode.hpp"
#include "rules/iptables/entry.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string>

namespace nameplane::rules::iptables {
namespace {

/// One match or target inside an entry.
struct Part {
    std::string_view name;
    std::uint8_t revision = 0;
    std::string_view data;
    std::size_t size = 0;
};

std::uint16_t number_at(const std::byte* at) {
    std::uint16_t number = 0;
    std::memcpy(&number, at, sizeof number);
    return number;
}

/// The match or target at `at`, of which there can be `room` octets: what says that it is longer
/// ends there. Nothing where there is no room for its head.
Part part_at(const std::byte* at, std::size_t room) {
    constexpr std::size_t head = sizeof(xt_entry_match);
    if (room < head) return {.size = room};
    const char* name = reinterpret_cast<const char*>(at) + 2;
    const std::size_t size = std::clamp<std::size_t>(number_at(at), head, room);
    return {.name = {name, strnlen(name, XT_EXTENSION_MAXNAMELEN)},
            .revision = std::to_integer<std::uint8_t>(at[31]),
            .data = {reinterpret_cast<const char*>(at) + head, size - head},
            .size = size};
}

/// Where matches end and the target begins, and where that ends.
struct Ends {
    std::size_t target = 0;
    std::size_t entry = 0;
};
Ends ends_of(const std::byte* entry, const EntryLayout& layout) {
    const std::size_t end =
        std::max<std::size_t>(number_at(entry + layout.next_offset), layout.entry_size);
    return {.target = std::clamp<std::size_t>(number_at(entry + layout.target_offset),
                                              layout.entry_size, end),
            .entry = end};
}

class Hash {
public:
    void add(std::string_view text) {
        add(text.size());
        while (text.size() >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, text.data(), 8);
            add(word);
            text.remove_prefix(8);
        }
        std::uint64_t word = 0;
        if (!text.empty()) std::memcpy(&word, text.data(), text.size());
        add(word);
    }
    void add(std::uint64_t word) {
        value_ = (value_ ^ word) * 0x9e3779b97f4a7c15U;
        value_ ^= value_ >> 29;
    }
    std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0x6a09e667f3bcc909U;
};

struct Query {
    const char* name;
    std::uint8_t revision;
    bool target;
};

/// 0 when the kernel has it, else the errno of the query.
int ask(int fd, Family family, const Query& query) {
    const bool v4 = family == Family::ipv4;
    xt_get_revision wanted{};
    std::strncpy(wanted.name, query.name, sizeof wanted.name - 1);
    wanted.revision = query.revision;
    const int match_option = v4 ? IPT_SO_GET_REVISION_MATCH : IP6T_SO_GET_REVISION_MATCH;
    const int target_option = v4 ? IPT_SO_GET_REVISION_TARGET : IP6T_SO_GET_REVISION_TARGET;
    socklen_t size = sizeof wanted;
    const int failed = ::getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                    query.target ? target_option : match_option, &wanted, &size);
    return failed < 0 ? errno : 0;
}

}  // namespace

RuleView view_of(const EncodedRule& rule, Family family) noexcept {
    const auto* entry = static_cast<const std::byte*>(rule.data());
    const Ends ends = ends_of(entry, layout_of(family));
    const Part target = part_at(entry + ends.target, ends.entry - ends.target);
    const bool standard = target.size == sizeof(xt_standard_target) && target.name != "REJECT" &&
                          target.name != "MARK";
    return {.entry = entry, .target = target.name, .standard = standard};
}

bool same_rule(const RuleView& a, const RuleView& b, Family family) noexcept {
    const EntryLayout layout = layout_of(family);
    const auto* one = static_cast<const std::byte*>(a.entry);
    const auto* other = static_cast<const std::byte*>(b.entry);
    const Ends ends = ends_of(one, layout);
    const bool heads_same =
        a.standard == b.standard && a.target == b.target &&
        number_at(one + layout.target_offset) == number_at(other + layout.target_offset) &&
        number_at(one + layout.next_offset) == number_at(other + layout.next_offset) &&
        std::memcmp(one, other, layout.ip_size) == 0;
    if (!heads_same) return false;
    const auto parts_same = [](const Part& x, const Part& y) {
        return x.name == y.name && x.revision == y.revision && x.data == y.data;
    };
    for (std::size_t at = layout.entry_size; at < ends.target;) {
        const Part match = part_at(one + at, ends.target - at);
        if (!parts_same(match, part_at(other + at, ends.target - at))) return false;
        at += match.size;
    }
    const std::size_t room = ends.entry - ends.target;
    return a.standard ||
           parts_same(part_at(one + ends.target, room), part_at(other + ends.target, room));
}

std::uint64_t hash_rule(const RuleView& rule, Family family) noexcept {
    const EntryLayout layout = layout_of(family);
    const auto* entry = static_cast<const std::byte*>(rule.entry);
    const Ends ends = ends_of(entry, layout);
    Hash hash;
    hash.add(std::string_view{reinterpret_cast<const char*>(entry), layout.ip_size});
    const auto add_part = [&](const Part& part) {
        hash.add(part.name);
        hash.add(part.revision);
        hash.add(part.data);
    };
    for (std::size_t at = layout.entry_size; at < ends.target;) {
        const Part match = part_at(entry + at, ends.target - at);
        add_part(match);
        at += match.size;
    }
    hash.add(rule.target);
    if (!rule.standard) add_part(part_at(entry + ends.target, ends.entry - ends.target));
    return hash.value();
}

RuleCounters counters_of(const void* entry, Family family) noexcept {
    xt_counters counters{};
    std::memcpy(&counters, static_cast<const std::byte*>(entry) + layout_of(family).counters,
                sizeof counters);
    return {.packets = counters.pcnt, .octets = counters.bcnt};
}

void set_counters(EncodedRule& rule, Family family, RuleCounters counters) noexcept {
    const xt_counters kept{.pcnt = counters.packets, .bcnt = counters.octets};
    std::memcpy(rule.at(layout_of(family).counters), &kept, sizeof kept);
}

bool has_ip_tables(Family family) noexcept {
    const int domain = family == Family::ipv4 ? AF_INET : AF_INET6;
    const UniqueFd fd{::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
    return !fd || ask(fd.get(), family, {"tcp", 0, false}) != ENOPROTOOPT;
}

bool has_counter_match(Family family) noexcept {
    const int domain = family == Family::ipv4 ? AF_INET : AF_INET6;
    const UniqueFd fd{::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
    return fd && ask(fd.get(), family, {"nfacct", 1, false}) == 0;
}

Result<Features> probe_features(Family family) {
    const int domain = family == Family::ipv4 ? AF_INET : AF_INET6;
    const UniqueFd fd{::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
    if (!fd) {
        if (errno == EAFNOSUPPORT) return Error{Errc::unsupported, "the kernel lacks this family"};
        return errno_error(errno, "raw socket for iptables");
    }
    for (const Query& query :
         {Query{"comment", 0, false}, Query{"tcp", 0, false}, Query{"udp", 0, false},
          Query{"statistic", 0, false}, Query{"conntrack", 3, false}, Query{"mark", 1, false},
          Query{"addrtype", 1, false}, Query{"MARK", 2, true}, Query{"MASQUERADE", 0, true},
          Query{"REJECT", 0, true}}) {
        const int failed = ask(fd.get(), family, query);
        if (failed == 0) continue;
        if (failed == EPERM) return errno_error(failed, "ask for iptables extensions");
        return Error{Errc::unsupported, std::string{"the kernel lacks the iptables "} +
                                            (query.target ? "target " : "match ") + query.name};
    }
    Features features;
    features.recent = ask(fd.get(), family, {"recent", 1, false}) == 0;
    features.sctp = ask(fd.get(), family, {"sctp", 0, false}) == 0;
    const std::uint8_t older = family == Family::ipv4 ? 0 : 1;
    features.dnat_revision = ask(fd.get(), family, {"DNAT", 2, true}) == 0 ? 2 : older;
    if (features.dnat_revision != 2 && ask(fd.get(), family, {"DNAT", older, true}) != 0) {
        return Error{Errc::unsupported, "the kernel lacks the iptables target DNAT"};
    }
    return features;
}

}  // namespace nameplane::rules::iptables
