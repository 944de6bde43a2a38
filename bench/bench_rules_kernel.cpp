// Rules into a real kernel: plan and commit from nothing, after a restart, and for one changed
// endpoint, beside iptables-legacy-restore of the same rules. Needs root; makes its own network
// namespaces.
//
//     ninja -C build bench/bench_rules_kernel && build/bench/bench_rules_kernel
//     [SERVICESxENDPOINTS...]
//
// Prints one table; wall-clock milliseconds. "replace only" is what libiptc needs to read the nat
// table and put it back the same. Memory is of a process that does nothing else.

#include "rules/iptables/apply.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/table.hpp"
#include "rules/policy.hpp"
#include "services/store.hpp"
#include "support/netns.hpp"
#include <nameplane/base/clock.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace nameplane;
using rules::iptables::TableName;

struct Size {
    std::size_t services = 0;
    std::size_t endpoints = 0;
};

IpAddress address(std::uint8_t net, std::size_t number) {
    return IpAddress::v4(net, static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

void must(const Status& status) {
    if (status) return;
    std::fprintf(stderr, "%s\n", status.error().text.c_str());
    std::exit(1);
}

double ms_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
        .count();
}

void put_slice(services::Store& store, std::size_t number, std::size_t endpoints, bool last_ready) {
    services::EndpointSlice slice;
    slice.key = {"bench", "service-" + std::to_string(number) + "-1"};
    slice.service = "service-" + std::to_string(number);
    slice.ports = {{.name = "http", .port = 8080}};
    for (std::size_t i = 0; i < endpoints; ++i) {
        services::Endpoint& endpoint = slice.endpoints.emplace_back();
        endpoint.addresses = {address(11, number * endpoints + i)};
        endpoint.ready = last_ready || i + 1 < endpoints;
    }
    must(store.apply(std::move(slice)));
}

void fill(services::Store& store, const Size& size) {
    for (std::size_t i = 0; i < size.services; ++i) {
        services::Service service;
        service.key = {"bench", "service-" + std::to_string(i)};
        service.cluster_ips = {address(10, 0x600000 + i)};
        service.ports = {{.name = "http", .port = 80}};
        must(store.apply(std::move(service)));
        put_slice(store, i, size.endpoints, true);
    }
}

/// Resident now, MB.
double resident_mb() {
    std::ifstream statm{"/proc/self/statm"};
    double total = 0;
    double resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

double peak_mb() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

/// What `iptables-restore --noflush` is given for one changed Service: its own chains.
std::string text_of_one(const rules::Plan& plan, std::size_t index) {
    const auto rendered = rules::iptables::render_service(
        *plan.services[index], plan.settings, plan.endpoint_count > rules::large_cluster_endpoints);
    std::string chains = "*nat\n";
    std::string lines;
    for (const auto& chain : rendered.nat_chains) {
        chains += ":" + chain.name + " - [0:0]\n";
        for (const auto& rule : chain.rules) {
            lines += "-A " + chain.name + " " + rules::iptables::to_text(rule) + "\n";
        }
    }
    return chains + lines + "COMMIT\n";
}

double restore_ms(const test::Netns& netns, const std::string& text, const std::string& lock) {
    const std::string path = lock + ".rules";
    std::ofstream{path} << text;
    const double ms = ms_of([&] {
        netns.sh("XTABLES_LOCKFILE=" + lock + " iptables-legacy-restore --noflush < " + path);
    });
    ::unlink(path.c_str());
    return ms;
}

void measure(const Size& size) {
    const SystemClock clock;
    services::Store store{{}, clock};
    fill(store, size);
    const rules::NodeFacts node{.name = "node"};
    const std::string lock = "/tmp/nameplane-bench-" + std::to_string(::getpid());
    const auto ours = test::Netns::make("bench");
    rules::Planner planner{{}};
    rules::Plan plan;
    const double before_mb = resident_mb();
    const double plan_ms = ms_of([&] { plan = planner.plan(store.snapshot(), node); });
    auto writer = rules::iptables::make_iptables_writer(Family::ipv4, {.lock_path = lock}).value();
    rules::Applied applied;
    const auto apply = [&](rules::RuleWriter& by) {
        return ms_of([&] {
            ours.run([&] {
                auto done = by.apply(plan, false);
                if (!done) must(std::move(done).error());
                applied = *done;
            });
        });
    };
    const double first_ms = apply(*writer);
    const std::size_t rules = applied.nat_rules + applied.filter_rules;
    auto restarted =
        rules::iptables::make_iptables_writer(Family::ipv4, {.lock_path = lock}).value();
    const double restart_ms = apply(*restarted);
    if (applied.wrote) {
        std::fprintf(stderr, "a restart wrote\n");
        std::exit(1);
    }
    std::vector<double> changes;
    double replan_ms = 1e9;
    for (int i = 0; i < 5; ++i) {
        put_slice(store, size.services / 2, size.endpoints, i % 2 != 0);
        replan_ms =
            std::min(replan_ms, ms_of([&] { plan = planner.plan(store.snapshot(), node); }));
        changes.push_back(apply(*writer));
    }
    std::ranges::sort(changes);
    double replace_ms = 0;
    ours.run([&] {
        replace_ms = ms_of([&] {
            auto table = rules::iptables::Table::open(Family::ipv4, TableName::nat);
            // libiptc skips the replace when nothing was touched: empty what is empty.
            must(table.value().flush_chain("KUBE-PROXY-CANARY"));
            must(table.value().commit());
        });
    });
    const double after_mb = resident_mb();
    const double most_mb = peak_mb();
    const auto theirs = test::Netns::make("bench");
    const double restore_first_ms =
        restore_ms(theirs, rules::iptables::to_restore_text(plan), lock);
    const double restore_one_ms = restore_ms(theirs, text_of_one(plan, size.services / 2), lock);
    double clean_ms = ms_of([&] { ours.run([&] { must(writer->clean()); }); });
    ::unlink(lock.c_str());
    std::printf("%6zu x %-4zu %8zu %8.1f %9.1f %9.1f %8.2f %8.1f %9.1f %10.1f %10.1f %8.1f %7.1f "
                "%7.1f %7.1f\n",
                size.services, size.endpoints, rules, plan_ms, first_ms, restart_ms, replan_ms,
                changes[changes.size() / 2], replace_ms, restore_first_ms, restore_one_ms, clean_ms,
                before_mb, after_mb, most_mb);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    if (const std::string why = test::why_no_netns(); !why.empty()) {
        std::printf("cannot measure: %s\n", why.c_str());
        return 1;
    }
    std::vector<Size> sizes;
    for (int i = 1; i < argc; ++i) {
        Size size;
        if (std::sscanf(argv[i], "%zux%zu", &size.services, &size.endpoints) == 2)
            sizes.push_back(size);
    }
    if (sizes.empty()) sizes = {{100, 10}, {1'000, 10}, {10'000, 10}};
    std::printf("%-13s %8s %8s %9s %9s %8s %8s %9s %10s %10s %8s %7s %7s %7s\n", "Services x",
                "rules", "plan", "commit", "restart", "replan", "change", "replace", "restore",
                "restore", "clean", "MB", "MB", "MB");
    std::printf("%-13s %8s %8s %9s %9s %8s %8s %9s %10s %10s %8s %7s %7s %7s\n", "endpoints", "",
                "", "", "no write", "one", "one", "only", "all", "one", "", "before", "after",
                "peak");
    std::fflush(stdout);
    for (const Size& size : sizes) {
        const pid_t child = ::fork();  // memory of its own
        if (child == 0) {
            measure(size);
            std::exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        if (status != 0) return 1;
    }
    return 0;
}
