// What a new connection to the last Service costs: through the iptables rules of a linear and of a
// tree dispatch, and through nftables without and with session affinity, in turn on one kernel.
// Needs root; makes its own network namespaces.
//
//     ninja -C build bench/bench_connect
//     build/bench/bench_connect [node-ports] [SERVICES[+REFUSED]...]
//
// REFUSED Services more have no endpoints: the filter has a rule for each. With node-ports every
// Service has one, and the last is asked at the node's address.
//
// Medians of TCP connections in microseconds; each round measures all four, and the median of
// rounds is printed with the least and the most; at the end, how many times that of the first
// number of Services the last one has.

#include "connect_bench.hpp"
#include "rules/iptables/apply.hpp"
#include "rules/nftables/apply.hpp"
#include "rules/policy.hpp"
#include "rules_bench.hpp"
#include "services/store.hpp"
#include "support/netns.hpp"
#include <nameplane/base/clock.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace nameplane;
using namespace nameplane::bench;

constexpr int rounds = 5;

/// A namespace with rules of one kind, and a server behind them.
class Place {
public:
    Place(std::unique_ptr<rules::RuleWriter> writer, services::Store& store,
          rules::Dispatch dispatch)
        : writer_{std::move(writer)} {
        rules::Planner planner{{.dispatch = dispatch}};
        const rules::Plan plan = planner.plan(store.snapshot(), {.name = "node"});
        Result<rules::Applied> done = Error{};
        netns_.run([&] { done = writer_->apply(plan, false); });
        if (!done) must(std::move(done).error());
        netns_.sh("ip route add local 11.0.0.0/8 dev lo; ip route add local 10.0.0.0/8 dev lo; "
                  "ip address add 192.0.2.1/32 dev lo");
        listener_ = std::make_unique<Listener>(netns_);
    }
    double connect_us(const SocketAddress& to) const { return bench::connect_us(netns_, to); }

private:
    test::Netns netns_ = test::Netns::make("bench");
    std::unique_ptr<rules::RuleWriter> writer_;
    std::unique_ptr<Listener> listener_;
};

std::unique_ptr<rules::RuleWriter> iptables() {
    auto made = rules::iptables::make_iptables_writer(
        Family::ipv4, {.lock_path = "/tmp/nameplane-bench-" + std::to_string(::getpid())});
    if (!made) must(std::move(made).error());
    return std::move(*made);
}

using Medians = std::array<double, 4>;

Medians measure(const Size& size) {
    const std::size_t count = size.services;
    const SystemClock clock;
    services::Store store{{}, clock};
    fill(store, size);
    const Place linear{iptables(), store, rules::Dispatch::linear};
    const Place tree{iptables(), store, rules::Dispatch::tree};
    const Place nftables{rules::nftables::make_nftables_writer(Family::ipv4), store,
                         rules::Dispatch::linear};
    services::Store sticky_store{{}, clock};
    Size sticky_size = size;
    sticky_size.affinity = true;
    fill(sticky_store, sticky_size);
    const Place sticky{rules::nftables::make_nftables_writer(Family::ipv4), sticky_store,
                       rules::Dispatch::linear};
    const std::array places{&linear, &tree, &nftables, &sticky};
    std::array<std::vector<double>, places.size()> times;
    const SocketAddress last =
        size.node_ports ? SocketAddress{IpAddress::v4(192, 0, 2, 1), node_port(count - 1)}
                        : SocketAddress{address(10, 0x600000 + count - 1), 80};
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < places.size(); ++i)
            times[i].push_back(places[i]->connect_us(last));
    }
    std::printf("%8s", (std::to_string(count) +
                        (size.refused == 0 ? "" : "+" + std::to_string(size.refused)))
                           .c_str());
    Medians medians{};
    for (std::size_t i = 0; i < times.size(); ++i) {
        std::vector<double>& all = times[i];
        std::ranges::sort(all);
        medians[i] = all[all.size() / 2];
        std::printf("  %6.1f (%.1f to %.1f)", medians[i], all.front(), all.back());
    }
    std::printf("\n");
    std::fflush(stdout);
    return medians;
}

}  // namespace

int main(int argc, char** argv) {
    if (!can_measure()) return 1;
    std::vector<Size> sizes;
    const bool node_ports = argc > 1 && std::string_view{argv[1]} == "node-ports";
    for (int i = node_ports ? 2 : 1; i < argc; ++i) {
        char* rest = nullptr;
        Size& size =
            sizes.emplace_back(Size{.services = std::strtoul(argv[i], &rest, 10), .endpoints = 1});
        if (*rest == '+') size.refused = std::strtoul(rest + 1, nullptr, 10);
    }
    if (sizes.empty()) {
        for (const std::size_t count : {10, 100, 1'000, 10'000})
            sizes.push_back({.services = count, .endpoints = 1});
    }
    for (Size& size : sizes) size.node_ports = node_ports;
    std::printf("Services  iptables, linear      iptables, tree        nftables              "
                "nftables, affinity\n");
    std::vector<Medians> all;
    for (const Size& size : sizes) all.push_back(measure(size));
    std::printf("last to first");
    for (std::size_t i = 0; i < all.front().size(); ++i)
        std::printf(" %20.2f", all.back()[i] / all.front()[i]);
    std::printf("\n");
    return 0;
}
