#pragma once
// Short ways to write Services, slices and their like in tests, and a clock turned by hand.

#include "services/event.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/ip.hpp>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::test {

/// Stands at Unix second 1,700,000,000 until it is turned.
class HandClock final : public Clock {
public:
    Monotonic now() const noexcept override { return Monotonic{} + passed_; }
    WallTime wall() const noexcept override {
        return WallTime{std::chrono::seconds{1'700'000'000}} + passed_;
    }
    void turn(std::chrono::milliseconds by) noexcept { passed_ += by; }

private:
    std::chrono::milliseconds passed_{0};
};

/// The address; a wrong text is a mistake in the test and ends it.
inline IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

inline services::Service cluster_ip_service(std::string ns, std::string name,
                                            std::string_view ip_text, std::uint16_t port = 80) {
    services::Service service;
    service.key = {std::move(ns), std::move(name)};
    service.cluster_ips = {ip(ip_text)};
    service.ports = {{.name = "http", .port = port}};
    return service;
}

inline services::Service headless_service(std::string ns, std::string name) {
    services::Service service;
    service.key = {std::move(ns), std::move(name)};
    service.headless = true;
    service.ports = {{.name = "http", .port = 80}};
    return service;
}

inline services::Endpoint endpoint(std::string_view address, std::string hostname = {},
                                   bool ready = true) {
    services::Endpoint made;
    made.addresses = {ip(address)};
    made.hostname = std::move(hostname);
    made.node_name = "node-a";
    made.ready = ready;
    made.serving = ready;
    return made;
}

/// A slice of Service `ns`/`service` with port http 8080.
inline services::EndpointSlice slice(std::string ns, std::string service, std::string name,
                                     std::vector<services::Endpoint> endpoints) {
    services::EndpointSlice made;
    made.key = {std::move(ns), std::move(name)};
    made.service = std::move(service);
    made.ports = {{.name = "http", .port = 8080}};
    made.endpoints = std::move(endpoints);
    return made;
}

inline services::Namespace name_space(std::string name) {
    return {.key = {.ns = {}, .name = std::move(name)}, .labels = {}};
}

}  // namespace nameplane::test
