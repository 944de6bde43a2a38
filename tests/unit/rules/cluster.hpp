#pragma once
// A small cluster for tests of rules: objects go through the real store, as they do in the agent.

#include "rules/policy.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/services/view.hpp>

#include <catch2/catch.hpp>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::tests {

inline IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}
inline Cidr cidr(std::string_view text) {
    return *Cidr::parse(text);
}

/// "ns/web" at 10.96.0.10 with the TCP port "http", 80.
inline services::Service service_web() {
    services::Service service;
    service.key = {"ns", "web"};
    service.cluster_ips = {ip("10.96.0.10")};
    service.ports = {{.name = "http", .port = 80}};
    return service;
}

/// A slice "ns/web-<suffix>" of service_web() with the port "http", 8080.
inline services::EndpointSlice slice_of_web(std::vector<services::Endpoint> endpoints,
                                            std::string suffix = "1") {
    services::EndpointSlice slice;
    slice.key = {"ns", "web-" + suffix};
    slice.service = "web";
    slice.ports = {{.name = "http", .port = 8080}};
    slice.endpoints = std::move(endpoints);
    return slice;
}

inline services::Endpoint ready(std::string_view address, std::string node = "") {
    services::Endpoint endpoint;
    endpoint.addresses = {ip(address)};
    endpoint.node_name = std::move(node);
    return endpoint;
}
inline services::Endpoint not_ready(std::string_view address, std::string node = "") {
    services::Endpoint endpoint = ready(address, std::move(node));
    endpoint.ready = endpoint.serving = false;
    return endpoint;
}
/// Still answers while it shuts down.
inline services::Endpoint draining(std::string_view address, std::string node = "") {
    services::Endpoint endpoint = ready(address, std::move(node));
    endpoint.ready = false;
    endpoint.terminating = true;
    return endpoint;
}
/// Shuts down and does not answer.
inline services::Endpoint dying(std::string_view address, std::string node = "") {
    services::Endpoint endpoint = draining(address, std::move(node));
    endpoint.serving = false;
    return endpoint;
}
inline services::Endpoint zones(services::Endpoint endpoint, std::vector<std::string> hints) {
    endpoint.hint_zones = std::move(hints);
    return endpoint;
}
inline services::Endpoint nodes(services::Endpoint endpoint, std::vector<std::string> hints) {
    endpoint.hint_nodes = std::move(hints);
    return endpoint;
}

/// The node that all tests stand on.
inline rules::NodeFacts here() {
    rules::NodeFacts facts;
    facts.name = "here";
    facts.labels = {{"topology.kubernetes.io/zone", "west"}};
    facts.addresses = {{"lo", ip("127.0.0.1")},
                       {"lo", ip("::1")},
                       {"eth0", ip("192.168.0.2")},
                       {"eth0", ip("fe80::2")},
                       {"eth0", ip("2001:db8::2")}};
    return facts;
}

class Cluster {
public:
    Cluster& put(services::Event event) {
        const Status status = store_.apply(std::move(event));
        if (!status) FAIL(status.error().text);
        return *this;
    }
    Cluster& remove(services::Kind kind, std::string name) {
        return put(services::Remove{kind, {"ns", std::move(name)}});
    }
    std::shared_ptr<const services::Snapshot> snapshot() { return store_.snapshot(); }
    const services::ServiceEntry& entry(std::string_view name = "web") {
        latest_ = store_.snapshot();
        const auto* found = services::ServiceView{*latest_}.find("ns", name);
        REQUIRE(found != nullptr);
        return *found;
    }

private:
    SystemClock clock_;
    services::Store store_{{}, clock_};
    std::shared_ptr<const services::Snapshot> latest_;
};

}  // namespace nameplane::tests
