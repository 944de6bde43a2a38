#pragma once
// encode: a Rule to the octets that the kernel keeps for it (struct ipt_entry or ip6t_entry, its
// matches, its target), laid out exactly as iptables 1.8 lays them out, so that what the legacy
// tools wrote and what we would write compare equal. Pure, except probe_features().

#include "rules/iptables/rule.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nameplane::rules::iptables {

/// What the kernel can do beyond the matches and targets that no Service can live without.
struct Features {
    bool recent = true;  ///< session affinity; without it, Services balance without affinity
    bool sctp = true;    ///< without it, SCTP ports get no rules
    /// The newest DNAT revision: 2 (Linux 4.18), else 0 for IPv4 and 1 for IPv6.
    std::uint8_t dnat_revision = 2;
    friend bool operator==(const Features&, const Features&) = default;
};

/// Asks the kernel (a revision query on a raw socket, which may load modules). Errc::unsupported
/// names the first match or target that is missing and cannot be done without; Errc::permission
/// without CAP_NET_RAW and CAP_NET_ADMIN.
Result<Features> probe_features(Family family);

/// Whether the kernel has the legacy tables at all. Makes none; true where one may not ask.
bool has_ip_tables(Family family) noexcept;

/// Whether the kernel has the match that counts in named counters, as encode() writes it.
bool has_counter_match(Family family) noexcept;

/// One rule as libiptc takes it. Its target carries the name of the verdict or chain.
class EncodedRule {
public:
    EncodedRule() = default;
    explicit EncodedRule(std::size_t size) : words_((size + 7) / 8), size_{size} {}
    void* data() noexcept { return words_.data(); }
    const void* data() const noexcept { return words_.data(); }
    std::size_t size() const noexcept { return size_; }
    std::byte* at(std::size_t offset) noexcept {
        return reinterpret_cast<std::byte*>(words_.data()) + offset;
    }

private:
    std::vector<std::uint64_t> words_;  ///< 8 octets at a time: what the kernel's structs align to
    std::size_t size_ = 0;
};

/// Errc::invalid when a name or comment is longer than the kernel takes, or an address is of the
/// other family.
Result<EncodedRule> encode(const Rule& rule, Family family, const Features& features);

/// What of `chain` a kernel with `features` can hold, encoded: without `recent` the affinity rules
/// are left out, without `sctp` the rules of that protocol.
Result<std::vector<EncodedRule>> encode_chain(const Chain& chain, Family family,
                                              const Features& features);

/// A rule in the kernel or of ours, for comparison. `target` is the verdict's, chain's or target's
/// name; valid as long as the table or EncodedRule behind it. The entry is as long as its
/// next_offset says; of what it says inside of that, nothing is believed.
struct RuleView {
    const void* entry = nullptr;
    std::string_view target;
    bool standard = false;  ///< a verdict, a jump or none: the octets of the target do not count
};
RuleView view_of(const EncodedRule& rule, Family family) noexcept;

/// Whether both do the same: all octets but counters and what the kernel keeps for itself.
bool same_rule(const RuleView& a, const RuleView& b, Family family) noexcept;
/// Equal for rules that are the same_rule().
std::uint64_t hash_rule(const RuleView& rule, Family family) noexcept;

/// The packet and octet counters of an entry.
struct RuleCounters {
    std::uint64_t packets = 0;
    std::uint64_t octets = 0;
};
RuleCounters counters_of(const void* entry, Family family) noexcept;
void set_counters(EncodedRule& rule, Family family, RuleCounters counters) noexcept;

}  // namespace nameplane::rules::iptables
