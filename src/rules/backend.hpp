#pragma once
// backend: which writer a family has, and the change from one to the other or from kube-proxy
// without a gap: the new rules are in the kernel before the others' go.

#include "rules/writer.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace nameplane::rules {

enum class Backend : std::uint8_t {
    iptables,
    nftables,
    automatic,  ///< nftables where the kernel takes all that we ask for, else iptables
};

/// Which iptables the iptables writer writes.
enum class IptablesKind : std::uint8_t {
    automatic,  ///< the one that others on this host use
    legacy,
    nft,
};

struct BackendOptions {
    IptablesKind iptables = IptablesKind::automatic;
    std::string xtables_lock_path = "/run/xtables.lock";
};

/// Touches nothing yet. With the first apply() that succeeds, and with each full one, what the
/// other writer or a kube-proxy of either mode left goes away; what of it cannot is tried again
/// with the next one. Rule thread only.
std::unique_ptr<RuleWriter> make_backend(Family family, Backend backend,
                                         BackendOptions options = {});

/// Takes away the rules of a family that we or kube-proxy wrote, by whichever writer.
Status clean_everything(Family family, const BackendOptions& options = {});

}  // namespace nameplane::rules
