// Real packets through the rules: clients outside, on the node and in pods. Built twice, once for
// each writer (NAMEPLANE_NFTABLES is 0 or 1).

#include "kernel/lab.hpp"
#include "rules/conntrack.hpp"
#include "rules/iptables/encode.hpp"
#include "rules/nftables/apply.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;

namespace {

constexpr std::size_t pod_count = 4;

/// One lab for the whole executable, the rules are put anew by each test.
Lab& lab() {
    static Lab shared{pod_count};
    return shared;
}

std::vector<std::string> pods(Family family, std::initializer_list<std::size_t> indices) {
    std::vector<std::string> addresses;
    for (const std::size_t index : indices) addresses.push_back(Lab::pod_address(family, index));
    return addresses;
}

rules::PortPlan service(Family family, unsigned n, std::initializer_list<std::size_t> endpoints) {
    return port_plan("ns/s" + std::to_string(n) + ":http", Lab::cluster_ip(family, n),
                     pods(family, endpoints));
}

rules::PortPlan udp_service(Family family, unsigned n,
                            std::initializer_list<std::size_t> endpoints) {
    rules::PortPlan port = service(family, n, endpoints);
    port.protocol = services::Protocol::udp;
    return port;
}

rules::PlanSettings lab_settings(Family family) {
    auto settings = settings_of(family);
    settings.detector = rules::LocalDetector::source_cidr;
    settings.detector_cidr =
        *Cidr::parse(family == Family::ipv4 ? "10.244.0.0/24" : "fd00:244::/64");
    return settings;
}

constexpr bool with_nftables = NAMEPLANE_NFTABLES != 0;

NetnsWriter writer_for(Family family) {
    if (with_nftables) return {lab().node(), rules::nftables::make_nftables_writer(family)};
    return {lab().node(), family};
}

/// Rules in the lab's node as long as it lives.
class Rules {
public:
    Rules(Family family, std::vector<rules::PortPlan> ports) : writer_{writer_for(family)} {
        apply(plan_of(std::move(ports), lab_settings(family)));
    }
    Rules(Family family, const rules::Plan& first) : writer_{writer_for(family)} { apply(first); }
    ~Rules() { (void)writer_.clean(); }
    void apply(const rules::Plan& next) {
        const auto applied = writer_.apply(next);
        if (!applied) FAIL(applied.error().text);
        plan = next;
    }
    rules::Plan plan;

private:
    NetnsWriter writer_;
};

SocketAddress at(const std::string& address, std::uint16_t port) {
    return {ip(address), port};
}

std::vector<IpAddress> node_addresses() {
    return {ip("192.168.50.1"), ip("10.244.0.1"), ip("fd00:50::1"), ip("fd00:244::1")};
}

std::size_t forget(Family family, const rules::Plan* before, const rules::Plan& after) {
    Result<std::size_t> forgotten = Error{};
    lab().node().run([&] {
        forgotten = rules::FlowTable{}.forget_stale(
            family, rules::stale_candidates(before, after, node_addresses()));
    });
    if (!forgotten) FAIL(forgotten.error().text);
    return *forgotten;
}

/// Pearson's statistic of connections from the client against an even spread.
double chi_squared(Family family, unsigned n, std::size_t endpoints, std::size_t connections) {
    std::map<std::string, std::size_t> counts;
    for (std::size_t i = 0; i < connections; ++i) {
        const Answer answer = Lab::connect(lab().client(), at(Lab::cluster_ip(family, n), 80));
        if (answer.pod.empty()) FAIL("connection " << i << ": " << std::strerror(answer.error));
        ++counts[answer.pod];
    }
    CHECK(counts.size() == endpoints);
    const double expected = static_cast<double>(connections) / static_cast<double>(endpoints);
    double sum = 0;
    for (const auto& [pod, count] : counts) {
        const double off = static_cast<double>(count) - expected;
        sum += off * off / expected;
    }
    return sum;
}

}  // namespace

