// Time to plan and render rules: from nothing, and for one changed endpoint.
//
//     ninja -C build bench/bench_rules_plan && build/bench/bench_rules_plan [services] [endpoints]
//
// Prints milliseconds of CPU time of this thread; defaults are 10,000 Services x 10 endpoints.

#include "rules/iptables/render.hpp"
#include "rules/policy.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

namespace {

using namespace nameplane;

double cpu_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// Runs `work` and prints how long it took, the best of `times`.
template <class Work> void measure(const char* what, int times, Work&& work) {
    double best = 1e300;
    for (int i = 0; i < times; ++i) {
        const double start = cpu_ms();
        work();
        best = std::min(best, cpu_ms() - start);
    }
    std::printf("%-52s %10.3f ms\n", what, best);
}

IpAddress address(std::uint8_t net, std::size_t number) {
    return IpAddress::v4(net, static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

services::Service service(std::size_t number) {
    services::Service made;
    made.key = {"bench", "service-" + std::to_string(number)};
    made.cluster_ips = {address(10, 0x600000 + number)};
    made.ports = {{.name = "http", .port = 80}};
    return made;
}

services::EndpointSlice slice(std::size_t number, std::size_t endpoints, bool last_ready) {
    services::EndpointSlice made;
    made.key = {"bench", "service-" + std::to_string(number) + "-1"};
    made.service = "service-" + std::to_string(number);
    made.ports = {{.name = "http", .port = 8080}};
    for (std::size_t i = 0; i < endpoints; ++i) {
        services::Endpoint& endpoint = made.endpoints.emplace_back();
        endpoint.addresses = {address(11, number * endpoints + i)};
        endpoint.node_name = "node-" + std::to_string(i);
        endpoint.ready = last_ready || i + 1 < endpoints;
    }
    return made;
}

void put(services::Store& store, services::Event event) {
    if (const Status status = store.apply(std::move(event)); !status) {
        std::fprintf(stderr, "%s\n", status.error().text.c_str());
        std::exit(1);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
    const std::size_t endpoints = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 10;
    const SystemClock clock;
    services::Store store{{}, clock};
    for (std::size_t i = 0; i < count; ++i) {
        put(store, service(i));
        put(store, slice(i, endpoints, true));
    }
    const rules::NodeFacts node = rules::facts_of_this_machine("node-1");
    const auto first = store.snapshot();
    std::printf("%zu Services x %zu endpoints\n", count, endpoints);

    measure("plan from nothing", 3, [&] { rules::Planner{{}}.plan(first, node); });
    rules::Planner planner{{}};
    rules::Plan plan = planner.plan(first, node);
    const bool large = plan.endpoint_count > rules::large_cluster_endpoints;
    std::size_t chains = 0;
    measure("render all Services", 3, [&] {
        chains = 0;
        for (const auto& item : plan.services) {
            chains +=
                rules::iptables::render_service(*item, plan.settings, large).nat_chains.size();
        }
    });
    std::size_t octets = 0;
    measure("render as iptables-restore text", 3,
            [&] { octets = rules::iptables::to_restore_text(plan).size(); });

    std::shared_ptr<const services::Snapshot> next;
    double best_plan = 1e300;
    for (int i = 0; i < 20; ++i) {
        put(store, slice(count / 2, endpoints, i % 2 != 0));
        next = store.snapshot();
        const double start = cpu_ms();
        plan = planner.plan(next, node);
        best_plan = std::min(best_plan, cpu_ms() - start);
    }
    std::printf("%-52s %10.3f ms\n", "plan after one changed endpoint", best_plan);
    measure("render one Service", 20, [&] {
        chains += rules::iptables::render_service(*plan.services[count / 2], plan.settings, large)
                      .nat_chains.size();
    });
    std::printf("%zu endpoints, %zu octets of text, %zu chains seen\n", plan.endpoint_count, octets,
                chains);
    return 0;
}
