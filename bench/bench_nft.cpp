// Rules into a real kernel's nftables: from nothing, after a restart, for one changed endpoint, and
// what a new connection costs then; beside `nft -f` of the same rules (libnftables). Needs root and
// nft; makes its own network namespaces.
//
//     ninja -C build bench/bench_nft && build/bench/bench_nft [SERVICESxENDPOINTS[a]...]
//
// With an `a` all Services have session affinity. Times in milliseconds, by the clock and of CPU
// (the kernel's part included); one change is planned and written, median and 99th percentile of
// many. Memory is of a process that does nothing else, store and plan included. Connections are TCP
// from the node to the last Service, in microseconds.

#include "connect_bench.hpp"
#include "rules/nftables/apply.hpp"
#include "rules/nftables/render.hpp"
#include "rules/policy.hpp"
#include "rules_bench.hpp"
#include "services/store.hpp"
#include "support/netns.hpp"
#include <nameplane/base/clock.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace nameplane;
using namespace nameplane::bench;

class Run {
public:
    explicit Run(const Size& size) : size_{size} { fill(store_, size); }

    void measure() {
        before_mb_ = resident_mb();
        planned_ = plan();
        first_ = apply(*writer_, true);
        at_rest_mb_ = resident_mb();
        peak_mb_ = peak_mb();
        restart_ = apply(*rules::nftables::make_nftables_writer(Family::ipv4), false);
        change();
        connection();
        by_nft();
    }

    void print() const {
        std::printf("%6zu x %-3zu%c wall %8.1f %8.1f %8.1f %8.2f %8.2f %8.1f %8.1f %7.1f %7.1f "
                    "%7.1f %8.1f\n",
                    size_.services, size_.endpoints, size_.affinity ? 'a' : ' ', planned_.wall,
                    first_.wall, restart_.wall, change_median_.wall, change_p99_, nft_first_.wall,
                    nft_change_.wall, before_mb_, at_rest_mb_, peak_mb_, connect_us_);
        std::printf("              CPU %8.1f %8.1f %8.1f %8.2f %8s %8.1f %8.1f\n", planned_.cpu,
                    first_.cpu, restart_.cpu, change_median_.cpu, "", nft_first_.cpu,
                    nft_change_.cpu);
        std::fflush(stdout);
    }

private:
    Cost plan() {
        return cost_of([&] { plan_ = planner_.plan(store_.snapshot(), {.name = "node"}); });
    }
    Cost apply(rules::RuleWriter& by, bool writes) {
        Result<rules::Applied> done = Error{};
        const Cost cost = cost_of([&] { ours_.run([&] { done = by.apply(plan_, false); }); });
        if (!done) must(std::move(done).error());
        if (done->wrote != writes) {
            std::fprintf(stderr, "wrote or did not\n");
            std::exit(1);
        }
        return cost;
    }
    /// One endpoint of one Service goes or comes, from the store's snapshot to the kernel.
    void change() {
        std::vector<Cost> costs;
        for (int i = 0; i < changes; ++i) {
            put_slice(store_, size_.services / 2, size_.endpoints, i % 2 != 0);
            const Cost planned = plan();
            const Cost written = apply(*writer_, true);
            costs.push_back({planned.wall + written.wall, planned.cpu + written.cpu});
        }
        change_median_ = median(costs);
        std::ranges::sort(costs, {}, &Cost::wall);
        change_p99_ = costs[changes * 99 / 100].wall;
    }
    void connection() {
        ours_.sh("ip route add local 11.0.0.0/8 dev lo; ip route add local 10.0.0.0/8 dev lo");
        const Listener listener{ours_};
        connect_us_ = connect_us(ours_, {address(10, 0x600000 + size_.services - 1), 80});
    }
    Cost nft(const std::string& text) {
        const std::string path = "/tmp/nameplane-bench-" + std::to_string(::getpid()) + ".nft";
        std::ofstream{path} << text;
        const Cost cost = cost_of([&] { theirs_.sh("nft -f " + path); });
        ::unlink(path.c_str());
        return cost;
    }
    /// The same by libnftables: everything, then two elements replaced.
    void by_nft() {
        nft_first_ = nft(rules::nftables::to_nft_text(plan_));
        const std::string place =
            plan_.services[size_.services / 2]->ports[0].cluster_ip.to_string();
        const std::string key = "service-endpoints { " + place + " . tcp . 80 . 0 ";
        nft_change_ = nft("delete element ip nameplane " + key + "}\nadd element ip nameplane " +
                          key + "comment \"x\" : 11.0.0.1 . 8080 }\n");
    }

    static constexpr int changes = 200;
    Size size_;
    SystemClock clock_;
    services::Store store_{{}, clock_};
    test::Netns ours_ = test::Netns::make("bench");
    test::Netns theirs_ = test::Netns::make("bench");
    rules::Planner planner_{{}};
    rules::Plan plan_;
    std::unique_ptr<rules::RuleWriter> writer_ =
        rules::nftables::make_nftables_writer(Family::ipv4);
    Cost planned_;
    Cost first_;
    Cost restart_;
    Cost change_median_;
    double change_p99_ = 0;
    Cost nft_first_;
    Cost nft_change_;
    double before_mb_ = 0;
    double at_rest_mb_ = 0;
    double peak_mb_ = 0;
    double connect_us_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (!can_measure()) return 1;
    const std::vector<Size> sizes =
        sizes_of(argc, argv, {{10, 10}, {1'000, 10}, {10'000, 10}, {5'000, 50}});
    std::printf(
        "%s\n%s\n",
        "Services       ms       plan     from  restart      one      one   nft -f   nft -f  "
        "    MB      MB      MB  connect",
        "x endpoints                   nothing            median      p99      all      one  "
        "before    rest    peak       us");
    return measure_each<Run>(sizes);
}