namespace {

/// So many Services of TCP and of UDP with node ports from `node_port` on, each of one pod in turn;
/// `served`: or of none.
void add_node_ports(std::vector<rules::PortPlan>& ports, Family family, bool served,
                    std::uint16_t node_port, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        for (const auto protocol : {services::Protocol::tcp, services::Protocol::udp}) {
            auto port = service(family, static_cast<unsigned>(ports.size() + 1), {});
            if (served) set_endpoints(port, pods(family, {i % pod_count}));
            port.protocol = protocol;
            port.node_port = static_cast<std::uint16_t>(node_port + i);
            ports.push_back(std::move(port));
        }
    }
}

}  // namespace

TEST_CASE("node ports among many, listed and divided, are answered and refused alike") {
    for (const Family family : families) {
        for (const auto dispatch : {rules::Dispatch::linear, rules::Dispatch::tree}) {
            CAPTURE(to_string(family), dispatch == rules::Dispatch::tree);
            std::vector<rules::PortPlan> ports;
            add_node_ports(ports, family, true, 30'100, 40);
            add_node_ports(ports, family, false, 30'200, 40);
            rules::PlanSettings settings = lab_settings(family);
            settings.dispatch = dispatch;
            const Rules rules{family, plan_of(std::move(ports), std::move(settings))};
            const auto node_port = [&](unsigned number) {
                return at(Lab::node_address(family), static_cast<std::uint16_t>(number));
            };
            for (const unsigned i : {0U, 7U, 12U, 39U}) {
                CAPTURE(i);
                const std::string pod = "pod-" + std::to_string(i % pod_count);
                for (const Netns* from : {&lab().client(), &lab().node(), &lab().pod(0)})
                    CHECK(Lab::connect(*from, node_port(30'100 + i)).pod == pod);
                UdpFlow flow{lab().client(), node_port(30'100 + i)};
                CHECK(flow.ask().pod == pod);
                CHECK(Lab::connect(lab().client(), node_port(30'200 + i)).error == ECONNREFUSED);
                UdpFlow refused{lab().client(), node_port(30'200 + i)};
                CHECK(refused.ask().error == ECONNREFUSED);
            }
        }
    }
}

TEST_CASE("a cluster IP is reached from outside, from the node and from a pod") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Rules rules{family, {service(family, 1, {1}), udp_service(family, 2, {2})}};
        const SocketAddress to = at(Lab::cluster_ip(family, 1), 80);
        const Answer outside = Lab::connect(lab().client(), to);
        CHECK(outside.pod == "pod-1");
        // Not from a pod: masqueraded, so that the reply comes back this way.
        CHECK(outside.seen == ip(Lab::bridge_address(family)));
        CHECK(Lab::connect(lab().node(), to).pod == "pod-1");
        const Answer inside = Lab::connect(lab().pod(0), to);
        CHECK(inside.pod == "pod-1");
        CHECK(inside.seen == ip(Lab::pod_address(family, 0)));
        // The reply seems to come from the Service.
        UdpFlow flow{lab().pod(0), at(Lab::cluster_ip(family, 2), 80)};
        const Answer reply = flow.ask();
        CHECK(reply.pod == "pod-2");
        CHECK(reply.from == at(Lab::cluster_ip(family, 2), 80));
    }
}

TEST_CASE("connections spread evenly") {
    // Bounds for one false alarm in a million: chi-squared of 2 and of 3 degrees of freedom.
    constexpr double bound_2 = 27.63;
    constexpr double bound_3 = 30.66;
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Rules rules{family,
                          {service(family, 1, {0, 1, 2}), service(family, 2, {0, 1, 2, 3})}};
        CHECK(chi_squared(family, 1, 3, 600) < bound_2);
        CHECK(chi_squared(family, 2, 4, 600) < bound_3);
    }
}

TEST_CASE("a pod reaches itself through its Service, masqueraded") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const Rules rules{family, {service(family, 1, {0})}};
        const Answer answer = Lab::connect(lab().pod(0), at(Lab::cluster_ip(family, 1), 80));
        CHECK(answer.pod == "pod-0");
        CHECK(answer.seen == ip(Lab::bridge_address(family)));
    }
}

TEST_CASE("node port, load balancer IP and external IP from outside") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto port = service(family, 1, {0, 1});
        port.node_port = 30001;
        port.load_balancer_ips = {ip(Lab::outside_ip(family, 1))};
        port.external_ips = {ip(Lab::outside_ip(family, 2))};
        const Rules rules{family, {port}};
        for (const SocketAddress& to :
             {at(Lab::node_address(family), 30001), at(Lab::outside_ip(family, 1), 80),
              at(Lab::outside_ip(family, 2), 80)}) {
            CAPTURE(to.to_string());
            const Answer answer = Lab::connect(lab().client(), to);
            CHECK(answer.pod.starts_with("pod-"));
            CHECK(answer.seen == ip(Lab::bridge_address(family)));
        }
        CHECK(Lab::connect(lab().node(), at(Lab::node_address(family), 30001)).error == 0);
    }
}

TEST_CASE("externalTrafficPolicy Local keeps the client's address and local endpoints") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto port = service(family, 1, {0, 1});
        port.external_local = true;
        port.local_endpoints = {port.cluster_endpoints[1]};
        port.node_port = 30001;
        const Rules rules{family, {port}};
        for (int i = 0; i < 8; ++i) {
            const Answer answer =
                Lab::connect(lab().client(), at(Lab::node_address(family), 30001));
            CHECK(answer.pod == "pod-1");
            CHECK(answer.seen == ip(Lab::client_address(family)));
        }
    }
}

TEST_CASE("a load balancer IP lets in its source ranges only") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto port = service(family, 1, {0});
        port.load_balancer_ips = {ip(Lab::outside_ip(family, 1))};
        port.source_ranges = {*Cidr::make(ip(Lab::client_address(family)), 24)};
        Rules rules{family, {port}};
        const SocketAddress to = at(Lab::outside_ip(family, 1), 80);
        CHECK(Lab::connect(lab().client(), to).pod == "pod-0");
        port.source_ranges = {
            *Cidr::parse(family == Family::ipv4 ? "198.51.100.0/24" : "2001:db8:5::/48")};
        rules.apply(with_service(rules.plan, 0, port));
        const Answer dropped = Lab::connect(lab().client(), to, 300);
        CHECK(dropped.pod.empty());
        CHECK(dropped.error == ETIMEDOUT);
    }
}

TEST_CASE("without endpoints a connection is refused at once") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        // Before the first packet is sent again after a second. With IPv6, Linux takes a refusal
        // that comes while connect() runs as a hint, and the next one counts: over veth, where all
        // hops run inside the call, that is always so.
        const int refused_within_ms = family == Family::ipv4 ? 900 : 3'000;
        auto port = service(family, 1, {});
        port.node_port = 30001;
        port.external_ips = {ip(Lab::outside_ip(family, 2))};
        const Rules rules{family, {port, udp_service(family, 2, {})}};
        const SocketAddress to = at(Lab::cluster_ip(family, 1), 80);
        for (const Netns* from : {&lab().client(), &lab().node(), &lab().pod(0)}) {
            CAPTURE(from->name());
            CHECK(Lab::connect(*from, to, refused_within_ms).error == ECONNREFUSED);
        }
        CHECK(Lab::connect(lab().client(), at(Lab::outside_ip(family, 2), 80), refused_within_ms)
                  .error == ECONNREFUSED);
        CHECK(Lab::connect(lab().client(), at(Lab::node_address(family), 30001), refused_within_ms)
                  .error == ECONNREFUSED);
        UdpFlow flow{lab().pod(0), at(Lab::cluster_ip(family, 2), 80)};
        CHECK(flow.ask().error == ECONNREFUSED);
    }
}

