#pragma once
// What the kernel tests share: plans made by hand, a writer inside a namespace, and the tables as
// the legacy tools show them.

#include "rules/iptables/apply.hpp"
#include "rules/plan.hpp"
#include "rules/writer.hpp"
#include "support/netns.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::test {

inline constexpr std::array families{Family::ipv4, Family::ipv6};

IpAddress ip(std::string_view text);

/// What was applied; the test fails if nothing was.
rules::Applied must(Result<rules::Applied> applied);

/// A TCP port "ns/name:http" on 80 at `cluster_ip`, with an endpoint port 8080 at each address.
rules::PortPlan port_plan(std::string name, std::string_view cluster_ip,
                          const std::vector<std::string>& endpoints);
/// Other endpoints for the same port; verdicts as policy would set them.
void set_endpoints(rules::PortPlan& port, const std::vector<std::string>& addresses);

/// Services of one port each.
rules::Plan plan_of(std::vector<rules::PortPlan> ports, rules::PlanSettings settings);
rules::PlanSettings settings_of(Family family);
/// The same plan with Service number `index` replaced; the others keep their pointers.
rules::Plan with_service(rules::Plan plan, std::size_t index, rules::PortPlan port);
/// Counts endpoints, raises the version.
void finish(rules::Plan& plan);

/// Two IPv4 Services, "ns/one" with these endpoints and "ns/two" with none.
rules::Plan small_plan(const std::vector<std::string>& endpoints);

/// Every kind of Service that makes rules of its own, in one family.
rules::Plan plan_of_everything(Family family);

/// A lock file of this run, so that test runs do not wait for each other; children use it, too,
/// since who is killed would leave its own behind.
std::string own_lock_path();

/// This thread goes on without CAP_NET_ADMIN and CAP_NET_RAW.
void drop_network_rights();

/// One by one, since the tools put new chains where there is room.
std::string sorted_lines(const std::string& text);

/// Two programs, `path()`-restore and `path()`-save, that do what a shell script says.
class FakePrograms {
public:
    explicit FakePrograms(const std::string& script);
    FakePrograms(const FakePrograms&) = delete;
    ~FakePrograms();
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// A writer that works inside a namespace.
class NetnsWriter {
public:
    NetnsWriter(const Netns& netns, Family family, rules::iptables::IptablesOptions options = {});
    NetnsWriter(const Netns& netns, std::unique_ptr<rules::RuleWriter> writer)
        : netns_{netns}, writer_{std::move(writer)} {}
    Result<rules::Applied> apply(const rules::Plan& plan, bool full = false);
    Status clean();
    bool disturbed();

private:
    const Netns& netns_;
    std::unique_ptr<rules::RuleWriter> writer_;
};

/// `iptables-legacy-save` (or ip6tables-) of one table without dates; `counters` keeps them.
std::string saved(const Netns& netns, Family family, std::string_view table, bool counters = false);
/// filter, nat and mangle.
std::string saved(const Netns& netns, Family family);
/// The program: "iptables-legacy" or "ip6tables-legacy" with `suffix`.
std::string tool(Family family, std::string_view suffix = "");
/// Our nftables table as `nft` shows it, one element a line, lines sorted.
std::string listed(const Netns& netns, Family family);
/// Feeds text to `nft -f`.
void load_nft(const Netns& netns, const std::string& text);
/// Feeds text to `iptables-legacy-restore --noflush`.
void restore(const Netns& netns, Family family, const std::string& text);

}  // namespace nameplane::test
