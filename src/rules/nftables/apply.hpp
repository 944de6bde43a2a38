#pragma once
// apply: the writer that brings a Plan into our nftables table, ip and ip6 apart.
//
// A change is one transaction that holds the changed elements and, when a number of endpoints comes
// up for the first time, its chain. At start, and whenever somebody else touched the table, it is
// read and compared, and the difference is one transaction, too. Nobody else's table is read or
// written. Entries of the affinity maps are the packets' own and stay, but for those that lead to
// endpoints that are gone.

#include "rules/writer.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <functional>
#include <memory>
#include <string_view>

namespace nameplane::rules::nftables {

struct NftablesOptions {
    /// Called between reading and writing; for tests that put somebody in between.
    std::function<void()> before_commit;
};

/// A writer for one family. Touches nothing yet: what the kernel or the user lacks is an error of
/// apply() (Errc::permission, Errc::unsupported), so that it can be tried again. Rule thread only.
std::unique_ptr<RuleWriter> make_nftables_writer(Family family, NftablesOptions options = {});

/// Whether the kernel takes all that the writer may ask for: a table of another name with every
/// kind of chain, map and element is written and taken away again, in one transaction that is
/// never seen by a packet.
Status probe_nftables(Family family);

/// Removes a table whole, whoever wrote it; nothing happens if it is not there.
Status remove_table(Family family, std::string_view name);

}  // namespace nameplane::rules::nftables