TEST_CASE("what is in a network of Services and no Service's is dropped, by nftables") {
    if (!with_nftables) return;
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const bool v4 = family == Family::ipv4;
        Rules rules{family, {service(family, 1, {0})}};
        rules::Plan plan = rules.plan;
        // An address that would answer otherwise.
        const SocketAddress to = at(Lab::pod_address(family, 3), 8080);
        CHECK(Lab::connect(lab().client(), to).pod == "pod-3");
        plan.service_ranges = {*Cidr::make(ip(Lab::cluster_ip(family, 1)), v4 ? 24 : 112),
                               *Cidr::make(to.address, v4 ? 32 : 128)};
        rules.apply(plan);
        for (const Netns* from : {&lab().client(), &lab().node()}) {
            CAPTURE(from->name());
            CHECK(Lab::connect(*from, to, 300).error == ETIMEDOUT);
        }
        CHECK(Lab::connect(lab().client(), at(Lab::cluster_ip(family, 1), 80)).pod == "pod-0");
        CHECK(Lab::connect(lab().client(), at(Lab::cluster_ip(family, 1), 81)).error ==
              ECONNREFUSED);
        plan.service_ranges.pop_back();
        rules.apply(plan);
        CHECK(Lab::connect(lab().client(), to).pod == "pod-3");
    }
}

