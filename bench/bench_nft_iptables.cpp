// Rules into a real kernel's iptables where that is the nft one: from nothing, again with nothing
// to do, for one changed endpoint, for a Service that comes or goes; beside
// `iptables-nft-restore --noflush` of what kube-proxy gives it. Needs root and iptables; makes its
// own network namespaces.
//
//     ninja -C build bench/bench_nft_iptables && build/bench/bench_nft_iptables
//     [SERVICESxENDPOINTS...]
//
// Times in milliseconds, by the clock and of CPU (the children's and the kernel's part included).
// kube-proxy brings all chains that Services share with each change, and the changed Services' own;
// it is given no time to make the text. Memory is of a process that does nothing else, and of the
// largest child.

#include "rules/iptables/nft_apply.hpp"
#include "rules/iptables/render.hpp"
#include "rules/policy.hpp"
#include "rules_bench.hpp"
#include "services/store.hpp"
#include "support/netns.hpp"
#include <nameplane/base/clock.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace nameplane;
using namespace nameplane::bench;

bool is_of_one_service(std::string_view chain) {
    constexpr std::array<std::string_view, 5> prefixes{"KUBE-SVC-", "KUBE-SEP-", "KUBE-EXT-",
                                                       "KUBE-FW-", "KUBE-SVL-"};
    return std::ranges::any_of(prefixes, [&](auto prefix) { return chain.starts_with(prefix); });
}

/// What kube-proxy gives to iptables-restore after one Service has changed.
std::string text_of_one(const rules::Plan& plan, const rules::ServicePlan& changed) {
    std::set<std::string, std::less<>> own;
    for (const auto& chain :
         rules::iptables::render_service(changed, plan.settings,
                                         plan.endpoint_count > rules::large_cluster_endpoints)
             .nat_chains) {
        own.insert(chain.name);
    }
    std::istringstream in{rules::iptables::to_restore_text(plan)};
    std::string text;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("-I ")) continue;
        const auto begin = line[0] == ':' ? 1U : 3U;
        if (line[0] == ':' || line[0] == '-') {
            const std::string_view chain =
                std::string_view{line}.substr(begin, line.find(' ', begin) - begin);
            if (is_of_one_service(chain) && !own.contains(chain)) continue;
        }
        text += line + "\n";
    }
    return text;
}

double child_mb() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

/// One cluster, in a namespace that our writer fills and in one that iptables-nft-restore fills.
class Run {
public:
    explicit Run(const Size& size) : size_{size} { fill(store_, size); }

    void measure() {
        before_mb_ = resident_mb();
        plan();
        columns_ = {apply(*writer_, true)};
        at_rest_mb_ = resident_mb();
        std::vector<std::vector<Cost>> costs(6);
        restore(rules::iptables::to_restore_text(plan_), costs[5]);
        child_mb_ = child_mb();
        for (int i = 0; i < rounds; ++i) {
            costs[0].push_back(
                apply(*rules::iptables::make_nft_iptables_writer(Family::ipv4), false));
            endpoint(costs[1], costs[2]);
            service(costs[3], costs[4]);
        }
        for (const auto& some : costs) columns_.push_back(median(some));
    }

    void print() const {
        std::printf("%6zu x %-3zu wall", size_.services, size_.endpoints);
        for (const Cost& column : columns_) std::printf(" %9.1f", column.wall);
        std::printf(" %7.1f %7.1f %7.1f %7.1f\n              CPU ", before_mb_, at_rest_mb_,
                    peak_mb(), child_mb_);
        for (const Cost& column : columns_) std::printf(" %9.1f", column.cpu);
        std::printf("\n");
        std::fflush(stdout);
    }

private:
    void plan() { plan_ = planner_.plan(store_.snapshot(), {.name = "node"}); }
    Cost apply(rules::RuleWriter& by, bool writes) {
        Result<rules::Applied> done = Error{};
        const Cost cost = cost_of([&] { ours_.run([&] { done = by.apply(plan_, false); }); });
        if (!done) must(std::move(done).error());
        if (done->wrote != writes) {
            std::fprintf(stderr, "wrote or did not: %zu chains\n", done->chains_written);
            std::exit(1);
        }
        return cost;
    }
    void restore(const std::string& text, std::vector<Cost>& costs) {
        const std::string path = "/tmp/nameplane-bench-" + std::to_string(::getpid());
        std::ofstream{path} << text;
        costs.push_back(cost_of([&] { theirs_.sh("iptables-nft-restore --noflush < " + path); }));
        ::unlink(path.c_str());
    }
    /// One endpoint of one Service goes or comes.
    void endpoint(std::vector<Cost>& ours, std::vector<Cost>& theirs) {
        const std::size_t which = size_.services / 2;
        put_slice(store_, which, size_.endpoints, std::exchange(last_ready_, !last_ready_));
        plan();
        ours.push_back(apply(*writer_, true));
        restore(text_of_one(plan_, *plan_.services[which]), theirs);
    }
    /// One Service comes, or goes again.
    void service(std::vector<Cost>& ours, std::vector<Cost>& theirs) {
        if (std::exchange(added_, !added_)) {
            must(store_.apply(services::Remove{services::Kind::service, {"bench", "a-new-one"}}));
        } else {
            services::Service added;
            added.key = {"bench", "a-new-one"};
            added.cluster_ips = {address(10, 0x7fffff)};
            added.ports = {{.name = "http", .port = 80}};
            must(store_.apply(std::move(added)));
        }
        plan();
        ours.push_back(apply(*writer_, true));
        restore(text_of_one(plan_, *plan_.services.front()), theirs);
    }

    static constexpr int rounds = 4;
    Size size_;
    SystemClock clock_;
    services::Store store_{{}, clock_};
    test::Netns ours_ = test::Netns::make("bench");
    test::Netns theirs_ = test::Netns::make("bench");
    rules::Planner planner_{{}};
    rules::Plan plan_;
    std::unique_ptr<rules::RuleWriter> writer_ =
        rules::iptables::make_nft_iptables_writer(Family::ipv4);
    bool last_ready_ = false;  ///< with the next change
    bool added_ = false;
    std::vector<Cost> columns_;
    double before_mb_ = 0;
    double at_rest_mb_ = 0;
    double child_mb_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (!can_measure()) return 1;
    const std::vector<Size> sizes = sizes_of(argc, argv, {{1'000, 10}, {10'000, 10}});
    std::printf("%s\n%s\n",
                "Services         ms       from       same  endpoint      kube-   Service      "
                "kube-      kube-      MB      MB      MB      MB",
                "x endpoints            nothing    restart               proxy                "
                "proxy  proxy all  before    rest    peak   child");
    return measure_each<Run>(sizes);
}
