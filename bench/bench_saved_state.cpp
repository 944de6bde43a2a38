// What it costs to keep the last state on disk: 10,000 Services x 25 endpoints. Prints one line a
// figure, the median of nine. Usage: bench_saved_state [FOLDER], by default the current one.
// Build: ninja -C build bench/bench_saved_state

#include "kube/saved_state.hpp"
#include "services/store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace {

using namespace nameplane;
using namespace nameplane::services;

constexpr std::size_t service_count = 10'000;
constexpr std::size_t endpoints_each = 25;
constexpr std::size_t node_count = 500;
constexpr std::size_t rounds = 9;

IpAddress address_of(std::uint8_t net, std::size_t number) {
    return IpAddress::v4(net, static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

Service make_service(std::size_t i) {
    Service service;
    service.key = {"team-" + std::to_string(i % 100), "service-" + std::to_string(i)};
    service.cluster_ips = {address_of(11, i)};
    service.ports = {{.name = "http", .port = 80}};
    return service;
}

EndpointSlice make_slice(std::size_t i) {
    EndpointSlice slice;
    slice.key = {"team-" + std::to_string(i % 100), "service-" + std::to_string(i) + "-x7k2p"};
    slice.service = "service-" + std::to_string(i);
    slice.ports = {{.name = "http", .port = 8080}};
    for (std::size_t at = 0; at < endpoints_each; ++at) {
        const std::size_t number = i * endpoints_each + at;
        Endpoint endpoint;
        endpoint.addresses = {address_of(10, number)};
        endpoint.node_name = "node-" + std::to_string(number % node_count) + ".example.internal";
        endpoint.zone = "region-1" + std::string(1, static_cast<char>('a' + number % 3));
        endpoint.pod_name = slice.service + "-7d4b9c8f6d-" + std::to_string(number);
        slice.endpoints.push_back(std::move(endpoint));
    }
    return slice;
}

void put(Store& store, Event event) {
    if (Status status = store.apply(std::move(event)); !status) {
        std::fprintf(stderr, "refused: %s\n", status.error().text.c_str());
        std::exit(1);
    }
}

void fill(Store& store) {
    put(store, BeginList{Kind::namespace_});
    put(store, EndList{Kind::namespace_});
    put(store, BeginList{Kind::service});
    for (std::size_t i = 0; i < service_count; ++i) put(store, make_service(i));
    put(store, EndList{Kind::service});
    put(store, BeginList{Kind::endpoint_slice});
    for (std::size_t i = 0; i < service_count; ++i) put(store, make_slice(i));
    put(store, EndList{Kind::endpoint_slice});
}

struct Cost {
    std::vector<double> clock_ms, cpu_ms;
};

double cpu_now_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

template <class Do> void measure(Cost& cost, Do work) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = cpu_now_ms();
    work();
    cost.cpu_ms.push_back(cpu_now_ms() - cpu);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    cost.clock_ms.push_back(took.count());
}

void print(const char* what, Cost& cost) {
    std::ranges::sort(cost.clock_ms);
    std::ranges::sort(cost.cpu_ms);
    std::printf("%-52s %7.1f ms, %7.1f ms of CPU\n", what, cost.clock_ms[cost.clock_ms.size() / 2],
                cost.cpu_ms[cost.cpu_ms.size() / 2]);
}

template <class T> T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().text.c_str());
        std::exit(1);
    }
    return std::move(result).value();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string path = std::string{argc > 1 ? argv[1] : "."} + "/bench-saved-state";
    const SystemClock clock;
    Store store{{}, clock};
    fill(store);
    const auto snapshot = store.snapshot();
    std::printf("%zu Services x %zu endpoints\n", service_count, endpoints_each);
    Cost take, write, drop, check, replay, publish, all;
    std::size_t octets = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
        Contents contents;
        measure(take, [&] { contents = store.contents(); });
        measure(write, [&] {
            octets = must(kube::write_saved_state(path, {"bench", clock.wall()}, contents));
        });
        measure(drop, [&] { contents = {}; });
        Store other{{}, clock};
        std::shared_ptr<const Snapshot> loaded;
        measure(all, [&] {
            std::optional<kube::SavedState> state;
            measure(check, [&] { state = must(kube::SavedState::read(path, "bench")); });
            measure(replay,
                    [&] { state->replay([&](Event event) { put(other, std::move(event)); }); });
            measure(publish, [&] { loaded = other.snapshot(); });
        });
        if (loaded->endpoint_count() != snapshot->endpoint_count()) return 1;
    }
    std::remove(path.c_str());
    std::printf("%-52s %7.1f MB\n", "file", static_cast<double>(octets) / 1e6);
    print("save: control thread, take", take);
    print("save: other thread, encode, write and sync", write);
    print("save: control thread, let go", drop);
    print("load: read and check", check);
    print("load: into the store", replay);
    print("load: first snapshot", publish);
    print("load: all", all);
    return 0;
}