TEST_CASE("the last endpoint gone, and come back") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Rules rules{family, {service(family, 1, {0})}};
        const SocketAddress to = at(Lab::cluster_ip(family, 1), 80);
        CHECK(Lab::connect(lab().client(), to).pod == "pod-0");
        rules.apply(with_service(rules.plan, 0, service(family, 1, {})));
        CHECK(Lab::connect(lab().client(), to).error == ECONNREFUSED);
        rules.apply(with_service(rules.plan, 0, service(family, 1, {3})));
        CHECK(Lab::connect(lab().client(), to).pod == "pod-3");
    }
}

TEST_CASE("session affinity keeps a client with its pod") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto port = service(family, 1, {0, 1, 2, 3});
        port.affinity_timeout_s = 60;
        const Rules rules{family, {port}};
        const SocketAddress to = at(Lab::cluster_ip(family, 1), 80);
        const std::string first = Lab::connect(lab().client(), to).pod;
        REQUIRE_FALSE(first.empty());
        for (int i = 0; i < 20; ++i) CHECK(Lab::connect(lab().client(), to).pod == first);
    }
}

TEST_CASE("session affinity outlives a restart, a full write, and its pod by nothing") {
    if (!with_nftables) return;  // xt_recent keeps a list for each endpoint
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto port = service(family, 1, {0, 1, 2, 3});
        port.affinity_timeout_s = 60;
        port.node_port = 30001;
        Rules rules{family, {port}};
        for (const SocketAddress& to :
             {at(Lab::cluster_ip(family, 1), 80), at(Lab::node_address(family), 30001)}) {
            CAPTURE(to.to_string());
            const std::string first = Lab::connect(lab().client(), to).pod;
            REQUIRE_FALSE(first.empty());
            NetnsWriter restarted = writer_for(family);
            const auto again = restarted.apply(rules.plan, true);
            REQUIRE(again);
            CHECK(again->rules_written == 0);
            for (int i = 0; i < 10; ++i) CHECK(Lab::connect(lab().client(), to).pod == first);
            // Its pod goes: another one answers, and from then on only that.
            auto fewer = port;
            std::erase_if(fewer.cluster_endpoints, [&](const auto& endpoint) {
                return endpoint.address ==
                       ip(Lab::pod_address(family, static_cast<std::size_t>(first.back() - '0')));
            });
            rules.apply(with_service(rules.plan, 0, fewer));
            const std::string next = Lab::connect(lab().client(), to).pod;
            REQUIRE_FALSE(next.empty());
            CHECK(next != first);
            for (int i = 0; i < 10; ++i) CHECK(Lab::connect(lab().client(), to).pod == next);
            rules.apply(with_service(rules.plan, 0, port));
            CHECK(Lab::connect(lab().client(), to).pod == next);
        }
    }
}

TEST_CASE("session affinity holds for all addresses of a port, and only of that port") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        std::vector<rules::PortPlan> ports;
        for (unsigned n = 1; n <= 2; ++n) {
            auto port = service(family, n, {0, 1, 2, 3});
            port.affinity_timeout_s = 60 * n;
            port.node_port = static_cast<std::uint16_t>(30000 + n);
            ports.push_back(port);
        }
        const SocketAddress cluster_ip = at(Lab::cluster_ip(family, 1), 80);
        const SocketAddress node_port = at(Lab::node_address(family), 30001);
        const SocketAddress other = at(Lab::node_address(family), 30002);
        bool differed = false;
        for (int round = 0; round < 40 && !differed; ++round) {
            if (round == 8 && !with_nftables) break;  // xt_recent's lists outlive rules
            const Rules rules{family, ports};
            const bool node_port_first = round % 2 == 0;
            const std::string first =
                Lab::connect(lab().client(), node_port_first ? node_port : cluster_ip).pod;
            REQUIRE_FALSE(first.empty());
            for (int i = 0; i < 5; ++i) {
                CHECK(Lab::connect(lab().client(), cluster_ip).pod == first);
                CHECK(Lab::connect(lab().client(), node_port).pod == first);
            }
            const std::string elsewhere = Lab::connect(lab().client(), other).pod;
            CHECK(Lab::connect(lab().client(), at(Lab::cluster_ip(family, 2), 80)).pod ==
                  elsewhere);
            differed = elsewhere != first;
        }
        // Were they one, they would never differ; apart, they agree 40 times in a row never.
        if (with_nftables) CHECK(differed);
    }
}

