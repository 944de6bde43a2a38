#include "rules/nftables/content.hpp"
#include "rules/nftables/elements.hpp"

#include <catch2/catch.hpp>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

using namespace nameplane;
using namespace nameplane::rules;
using namespace nameplane::rules::nftables;

namespace {

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

PortPlan port_plan(std::string name, std::string_view cluster_ip,
                   const std::vector<std::string>& endpoints) {
    PortPlan port{.name = std::move(name), .port = 80, .cluster_ip = ip(cluster_ip)};
    for (const std::string& endpoint : endpoints) {
        port.cluster_endpoints.push_back({.address = ip(endpoint), .port = 8080});
    }
    port.has_endpoints = !endpoints.empty();
    port.internal = port.external = endpoints.empty() ? Unserved::reject : Unserved::none;
    return port;
}

Place external(std::string_view address) {
    return {.address = ip(address), .port = 80};
}

std::vector<std::string> texts(const PortPlan& port, Frontend::Kind kind) {
    std::vector<std::string> all;
    for_each_frontend(port, [&](const Frontend& frontend) {
        if (frontend.kind != kind) return;
        render_frontend(port, frontend, 0, [&](const Element& element) {
            all.push_back(std::string{info(element.map).name} + " " +
                          to_text(element, port.cluster_ip.family()));
        });
    });
    return all;
}

}  // namespace

TEST_CASE("a place belongs to who comes first in the plan, whoever came first in time") {
    auto a = port_plan("ns/a:http", "10.96.0.1", {"10.0.0.1"});
    auto b = port_plan("ns/b:http", "10.96.0.2", {"10.0.0.2"});
    auto c = port_plan("ns/c:http", "10.96.0.3", {"10.0.0.3"});
    for (PortPlan* port : {&a, &b, &c}) port->external_ips = {ip("192.0.2.1")};
    Content content;
    content.add(c);
    content.add(a);
    content.add(b);
    const Place place = external("192.0.2.1");
    CHECK(content.winner(place)->port == &a);
    content.remove(b);
    CHECK(content.winner(place)->port == &a);
    content.remove(a);
    CHECK(content.winner(place)->port == &c);
    content.add(b);
    CHECK(content.winner(place)->port == &b);
    content.remove(b);
    content.remove(c);
    CHECK_FALSE(content.winner(place));
    CHECK_FALSE(content.has_cluster_ip(ip("10.96.0.1")));
}

