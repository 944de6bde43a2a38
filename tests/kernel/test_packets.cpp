// Real packets through the rules: clients outside, on the node and in pods. Built twice, once for
// each writer (NAMEPLANE_NFTABLES is 0 or 1).

#include "kernel/lab.hpp"
#include "kernel/sctp_end.hpp"
#include "rules/conntrack.hpp"
#include "rules/iptables/encode.hpp"
#include "rules/nftables/apply.hpp"
#include "rules/nftables/render.hpp"

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
#include <set>
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
            // Addresses that stand behind the rule of a refused node port with their port.
            for (unsigned n = 1; n <= 12; ++n) {
                rules::PortPlan behind = service(family, n, {});
                behind.name = "ns/z-behind" + std::to_string(n);
                behind.port = 30'200;
                behind.external_ips = {ip(Lab::outside_ip(family, n))};
                ports.push_back(std::move(behind));
            }
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
            for (const unsigned n : {1U, 6U, 12U}) {
                CHECK(Lab::connect(lab().client(), at(Lab::outside_ip(family, n), 30'200)).error ==
                      ECONNREFUSED);
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
        const int refused_within_ms = family == Family::ipv4 ? 900 : 30'000;
        const auto error_from = [&](const Netns& from, const SocketAddress& to) {
            int error = ETIMEDOUT;
            // A machine that stood still tells nothing; three times in a row it does not.
            for (int i = 0; i < 3 && error == ETIMEDOUT; ++i) {
                error = Lab::connect(from, to, refused_within_ms).error;
            }
            return error;
        };
        auto port = service(family, 1, {});
        port.node_port = 30001;
        port.external_ips = {ip(Lab::outside_ip(family, 2))};
        const Rules rules{family, {port, udp_service(family, 2, {})}};
        const SocketAddress to = at(Lab::cluster_ip(family, 1), 80);
        for (const Netns* from : {&lab().client(), &lab().node(), &lab().pod(0)}) {
            CAPTURE(from->name());
            CHECK(error_from(*from, to) == ECONNREFUSED);
        }
        CHECK(error_from(lab().client(), at(Lab::outside_ip(family, 2), 80)) == ECONNREFUSED);
        CHECK(error_from(lab().client(), at(Lab::node_address(family), 30001)) == ECONNREFUSED);
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

TEST_CASE("the table that nft loads from our text spreads clients, and keeps them") {
    if (!with_nftables) return;
    for (const Family family : families) {
        CAPTURE(to_string(family));
        auto sticky = service(family, 1, {0, 1, 2, 3});
        sticky.affinity_timeout_s = 60;
        sticky.node_port = 30001;
        const auto plain = service(family, 2, {0, 1, 2, 3});
        const rules::Plan plan = plan_of({sticky, plain}, lab_settings(family));
        // Remembered anew each time: the first pod of 40 rounds is the same one never.
        std::set<std::string> firsts;
        for (int round = 0; round < 40 && firsts.size() < 2; ++round) {
            load_nft(lab().node(), rules::nftables::to_nft_text(plan));
            const SocketAddress to = at(Lab::cluster_ip(family, 1), 80);
            const std::string first = Lab::connect(lab().client(), to).pod;
            REQUIRE_FALSE(first.empty());
            firsts.insert(first);
            for (int i = 0; i < 5; ++i) CHECK(Lab::connect(lab().client(), to).pod == first);
            CHECK(Lab::connect(lab().client(), at(Lab::node_address(family), 30001)).pod == first);
        }
        CHECK(firsts.size() == 2);
        std::set<std::string> pods;
        for (int i = 0; i < 200 && pods.size() < 4; ++i) {
            pods.insert(Lab::connect(lab().client(), at(Lab::cluster_ip(family, 2), 80)).pod);
        }
        CHECK(pods == std::set<std::string>{"pod-0", "pod-1", "pod-2", "pod-3"});
        REQUIRE(writer_for(family).clean());
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

TEST_CASE("to forget flows, the kernel tells only of those that are asked about") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        const auto candidates = [&](std::initializer_list<unsigned> services) {
            std::vector<rules::FlowFrontend> all;
            for (const unsigned n : services) {
                all.push_back({{services::Protocol::udp, at(Lab::cluster_ip(family, n), 80)}, {}});
            }
            return all;
        };
        // Of a namespace without a flow, one number; its table is not walked.
        rules::FlowTable nobodys;
        const Netns empty = Netns::make("noflows");
        Result<std::size_t> forgotten = Error{};
        empty.run([&] { forgotten = nobodys.forget_stale(family, candidates({8, 9})); });
        REQUIRE(forgotten);
        CHECK(nobodys.walks() == 0);

        Rules rules{
            family,
            {udp_service(family, 8, {0}), udp_service(family, 9, {1}), service(family, 3, {2})}};
        UdpFlow one{lab().client(), at(Lab::cluster_ip(family, 8), 80)};
        UdpFlow two{lab().client(), at(Lab::cluster_ip(family, 9), 80)};
        REQUIRE(one.ask().pod == "pod-0");
        REQUIRE(two.ask().pod == "pod-1");
        REQUIRE(Lab::connect(lab().client(), at(Lab::cluster_ip(family, 3), 80)).pod == "pod-2");
        const std::string word = family == Family::ipv4 ? "ipv4" : "ipv6";
        const std::string flows =
            lab().node().sh("conntrack -L -f " + word + " 2>/dev/null | wc -l");
        rules::FlowTable table;
        lab().node().run([&] { forgotten = table.forget_stale(family, candidates({8})); });
        REQUIRE(forgotten);
        CHECK(*forgotten == 1);
        CHECK(table.walks() == 1);
        CHECK(table.told() >= 1);
        // Not of that of TCP.
        CHECK(table.told() < std::stoul(flows));
        lab().node().run([&] { forgotten = table.forget_stale(family, candidates({8, 9})); });
        REQUIRE(forgotten);
        CHECK(*forgotten == 1);
        CHECK(table.walks() == 2);
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
        draining.kept_endpoints = {{.address = ip(Lab::pod_address(family, 0)), .port = 8080}};
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

constexpr std::uint16_t sctp_client_port = 12345;

/// Whether rules for SCTP can be made here.
bool has_sctp(Family family) {
    if (with_nftables) return true;
    bool has = false;
    lab().node().run([&] { has = rules::iptables::probe_features(family).value().sctp; });
    if (!has) WARN("skipped: the kernel has no sctp match");
    return has;
}

rules::PortPlan sctp_service(Family family, unsigned n,
                             std::initializer_list<std::size_t> endpoints) {
    rules::PortPlan port = service(family, n, endpoints);
    port.protocol = services::Protocol::sctp;
    return port;
}

/// What earlier tests left in the kernel.
void forget_all(Family family) {
    std::vector<rules::FlowFrontend> all;
    for (const auto protocol : {services::Protocol::udp, services::Protocol::sctp}) {
        for (unsigned n = 1; n < 10; ++n) {
            all.push_back({{protocol, at(Lab::cluster_ip(family, n), 80)}, {}});
        }
    }
    std::ranges::sort(all, {}, &rules::FlowFrontend::target);
    Result<std::size_t> forgotten = Error{};
    lab().node().run([&] { forgotten = rules::FlowTable{}.forget_stale(family, all); });
    if (!forgotten) FAIL(forgotten.error().text);
}

/// SCTP in the client and in some pods. The client's port is always the same, as with programs that
/// bind one, so that an association that begins anew is the same flow.
class Sctp {
public:
    Sctp(Family family, std::size_t pods) : family_{family}, client_{lab().client(), family} {
        forget_all(family);
        // Such an entry would live for 3 seconds, which a test on a slow machine may take.
        lab().node().sh("sysctl -qw net.netfilter.nf_conntrack_sctp_timeout_cookie_wait=300 "
                        "net.netfilter.nf_conntrack_sctp_timeout_cookie_echoed=300");
        for (std::size_t i = 0; i < pods; ++i) pods_.emplace_back(lab().pod(i), family);
    }

    /// Sends an INIT to the Service; the pod that got it, "" if none did.
    std::string begin(unsigned n) const {
        client_.send(packet(n, SctpChunk::init, 0, client_tag));
        for (int waited_ms = 0; waited_ms < 60'000; waited_ms += 5) {
            for (std::size_t i = 0; i < pods_.size(); ++i) {
                if (pods_[i].receive(1)) return "pod-" + std::to_string(i);
            }
        }
        return {};
    }
    /// A whole association to the Service's `pod`, up to the state "established".
    void establish(unsigned n, std::size_t pod) const {
        client_.send(packet(n, SctpChunk::init, 0, client_tag));
        const auto init = pods_[pod].receive();
        REQUIRE(init);
        CHECK(init->own_tag == client_tag);
        pods_[pod].send(answer(*init, SctpChunk::init_ack));
        const auto acknowledged = client_.receive();
        REQUIRE(acknowledged);
        CHECK(acknowledged->peer == at(Lab::cluster_ip(family_, n), 80));
        client_.send(packet(n, SctpChunk::cookie_echo, acknowledged->own_tag, 0));
        const auto echo = pods_[pod].receive();
        REQUIRE(echo);
        pods_[pod].send(answer(*echo, SctpChunk::cookie_ack));
        REQUIRE(client_.receive());
    }

private:
    static constexpr std::uint32_t client_tag = 0x01020304;
    static constexpr std::uint32_t pod_tag = 0x0a0b0c0d;

    SctpPacket packet(unsigned n, SctpChunk chunk, std::uint32_t tag, std::uint32_t own_tag) const {
        return {.peer = at(Lab::cluster_ip(family_, n), 80),
                .own_port = sctp_client_port,
                .chunk = chunk,
                .tag = tag,
                .own_tag = own_tag};
    }
    static SctpPacket answer(const SctpPacket& to, SctpChunk chunk) {
        return {.peer = to.peer,
                .own_port = to.own_port,
                .chunk = chunk,
                .tag = client_tag,
                .own_tag = pod_tag};
    }

    Family family_;
    SctpEnd client_;
    std::vector<SctpEnd> pods_;
};

}  // namespace

TEST_CASE("SCTP: the first packet of an association arrives at the endpoint") {
    for (const Family family : families) {
        if (!has_sctp(family)) return;
        CAPTURE(to_string(family));
        forget_all(family);
        const Rules rules{family, {sctp_service(family, 1, {1})}};
        const SctpEnd client{lab().client(), family};
        const SctpEnd pod{lab().pod(1), family};
        const SctpPacket sent{.peer = at(Lab::cluster_ip(family, 1), 80),
                              .own_port = sctp_client_port,
                              .own_tag = 0x01020304};
        client.send(sent);
        const auto got = pod.receive();
        REQUIRE(got);
        CHECK(got->own_port == 8080);
        CHECK(got->chunk == SctpChunk::init);
        CHECK(got->tag == 0);
        CHECK(got->own_tag == sent.own_tag);
    }
}

TEST_CASE("an SCTP flow to a removed endpoint is forgotten, so that an INIT meets the next one") {
    for (const Family family : families) {
        if (!has_sctp(family)) return;
        CAPTURE(to_string(family));
        const Sctp sctp{family, 4};
        Rules rules{family, {sctp_service(family, 1, {0}), sctp_service(family, 2, {2})}};
        sctp.establish(1, 0);
        sctp.establish(2, 2);
        const rules::Plan before = rules.plan;
        rules.apply(with_service(before, 0, sctp_service(family, 1, {1})));
        // Conntrack knows better than the rules, however often the client begins anew.
        CHECK(sctp.begin(1) == "pod-0");
        CHECK(sctp.begin(1) == "pod-0");
        CHECK(forget(family, &before, rules.plan) == 1);
        CHECK(sctp.begin(1) == "pod-1");
        CHECK(sctp.begin(2) == "pod-2");
        CHECK(forget(family, &before, rules.plan) == 0);
        CHECK(forget(family, nullptr, rules.plan) == 0);
        // No endpoint left at all, then another one.
        const rules::Plan last = rules.plan;
        rules.apply(with_service(last, 0, sctp_service(family, 1, {})));
        CHECK(forget(family, &last, rules.plan) == 1);
        rules.apply(with_service(last, 0, sctp_service(family, 1, {3})));
        CHECK(sctp.begin(1) == "pod-3");
    }
}

TEST_CASE("an SCTP flow to an endpoint that is still there is kept") {
    for (const Family family : families) {
        if (!has_sctp(family)) return;
        CAPTURE(to_string(family));
        const Sctp sctp{family, 2};
        Rules rules{family, {sctp_service(family, 1, {0})}};
        sctp.establish(1, 0);
        const rules::Plan before = rules.plan;
        rules::PortPlan draining = sctp_service(family, 1, {1});
        draining.kept_endpoints = {{.address = ip(Lab::pod_address(family, 0)), .port = 8080}};
        rules.apply(with_service(before, 0, draining));
        CHECK(forget(family, &before, rules.plan) == 0);
        CHECK(forget(family, nullptr, rules.plan) == 0);
        CHECK(sctp.begin(1) == "pod-0");
        const rules::Plan during = rules.plan;
        rules.apply(with_service(during, 0, sctp_service(family, 1, {1})));
        CHECK(forget(family, &during, rules.plan) == 1);
        CHECK(sctp.begin(1) == "pod-1");
    }
}

TEST_CASE("UDP and SCTP flows to one address and port are told apart") {
    for (const Family family : families) {
        if (!has_sctp(family)) return;
        CAPTURE(to_string(family));
        const Sctp sctp{family, 3};
        Rules rules{family, {sctp_service(family, 1, {0}), udp_service(family, 1, {1})}};
        sctp.establish(1, 0);
        UdpFlow flow{lab().client(), at(Lab::cluster_ip(family, 1), 80)};
        REQUIRE(flow.ask().pod == "pod-1");
        CHECK(forget(family, nullptr, rules.plan) == 0);
        const rules::Plan before = rules.plan;
        rules.apply(with_service(before, 0, sctp_service(family, 1, {2})));
        CHECK(forget(family, &before, rules.plan) == 1);
        CHECK(sctp.begin(1) == "pod-2");
        CHECK(flow.ask().pod == "pod-1");
        const rules::Plan between = rules.plan;
        rules.apply(with_service(between, 1, udp_service(family, 1, {3})));
        CHECK(forget(family, &between, rules.plan) == 1);
        CHECK(sctp.begin(1) == "pod-2");
        CHECK(flow.ask().pod == "pod-3");
    }
}