TEST_CASE("session affinity ends with its time, which every connection begins anew") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto port = service(family, 3, {0, 1, 2, 3});
        port.affinity_timeout_s = 2;
        const Rules rules{family, {port}};
        const SocketAddress to = at(Lab::cluster_ip(family, 3), 80);
        const auto now = [] { return std::chrono::steady_clock::now(); };
        // For longer than its time, by connections that follow each other sooner. A machine that
        // stood still between two of them tells nothing.
        auto before = now();
        std::string first = Lab::connect(lab().client(), to).pod;
        for (const auto begun = now(); now() - begun < std::chrono::seconds{4};) {
            std::this_thread::sleep_for(std::chrono::milliseconds{200});
            const auto begins = now();
            const std::string next = Lab::connect(lab().client(), to).pod;
            REQUIRE_FALSE(next.empty());
            if (now() - before < std::chrono::milliseconds{1'500}) CHECK(next == first);
            first = next;
            before = begins;
        }
        bool differed = false;
        for (int round = 0; round < 12 && !differed; ++round) {
            std::this_thread::sleep_for(std::chrono::milliseconds{2'200});
            differed = Lab::connect(lab().client(), to).pod != first;
        }
        CHECK(differed);
    }
}

TEST_CASE("policy Local honours what was remembered only where the endpoint is of this node") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto port = service(family, 4, {0, 1, 2, 3});
        port.affinity_timeout_s = 60;
        port.node_port = 30004;
        port.external_local = true;
        port.local_endpoints = {port.cluster_endpoints[0], port.cluster_endpoints[1]};
        const SocketAddress cluster_ip = at(Lab::cluster_ip(family, 4), 80);
        const SocketAddress node_port = at(Lab::node_address(family), 30004);
        const auto is_local = [](const std::string& pod) {
            return pod == "pod-0" || pod == "pod-1";
        };
        for (int round = 0; round < (with_nftables ? 12 : 1); ++round) {
            const Rules rules{family, {port}};
            const std::string first = Lab::connect(lab().client(), cluster_ip).pod;
            const std::string second = Lab::connect(lab().client(), node_port).pod;
            CHECK(is_local(second));
            if (is_local(first)) CHECK(second == first);
            for (int i = 0; i < 5; ++i) {
                CHECK(Lab::connect(lab().client(), node_port).pod == second);
                const std::string again = Lab::connect(lab().client(), cluster_ip).pod;
                if (with_nftables) CHECK(again == first);
            }
        }
    }
}

TEST_CASE("node ports on localhost, and nothing there from outside") {
    const Family family = Family::ipv4;
    auto port = service(family, 1, {0, 1});
    port.node_port = 30001;
    const Rules rules{family, {port}};
    lab().node().sh("sysctl -qw net.ipv4.conf.all.route_localnet=1");
    const Answer answer = Lab::connect(lab().node(), at("127.0.0.1", 30001));
    CHECK(answer.pod.starts_with("pod-"));
    lab().node().sh("sysctl -qw net.ipv4.conf.all.route_localnet=0");
}