TEST_CASE("an address named several times is one place, the balancer's if it is one's") {
    auto port = port_plan("ns/a:http", "10.96.0.1", {"10.0.0.1"});
    port.external_ips = {ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.2")};
    port.load_balancer_ips = {ip("192.0.2.1"), ip("192.0.2.3"), ip("192.0.2.3")};
    port.source_ranges = {*Cidr::parse("198.18.0.0/15")};
    std::vector<std::string> places;
    std::vector<std::string> guarded;
    Content content;
    content.add(port);
    content.next_pass();
    content.render(port, [&](const Element& element) {
        std::string text = to_text(element, Family::ipv4);
        text.resize(text.find(' '));
        if (element.map == MapId::service_ips) places.push_back(text);
        if (element.map == MapId::firewall_ips) guarded.push_back(text);
    });
    std::ranges::sort(places);
    CHECK(places == std::vector<std::string>{"10.96.0.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"});
    CHECK(guarded == std::vector<std::string>{"192.0.2.1", "192.0.2.3"});
    content.remove(port);
    CHECK_FALSE(content.winner(external("192.0.2.1")));
}

TEST_CASE("changes tell what was, once, however often it changes meanwhile") {
    const auto old = port_plan("ns/a:http", "10.96.0.1", {"10.0.0.1", "10.0.0.2"});
    const auto now = port_plan("ns/a:http", "10.96.0.1", {"10.0.0.2", "10.0.0.3"});
    Content content;
    content.add(old);
    Content::Changes changes;
    content.remove(old, &changes);
    content.add(now, &changes);
    REQUIRE(changes.places.size() == 1);
    CHECK(changes.places.begin()->second->port == &old);
    CHECK(content.winner(changes.places.begin()->first)->port == &now);
    CHECK(changes.hairpins.at(ip("10.0.0.1")).was);
    CHECK_FALSE(content.has_hairpin(ip("10.0.0.1")));
    CHECK(changes.hairpins.at(ip("10.0.0.2")).was);
    CHECK(content.has_hairpin(ip("10.0.0.2")));
    CHECK_FALSE(changes.hairpins.at(ip("10.0.0.3")).was);
}

TEST_CASE("an endpoint of several Services may meet itself until the last of them goes") {
    const auto a = port_plan("ns/a:http", "10.96.0.1", {"10.0.0.1"});
    const auto b = port_plan("ns/b:http", "10.96.0.2", {"10.0.0.1"});
    Content content;
    content.add(a);
    content.add(b);
    content.remove(a);
    CHECK(content.has_hairpin(ip("10.0.0.1")));
    content.remove(b);
    CHECK_FALSE(content.has_hairpin(ip("10.0.0.1")));
}

TEST_CASE("a port with affinity has one number for all its addresses, the same whenever it comes") {
    auto port = port_plan("shop/web:http", "10.96.0.1", {"10.0.0.1", "10.0.0.2"});
    port.external_ips = {ip("192.0.2.1")};
    port.load_balancer_ips = {ip("198.18.0.1")};
    port.node_port = 30080;
    port.affinity_timeout_s = 600;
    auto other = port;
    other.name = "shop/web:admin";
    other.port = 81;
    other.node_port = 30081;
    Content content;
    content.add(other);
    content.add(port);
    CHECK(content.owner(0x5ea17f96) == &port);
    const std::string comment = " comment \"shop/web:http ";
    std::vector<std::string> all;
    content.next_pass();
    content.render(port, [&](const Element& element) {
        const std::string name{info(element.map).name};
        if (name.starts_with("affinity"))
            all.push_back(name + " " + to_text(element, Family::ipv4));
    });
    const std::string number = "\" : 5ea1:7f96";
    CHECK(all ==
          std::vector<std::string>{
              "affinity-services 10.96.0.1 . tcp . 80" + comment + "cluster IP" + number,
              "affinity-services 192.0.2.1 . tcp . 80" + comment + "external IP" + number,
              "affinity-services 198.18.0.1 . tcp . 80" + comment + "load balancer IP" + number,
              "affinity-nodeports tcp . 30080" + comment + "node port" + number,
              "affinity-timeouts 5ea1:7f96 comment \"shop/web:http\" : goto remember-600"});
    content.remove(port);
    CHECK(content.owner(0x5ea17f96) == nullptr);
    content.add(port);
    CHECK(content.owner(0x5ea17f96) == &port);
    CHECK(content.winner({.address = ip("10.96.0.1"), .port = 81})->number != 0x5ea17f96);
}

TEST_CASE("two names of one number do not share it, and who has it keeps it") {
    auto a = port_plan("ns/s232789:http", "10.96.0.1", {"10.0.0.1"});
    auto b = port_plan("ns/s429192:http", "10.96.0.2", {"10.0.0.2"});
    for (PortPlan* port : {&a, &b}) port->affinity_timeout_s = 60;
    const Place at_a{.address = ip("10.96.0.1"), .port = 80};
    const Place at_b{.address = ip("10.96.0.2"), .port = 80};
    Content content;
    content.add(a);
    content.add(b);
    CHECK(content.winner(at_a)->number == 0x6e892009);
    CHECK(content.winner(at_b)->number == 0xac99d0fa);
    // The first goes and comes with another endpoint: no number changes hands.
    auto changed = port_plan("ns/s232789:http", "10.96.0.1", {"10.0.0.3"});
    changed.affinity_timeout_s = 60;
    Content::Changes changes;
    content.remove(a, &changes);
    content.add(changed, &changes);
    CHECK(changes.numbers == std::map<std::uint32_t, const PortPlan*>{{0x6e892009, &a}});
    CHECK(content.owner(0x6e892009) == &changed);
    CHECK(content.owner(0xac99d0fa) == &b);
    content.remove(changed);
    CHECK(content.owner(0xac99d0fa) == &b);
    content.remove(b);
    CHECK(content.owner(0xac99d0fa) == nullptr);
}

TEST_CASE("source ranges within others are left out: the kernel refuses ranges that overlap") {
    auto port = port_plan("ns/lb:http", "10.96.0.1", {"10.0.0.1"});
    port.load_balancer_ips = {ip("198.18.0.1"), ip("203.0.113.1")};
    port.source_ranges = {*Cidr::parse("203.0.113.0/24"), *Cidr::parse("203.0.113.128/25"),
                          *Cidr::parse("203.0.113.0/24"), *Cidr::parse("198.51.100.7/32")};
    port.node_in_source_ranges = true;
    std::vector<std::string> allowed;
    for (const std::string& text : texts(port, Frontend::Kind::load_balancer_ip)) {
        if (text.starts_with("firewall-allowed 198.18.0.1 ")) allowed.push_back(text);
    }
    const std::string end = " comment \"ns/lb:http load balancer IP\"";
    CHECK(allowed ==
          std::vector<std::string>{"firewall-allowed 198.18.0.1 . tcp . 80 . 203.0.113.0/24" + end,
                                   "firewall-allowed 198.18.0.1 . tcp . 80 . 198.51.100.7" + end,
                                   "firewall-allowed 198.18.0.1 . tcp . 80 . 198.18.0.1" + end});
    port.source_ranges = {*Cidr::parse("0.0.0.0/0")};
    allowed = texts(port, Frontend::Kind::load_balancer_ip);
    CHECK(std::ranges::count(allowed, "firewall-allowed 198.18.0.1 . tcp . 80 . 0.0.0.0/0" + end) ==
          1);
}

TEST_CASE("a comment is never longer than nft takes") {
    const std::string name = std::string(63, 'n') + "/" + std::string(63, 's') + ":http";
    Element element{.map = MapId::service_ips, .name = name, .what = " cluster IP"};
    CHECK(element.comment().size() == Element::comment_max);
    CHECK(element.comment().ends_with("..."));
    element.name = "ns/web";
    CHECK(element.comment() == "ns/web cluster IP");
}

TEST_CASE("elements read back from messages say what was written, however many there are") {
    for (const bool v4 : {true, false}) {
        auto port = port_plan("ns/web:http", v4 ? "10.96.0.1" : "fd00:96::1", {});
        port.has_endpoints = true;
        port.internal = port.external = Unserved::none;
        for (int i = 0; i < 3'000; ++i) {
            const std::string last =
                v4 ? std::to_string(i / 250) + "." + std::to_string(i % 250) : std::to_string(i);
            port.cluster_endpoints.push_back(
                {.address = ip((v4 ? "10.244." : "fd00:244::") + last), .port = 8080});
        }
        port.load_balancer_ips = {ip(v4 ? "198.18.0.1" : "2001:db8::1")};
        port.source_ranges = {*Cidr::make(port.cluster_ip, 8)};
        ElementMessages messages{port.cluster_ip.family(), true};
        std::vector<Fingerprint> written;
        const ElementSink sink = [&](const Element& element) {
            messages.put(element);
            written.push_back(fingerprint(element));
        };
        render_shared(port, sink);
        port.external_local = true;
        port.local_endpoints = port.cluster_endpoints;
        for_each_frontend(port, [&](const Frontend& frontend) {
            render_frontend(port, frontend, 7 << 16, sink);
        });
        render_affinity(port, 7 << 16, sink);
        CHECK(messages.count() == written.size());
        Batch batch;
        messages.move_to(batch);
        std::vector<Fingerprint> read;
        for (const auto& part : batch.parts()) {
            nlmsghdr header;
            std::memcpy(&header, part.data(), sizeof header);
            REQUIRE(header.nlmsg_len == part.size());
            // Behind the table's name comes the map's.
            const std::string name{reinterpret_cast<const char*>(part.data()) + 20 + 16 + 4};
            const auto map = std::ranges::find(all_maps(), name, &MapInfo::name);
            REQUIRE(map != all_maps().end());
            read_elements(reinterpret_cast<const nlmsghdr*>(part.data()),
                          [&](const KernelElement& element) {
                              read.push_back(fingerprint(map->id, element));
                          });
        }
        const auto less = [](const Fingerprint& a, const Fingerprint& b) { return a.key < b.key; };
        std::ranges::sort(written, less);
        std::ranges::sort(read, less);
        CHECK(std::ranges::adjacent_find(written, {}, &Fingerprint::key) == written.end());
        CHECK(std::ranges::equal(written, read, [](const Fingerprint& a, const Fingerprint& b) {
            return a.key == b.key && a.value == b.value;
        }));
    }
}
