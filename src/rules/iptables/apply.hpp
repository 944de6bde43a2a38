#pragma once
// apply: the writer that brings a Plan into the kernel's iptables through libiptc, as the KUBE-*
// chains of kube-proxy.
//
// Each call reads the tables, compares, and puts a table back only when something in it differs,
// all under the xtables lock. Rules of others stay where they are, with their counters; so do those
// of ours that do not change. Stale chains of ours go, whoever wrote them (an earlier run,
// kube-proxy).
//
// Which table goes first. What nat does not translate, filter may have to refuse: a Service without
// endpoints is a REJECT in filter and nothing in nat. While only one of the two tables is new,
// there must be no moment at which a Service's address is neither translated nor refused, or
// packets to it leave by the default route and conntrack remembers that. A refusal that stands too
// early or too long hurts nobody whose packets nat translates, since filter sees the endpoint's
// address. So: new rules of filter go in before nat, old ones go out after nat. One replace a table
// does it, filter first when it only gains, nat first when it only loses; only when filter has both
// and nat changes too, filter is replaced twice, first with old and new together. With one atomic
// replace, removed and added endpoints of all Services take effect together; none has to go ahead.

#include "rules/iptables/rule.hpp"
#include "rules/writer.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace nameplane::rules::iptables {

struct IptablesOptions {
    std::string lock_path = "/run/xtables.lock";
    std::chrono::milliseconds lock_wait{1'000};
    /// Tables up to this size are compared once a second, larger ones when somebody used the lock.
    std::size_t routine_octets_max = 8 * 1024 * 1024;
    /// Called between reading a table and replacing it; for tests that put somebody in between.
    std::function<void(TableName)> before_commit;
};

/// A writer for one family. Touches nothing yet: what the kernel or the user lacks is an error of
/// apply() (Errc::permission, Errc::unsupported), so that it can be tried again. Rule thread only.
Result<std::unique_ptr<RuleWriter>> make_iptables_writer(Family family, IptablesOptions options);

}  // namespace nameplane::rules::iptables