TEST_CASE("while Services come and go, no connection to another one fails") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Rules rules{family, {service(family, 1, {0, 1, 2}), service(family, 2, {1})}};
        std::atomic<bool> stop = false;
        std::atomic<int> failed = 0;
        std::atomic<int> connections = 0;
        std::thread client{[&] {
            while (!stop) {
                const Answer answer =
                    Lab::connect(lab().client(), at(Lab::cluster_ip(family, 1), 80));
                failed += answer.pod.empty() ? 1 : 0;
                ++connections;
            }
        }};
        for (unsigned i = 0; i < 150; ++i) {
            auto changing = service(family, 2, {i % 4, (i + 1) % 4});
            if (i % 3 == 0) set_endpoints(changing, {});
            if (i % 5 == 0) changing.node_port = 30002;
            if (i % 7 == 0) changing.affinity_timeout_s = 100 + i % 2;
            rules.apply(with_service(rules.plan, 1, changing));
        }
        stop = true;
        client.join();
        CHECK(failed == 0);
        CHECK(connections > 0);
        NetnsWriter fresh = writer_for(family);
        const auto compared = fresh.apply(rules.plan, true);
        REQUIRE(compared);
        // At most chains that once chose among so many endpoints.
        CHECK(compared->rules_written == 0);
    }
}

TEST_CASE("a UDP flow to a removed endpoint is forgotten, and only that") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Rules rules{family, {udp_service(family, 1, {0}), udp_service(family, 2, {2})}};
        UdpFlow flow{lab().client(), at(Lab::cluster_ip(family, 1), 80)};
        UdpFlow other{lab().client(), at(Lab::cluster_ip(family, 2), 80)};
        REQUIRE(flow.ask().pod == "pod-0");
        REQUIRE(other.ask().pod == "pod-2");
        const rules::Plan before = rules.plan;
        rules.apply(with_service(before, 0, udp_service(family, 1, {1})));
        // Conntrack knows better than the rules: this is why there is something to forget.
        CHECK(flow.ask().pod == "pod-0");
        CHECK(forget(family, &before, rules.plan) == 1);
        CHECK(flow.ask().pod == "pod-1");
        CHECK(other.ask().pod == "pod-2");
        CHECK(forget(family, &before, rules.plan) == 0);
        // A restart knows nothing of before, and finds nothing stale.
        CHECK(forget(family, nullptr, rules.plan) == 0);
        // No endpoint left at all.
        const rules::Plan last = rules.plan;
        rules.apply(with_service(last, 0, udp_service(family, 1, {})));
        CHECK(flow.ask().pod == "pod-1");
        CHECK(forget(family, &last, rules.plan) == 1);
        CHECK(flow.ask().error == ECONNREFUSED);
    }
}

TEST_CASE("a UDP flow to an endpoint that terminates but serves is kept until it is gone") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Rules rules{family, {udp_service(family, 1, {0})}};
        UdpFlow flow{lab().client(), at(Lab::cluster_ip(family, 1), 80)};
        REQUIRE(flow.ask().pod == "pod-0");
        const rules::Plan before = rules.plan;
        rules::PortPlan draining = udp_service(family, 1, {1});
        draining.serving_endpoints = {{.address = ip(Lab::pod_address(family, 0)), .port = 8080}};
        rules.apply(with_service(before, 0, draining));
        CHECK(forget(family, &before, rules.plan) == 0);
        // Nor by one who knows nothing of before.
        CHECK(forget(family, nullptr, rules.plan) == 0);
        CHECK(flow.ask().pod == "pod-0");
        UdpFlow later{lab().client(), at(Lab::cluster_ip(family, 1), 80)};
        CHECK(later.ask().pod == "pod-1");
        const rules::Plan during = rules.plan;
        rules.apply(with_service(during, 0, udp_service(family, 1, {1})));
        CHECK(forget(family, &during, rules.plan) == 1);
        CHECK(flow.ask().pod == "pod-1");
        CHECK(later.ask().pod == "pod-1");
    }
}

TEST_CASE("a UDP flow to an address that is a Service's no more is kept") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Rules rules{family, {udp_service(family, 7, {0}), udp_service(family, 2, {2})}};
        UdpFlow flow{lab().client(), at(Lab::cluster_ip(family, 7), 80)};
        REQUIRE(flow.ask().pod == "pod-0");
        const rules::Plan before = rules.plan;
        rules::Plan after = plan_of({}, lab_settings(family));
        after.services.push_back(before.services[1]);
        rules.apply(after);
        CHECK(forget(family, &before, rules.plan) == 0);
        CHECK(flow.ask().pod == "pod-0");
    }
}

