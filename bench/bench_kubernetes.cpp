// What the plugin kubernetes costs a query, without socket, parser and encoder: ns a query over
// 10,000 Services and headless ones of several sizes.

#include "plugins/kubernetes/kubernetes.hpp"
#include "services/store.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::services;

namespace {

constexpr unsigned service_count = 10'000;

void put(Store& store, Event event) {
    if (!store.apply(std::move(event))) std::abort();
}

IpAddress address(unsigned base, unsigned i) {
    return IpAddress::v4(static_cast<std::uint8_t>(base), static_cast<std::uint8_t>(i >> 16U),
                         static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i));
}

void put_headless(Store& store, unsigned endpoints) {
    Service service;
    service.key = {"bench", "headless-" + std::to_string(endpoints)};
    service.headless = true;
    service.ports.push_back({.name = "http", .port = 80, .target = {}});
    EndpointSlice slice;
    slice.key = {"bench", service.key.name + "-a"};
    slice.service = service.key.name;
    slice.ports.push_back({"http", Protocol::tcp, 8080});
    for (unsigned i = 0; i < endpoints; ++i) {
        slice.endpoints.emplace_back().addresses.push_back(address(172, i + endpoints * 8));
    }
    put(store, std::move(service));
    put(store, std::move(slice));
}

void fill(Store& store) {
    for (const Kind kind : {Kind::service, Kind::endpoint_slice, Kind::namespace_}) {
        put(store, BeginList{kind});
    }
    put(store, Namespace{{"", "bench"}, {}});
    for (unsigned i = 0; i < service_count; ++i) {
        Service service;
        service.key = {"bench", "svc-" + std::to_string(i)};
        service.cluster_ips.push_back(address(10, i + 1));
        service.ports.push_back({.name = "http", .port = 80, .target = {}});
        put(store, std::move(service));
    }
    for (const unsigned endpoints : {1U, 10U, 100U, 1000U}) put_headless(store, endpoints);
    for (const Kind kind : {Kind::service, Kind::endpoint_slice, Kind::namespace_}) {
        put(store, EndList{kind});
    }
}

struct Load {
    const char* what;
    dns::Type type;
    std::vector<dns::Name> names;
};

std::vector<dns::Name> names(const std::string& front, const std::string& behind, unsigned count) {
    std::vector<dns::Name> out;
    for (unsigned i = 0; i < count; ++i) {
        // A stride, so that neighbours do not share cache lines.
        const unsigned number = i * 7919U % count;
        out.push_back(
            *dns::Name::parse(front + (count == 1 ? "" : std::to_string(number)) + behind));
    }
    return out;
}

/// Of this thread: a busy machine must not count.
double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Best of five rounds, ns a query.
double measure(const Plugin& plugin, const Load& load, const Snapshot& snapshot) {
    Arena arena{512 << 10};
    const std::size_t rounds = load.names.size() == 1 ? 2'000 : 10;
    double best = 1e18;
    for (int attempt = 0; attempt < 5; ++attempt) {
        std::size_t queries = 0;
        const double start = cpu_ns();
        for (std::size_t round = 0; round < rounds; ++round) {
            for (const dns::Name& name : load.names) {
                arena.clear();
                Query query{{.name = name,
                             .asked = name,
                             .type = load.type,
                             .services = ServiceView{snapshot},
                             .arena = &arena}};
                Reply reply{arena};
                if (plugin.ask(query, reply) != Step::done) std::abort();
                ++queries;
            }
        }
        const double took = cpu_ns() - start;
        best = std::min(best, took / static_cast<double>(queries));
    }
    return best;
}

}  // namespace

int main() {
    const SystemClock clock;
    Store store{{}, clock};
    fill(store);
    const auto snapshot = store.snapshot();
    const std::vector<dns::Name> zones{*dns::Name::parse("cluster.local."),
                                       *dns::Name::parse("in-addr.arpa."),
                                       *dns::Name::parse("ip6.arpa.")};
    metrics::Registry registry{1};
    Setup setup{.zones = zones, .metrics = registry, .services_synced = [] { return true; }};
    Options options{plugins::Kubernetes::options};
    const auto plugin = plugins::Kubernetes::make(options, setup);
    if (!plugin) return 1;

    const std::string zone = ".bench.svc.cluster.local.";
    const std::vector<Load> loads{
        {"A, ClusterIP", dns::Type::a, names("svc-", zone, service_count)},
        {"AAAA, ClusterIP (NODATA)", dns::Type::aaaa, names("svc-", zone, service_count)},
        {"A, one name again and again", dns::Type::a, names("svc-1", zone, 1)},
        {"A, missing (NXDOMAIN)", dns::Type::a, names("gone-", zone, service_count)},
        {"A, search path (NXDOMAIN)", dns::Type::a,
         names("www.example.com", ".bench.svc.cluster.local.", 1)},
        {"SRV, ClusterIP", dns::Type::srv, names("_http._tcp.svc-", zone, service_count)},
        {"PTR, ClusterIP", dns::Type::ptr, names("1.0.0.10", ".in-addr.arpa.", 1)},
        {"A, headless, 1", dns::Type::a, names("headless-1", zone, 1)},
        {"A, headless, 10", dns::Type::a, names("headless-10", zone, 1)},
        {"A, headless, 100", dns::Type::a, names("headless-100", zone, 1)},
        {"A, headless, 1,000", dns::Type::a, names("headless-1000", zone, 1)},
        {"SRV, headless, 10", dns::Type::srv, names("headless-10", zone, 1)},
        {"SRV, headless, 100", dns::Type::srv, names("headless-100", zone, 1)},
        {"SRV, headless, 1,000", dns::Type::srv, names("headless-1000", zone, 1)},
    };
    for (const Load& load : loads) {
        std::printf("%-32s %10.1f ns\n", load.what, measure(**plugin, load, *snapshot));
    }
}
