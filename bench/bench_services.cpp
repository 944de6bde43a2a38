// What the service cache costs: memory an endpoint, time to load, to change one endpoint, to look
// up. Prints one line a figure; takes no arguments. Build: ninja -C build bench/bench_services

#include "services/store.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace nameplane;
using namespace nameplane::services;
using Time = std::chrono::steady_clock;

double seconds_since(Time::time_point start) {
    return std::chrono::duration<double>(Time::now() - start).count();
}

/// Octets in use by malloc.
std::size_t heap_octets() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct Shape {
    std::size_t services;
    std::size_t endpoints;  ///< of each
};

constexpr std::size_t node_count = 500;
constexpr std::size_t endpoints_per_slice = 100;

IpAddress address_of(std::uint8_t net, std::size_t number) {
    return IpAddress::v4(net, static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

std::string name_of(std::size_t service) {
    return "service-" + std::to_string(service);
}
std::string namespace_of(std::size_t service) {
    return "team-" + std::to_string(service % 100);
}

Service make_service(std::size_t i) {
    Service service;
    service.key = {namespace_of(i), name_of(i)};
    service.cluster_ips = {address_of(11, i)};
    service.ports = {{.name = "http", .port = 80}};
    service.labels = {{"app", name_of(i)}};
    service.selector = {{"app", name_of(i)}};
    return service;
}

Endpoint make_endpoint(std::size_t service, std::size_t number) {
    Endpoint endpoint;
    endpoint.addresses = {address_of(10, number)};
    endpoint.node_name = "node-" + std::to_string(number % node_count) + ".example.internal";
    endpoint.zone = "region-1" + std::string(1, static_cast<char>('a' + number % 3));
    endpoint.pod_name = name_of(service) + "-7d4b9c8f6d-" + std::to_string(number);
    return endpoint;
}

EndpointSlice make_slice(const Shape& shape, std::size_t service, std::size_t first) {
    EndpointSlice slice;
    slice.key = {namespace_of(service), name_of(service) + "-" + std::to_string(first)};
    slice.service = name_of(service);
    slice.ports = {{.name = "http", .port = 8080}};
    const std::size_t last = std::min(shape.endpoints, first + endpoints_per_slice);
    for (std::size_t i = first; i < last; ++i) {
        slice.endpoints.push_back(make_endpoint(service, service * shape.endpoints + i));
    }
    return slice;
}

void put(Store& store, Event event) {
    if (Status status = store.apply(std::move(event)); !status) {
        std::fprintf(stderr, "refused: %s\n", status.error().text.c_str());
        std::exit(1);
    }
}

/// Puts everything as one list; the seconds spent in the store.
double load(Store& store, const Shape& shape) {
    double spent = 0;
    const auto timed_put = [&](Event event) {
        const auto start = Time::now();
        put(store, std::move(event));
        spent += seconds_since(start);
    };
    timed_put(BeginList{Kind::service});
    for (std::size_t i = 0; i < shape.services; ++i) timed_put(make_service(i));
    timed_put(EndList{Kind::service});
    timed_put(BeginList{Kind::endpoint_slice});
    for (std::size_t i = 0; i < shape.services; ++i) {
        for (std::size_t first = 0; first < shape.endpoints; first += endpoints_per_slice) {
            timed_put(make_slice(shape, i, first));
        }
    }
    timed_put(EndList{Kind::endpoint_slice});
    const auto start = Time::now();
    const auto snapshot = store.snapshot();
    return spent + seconds_since(start);
}

/// Microseconds from one changed slice to its snapshot: `change` alters it for round `i`.
template <class Change>
void time_change(Store& store, const Shape& shape, const char* what, Change change) {
    constexpr std::size_t rounds = 2000;
    std::vector<double> micros;
    for (std::size_t i = 0; i < rounds; ++i) {
        const std::size_t service = (i * 7919) % shape.services;
        EndpointSlice slice = make_slice(shape, service, 0);
        change(slice, i);
        const auto start = Time::now();
        put(store, std::move(slice));
        const auto snapshot = store.snapshot();
        micros.push_back(seconds_since(start) * 1e6);
    }
    std::ranges::sort(micros);
    std::printf("  %-38s median %6.1f us, 99%% %6.1f us\n", what, micros[rounds / 2],
                micros[rounds * 99 / 100]);
}

/// Random look-ups; of twenty batches the quickest, which other programs disturbed least, and the
/// median.
template <class LookUp> void time_lookup(const char* what, LookUp look_up) {
    constexpr std::size_t rounds = 100'000;
    std::vector<double> nanos;
    std::size_t found = 0;
    for (std::size_t batch = 0; batch < 20; ++batch) {
        const auto start = Time::now();
        for (std::size_t i = 0; i < rounds; ++i) {
            found += look_up((batch * rounds + i) * 2654435761U) ? 1 : 0;
        }
        nanos.push_back(seconds_since(start) * 1e9 / rounds);
    }
    std::ranges::sort(nanos);
    std::printf("  %-38s best %6.1f ns, median %6.1f ns (%zu found)\n", what, nanos.front(),
                nanos[nanos.size() / 2], found);
}

/// Look-ups spread evenly over the first `services` Services.
void time_lookups(const Snapshot& snapshot, const Shape& shape, std::size_t services) {
    std::printf("  look-ups over %zu Services\n", services);
    const ServiceView view{snapshot};
    std::vector<ObjectKey> keys;
    for (std::size_t i = 0; i < services; ++i) keys.push_back(make_service(i).key);
    const std::size_t endpoints = services * shape.endpoints;
    time_lookup("  find()", [&](std::size_t i) {
        const ObjectKey& key = keys[i % keys.size()];
        return view.find(key.ns, key.name) != nullptr;
    });
    time_lookup("  find(), no such Service", [&](std::size_t i) {
        return view.find(keys[i % keys.size()].ns, "nobody") != nullptr;
    });
    time_lookup("  by_cluster_ip()", [&](std::size_t i) {
        return view.by_cluster_ip(address_of(11, i % services)) != nullptr;
    });
    time_lookup("  by_endpoint()", [&](std::size_t i) {
        return !view.by_endpoint(address_of(10, i % endpoints)).empty();
    });
    time_lookup("  by_endpoint(), no such address", [&](std::size_t i) {
        return !view.by_endpoint(address_of(12, i % endpoints)).empty();
    });
}

void run(const Shape& shape) {
    const std::size_t endpoints = shape.services * shape.endpoints;
    std::printf("%zu Services x %zu endpoints\n", shape.services, shape.endpoints);
    const SystemClock clock;
    const std::size_t before = heap_octets();
    Store store{{}, clock};
    const double first = load(store, shape);
    malloc_trim(0);
    const std::size_t used = heap_octets() - before;
    std::printf("  %-38s %6.1f MB, %zu octets an endpoint\n", "memory, store and snapshot",
                static_cast<double>(used) / 1e6, used / endpoints);
    std::printf("  %-38s %6.1f ms\n", "load and first snapshot", first * 1e3);
    std::printf("  %-38s %6.1f ms\n", "the same list again", load(store, shape) * 1e3);
    time_change(store, shape, "one endpoint's readiness + snapshot",
                [](EndpointSlice& slice, std::size_t) { slice.endpoints[0].ready = false; });
    time_change(store, shape, "one endpoint's address + snapshot",
                [](EndpointSlice& slice, std::size_t i) {
                    slice.endpoints[0].addresses = {address_of(13, i)};
                });
    for (const std::size_t services : {std::size_t{100}, shape.services}) {
        time_lookups(*store.snapshot(), shape, services);
    }
}

}  // namespace

int main() {
    for (const Shape& shape : {Shape{10'000, 10}, Shape{5'000, 50}, Shape{10'000, 25}}) run(shape);
    return 0;
}
