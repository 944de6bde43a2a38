#pragma once
// nft_apply: the writer for hosts whose iptables is the nft one: the same chains and rules, as text
// through `iptables-nft-restore --noflush`, as kube-proxy does it. The kernel takes each table
// whole or not at all.
//
// Only what differs is written: from the plan before, or, at start, once an hour and when somebody
// touched our chains (nf_tables tells), from what the kernel holds. Rules of others stay;
// so does what the kubelet has in KUBE-FIREWALL. What nat does not translate yet is refused
// meanwhile, see restore_text.hpp.

#include "rules/iptables/nft_programs.hpp"
#include "rules/writer.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <memory>

namespace nameplane::rules::iptables {

/// A writer for one family. Touches nothing yet. Errc::unsupported where the programs are not
/// installed. Rule thread only.
std::unique_ptr<RuleWriter> make_nft_iptables_writer(Family family,
                                                     NftIptablesOptions options = {});

/// Takes our rules out of the tables of iptables-nft; starts no program where there are none.
Status clean_nft_iptables(Family family, const NftIptablesOptions& options = {});

}  // namespace nameplane::rules::iptables
