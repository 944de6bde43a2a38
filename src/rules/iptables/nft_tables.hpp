#pragma once
// nft_tables: which of the two iptables a host uses, found as distributions find it: where the
// kubelet has left a mark of its own (KUBE-IPTABLES-HINT, KUBE-KUBELET-CANARY in mangle), there
// everybody writes; else where more rules are. Nothing is made by looking.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace nameplane::rules::iptables {

enum class Kind : std::uint8_t { legacy, nft };

/// What speaks for a kind.
struct Signs {
    bool kubelet = false;   ///< the kubelet's mark
    std::size_t rules = 0;  ///< of everybody
};
/// Pure. As many on either side: legacy, which needs no other program.
Kind kind_by(const Signs& legacy, const Signs& nft);

/// Looks at both families in the calling thread's network namespace; `why` says what decided.
struct Choice {
    Kind kind = Kind::legacy;
    std::string why;
};
Choice kind_in_use();

/// Whether this network namespace has legacy tables of the family at all. Asking through libiptc
/// would make them, and every packet would go through them from then on.
bool has_legacy_tables(Family family);
/// Whether iptables-nft has chains there that are ours or kube-proxy's.
Result<bool> has_nft_chains(Family family);

}  // namespace nameplane::rules::iptables
