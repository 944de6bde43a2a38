#pragma once
// node_local: puts the rules of a node's own DNS cache into the kernel, looks after them, and takes
// them away, with whichever of the two iptables the host uses: libiptc for the legacy tables,
// iptables-nft-save and iptables-nft-restore for the others.
//
// Any one thread at a time; may wait for the xtables lock (legacy only; the nft one has none).

#include "rules/iptables/nft_programs.hpp"
#include "rules/iptables/nft_tables.hpp"
#include "rules/iptables/node_local_rules.hpp"
#include <nameplane/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace nameplane::rules::iptables {

struct NodeLocalOptions : NodeLocalTraffic {
    Kind kind = Kind::legacy;  ///< that is written
    std::string lock_path = "/run/xtables.lock";
    std::chrono::milliseconds lock_wait{5'000};
    NftIptablesOptions nft;
};

/// Adds those that are missing, once each, and gives back how many those were. Errc::again:
/// somebody held the lock all the time. The tables are replaced one by one, each whole.
Result<std::size_t> ensure_node_local_rules(const NodeLocalOptions& options);

/// Removes them from the tables of either kind however often they are there, with and without
/// `only_while_local`; makes no table by looking. Tries all tables and both families whatever
/// fails; the error is the first.
Status remove_node_local_rules(const NodeLocalOptions& options);

}  // namespace nameplane::rules::iptables
