#pragma once
// What the benchmarks of rules share: a cluster of so many Services and endpoints, and what work
// costs.

#include "services/store.hpp"
#include "support/netns.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::bench {

struct Size {
    std::size_t services = 0;
    std::size_t endpoints = 0;
    bool affinity = false;
    std::size_t refused = 0;  ///< further Services, without endpoints
    bool node_ports = false;  ///< all of them have one
};

/// Whether namespaces can be made; says why not.
inline bool can_measure() {
    const std::string why = test::why_no_netns();
    if (!why.empty()) std::printf("cannot measure: %s\n", why.c_str());
    return why.empty();
}

/// The arguments that are SERVICESxENDPOINTS, with an "a" behind it for session affinity; `usual`
/// where none is.
inline std::vector<Size> sizes_of(int argc, char** argv, std::vector<Size> usual) {
    std::vector<Size> sizes;
    for (int i = 1; i < argc; ++i) {
        Size size;
        char kind = 0;
        if (std::sscanf(argv[i], "%zux%zu%c", &size.services, &size.endpoints, &kind) < 2) continue;
        size.affinity = kind == 'a';
        sizes.push_back(size);
    }
    return sizes.empty() ? std::move(usual) : sizes;
}

/// Measures and prints each size in a process of its own, so that it has its own memory. What
/// main() returns.
template <class Run> int measure_each(const std::vector<Size>& sizes) {
    for (const Size& size : sizes) {
        std::fflush(stdout);
        const pid_t child = ::fork();
        if (child == 0) {
            {
                Run run{size};
                run.measure();
                run.print();
            }
            std::fflush(stdout);
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        if (status != 0) return 1;
    }
    return 0;
}

inline IpAddress address(std::uint8_t net, std::size_t number) {
    return IpAddress::v4(net, static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

inline void must(const Status& status) {
    if (status) return;
    std::fprintf(stderr, "%s\n", status.error().text.c_str());
    std::exit(1);
}

/// Milliseconds by the clock on the wall, and of CPU time of this process and those it waited for.
struct Cost {
    double wall = 0;
    double cpu = 0;
};

inline double cpu_ms() {
    double sum = 0;
    for (const int whose : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage usage{};
        ::getrusage(whose, &usage);
        for (const timeval& part : {usage.ru_utime, usage.ru_stime})
            sum += static_cast<double>(part.tv_sec) * 1e3 + static_cast<double>(part.tv_usec) / 1e3;
    }
    return sum;
}

inline Cost cost_of(const std::function<void()>& work) {
    const double cpu = cpu_ms();
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - begin;
    return {.wall = wall.count(), .cpu = cpu_ms() - cpu};
}

inline void put_slice(services::Store& store, std::size_t number, std::size_t endpoints,
                      bool last_ready) {
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

/// The node port of Service number `number`, those that are refused behind all others.
inline std::uint16_t node_port(std::size_t number) {
    return static_cast<std::uint16_t>(20'000 + number);
}

inline services::Service service_at(std::string name, const IpAddress& cluster_ip,
                                    std::uint16_t node_port) {
    services::Service service;
    service.key = {"bench", std::move(name)};
    service.cluster_ips = {cluster_ip};
    service.ports = {{.name = "http", .port = 80, .node_port = node_port}};
    if (node_port != 0) service.type = services::ServiceType::node_port;
    return service;
}

inline void fill(services::Store& store, const Size& size) {
    const auto node_port_of = [&](std::size_t number) -> std::uint16_t {
        return size.node_ports ? node_port(number) : 0;
    };
    for (std::size_t i = 0; i < size.services; ++i) {
        auto service =
            service_at("service-" + std::to_string(i), address(10, 0x600000 + i), node_port_of(i));
        service.client_ip_affinity = size.affinity;
        must(store.apply(std::move(service)));
        put_slice(store, i, size.endpoints, true);
    }
    for (std::size_t i = 0; i < size.refused; ++i) {
        must(store.apply(service_at("refused-" + std::to_string(i), address(10, 0x700000 + i),
                                    node_port_of(size.services + i))));
    }
}

/// Resident now, MB.
inline double resident_mb() {
    std::ifstream statm{"/proc/self/statm"};
    double total = 0;
    double resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

inline double peak_mb() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

inline Cost median(std::vector<Cost> costs) {
    Cost median;
    for (double Cost::*const part : {&Cost::wall, &Cost::cpu}) {
        std::ranges::sort(costs, {}, part);
        median.*part = costs[costs.size() / 2].*part;
    }
    return median;
}

}  // namespace nameplane::bench