TEST_CASE("a UDP flow that began before the Service is forgotten") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Rules rules{family, {udp_service(family, 2, {2})}};
        UdpFlow early{lab().pod(0), at(Lab::cluster_ip(family, 1), 80)};
        CHECK(early.ask(50).pod.empty());
        const rules::Plan before = rules.plan;
        rules::Plan after = plan_of({udp_service(family, 1, {1})}, lab_settings(family));
        after.services.push_back(before.services[0]);
        rules.apply(after);
        CHECK(early.ask(50).pod.empty());
        CHECK(forget(family, &before, rules.plan) == 1);
        CHECK(early.ask().pod == "pod-1");
    }
}

TEST_CASE("a UDP flow to a node port is forgotten, one to the same port elsewhere is not") {
    const Family family = Family::ipv4;
    auto port = udp_service(family, 1, {0});
    port.node_port = 8080;  // the port that pods listen on
    Rules rules{family, {port}};
    UdpFlow flow{lab().client(), at(Lab::node_address(family), 8080)};
    UdpFlow direct{lab().client(), at(Lab::pod_address(family, 3), 8080)};
    REQUIRE(flow.ask().pod == "pod-0");
    REQUIRE(direct.ask().pod == "pod-3");
    const rules::Plan before = rules.plan;
    auto moved = udp_service(family, 1, {1});
    moved.node_port = 8080;
    rules.apply(with_service(before, 0, moved));
    CHECK(forget(family, &before, rules.plan) == 1);
    CHECK(flow.ask().pod == "pod-1");
    CHECK(direct.ask().pod == "pod-3");
}

namespace {

/// CRC32c, which SCTP packets carry.
std::uint32_t crc32c(const std::uint8_t* octets, std::size_t size) {
    std::uint32_t crc = ~0U;
    for (std::size_t i = 0; i < size; ++i) {
        crc ^= octets[i];
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    }
    return ~crc;
}

}  // namespace

TEST_CASE("SCTP: the first packet of an association arrives at the endpoint") {
    const Family family = Family::ipv4;
    bool has_sctp = false;
    if (!with_nftables) {
        lab().node().run([&] { has_sctp = rules::iptables::probe_features(family).value().sctp; });
    } else {
        has_sctp = true;
    }
    if (!has_sctp) {
        WARN("skipped: the kernel has no sctp match");
        return;
    }
    auto port = service(family, 1, {1});
    port.protocol = services::Protocol::sctp;
    const Rules rules{family, {port}};
    const int receiver = lab().pod(1).in([] { return ::socket(AF_INET, SOCK_RAW, IPPROTO_SCTP); });
    const int sender = lab().client().in([] { return ::socket(AF_INET, SOCK_RAW, IPPROTO_SCTP); });
    REQUIRE(receiver >= 0);
    REQUIRE(sender >= 0);
    // Common header (RFC 4960 3.1) and an INIT chunk (3.3.2).
    std::array<std::uint8_t, 32> packet{0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20,
                                        1,    2,    3, 4,  0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1};
    const std::uint32_t crc = crc32c(packet.data(), packet.size());
    for (std::size_t i = 0; i < 4; ++i) packet[8 + i] = static_cast<std::uint8_t>(crc >> (8 * i));
    sockaddr_storage to{};
    const unsigned size = at(Lab::cluster_ip(family, 1), 0).to_sockaddr(to);
    REQUIRE(::sendto(sender, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to),
                     size) == static_cast<ssize_t>(packet.size()));
    pollfd wait{receiver, POLLIN, 0};
    REQUIRE(::poll(&wait, 1, 5'000) == 1);
    std::array<std::uint8_t, 128> got{};
    const ssize_t length = ::recv(receiver, got.data(), got.size(), 0);
    REQUIRE(length == 20 + static_cast<ssize_t>(packet.size()));
    CHECK(got[16] == 10);
    CHECK(got[19] == 11);  // 10.244.0.11, pod-1
    CHECK(got[20 + 2] * 256 + got[20 + 3] == 8080);
    CHECK(std::memcmp(&got[32], &packet[12], 20) == 0);
    ::close(receiver);
    ::close(sender);
}
