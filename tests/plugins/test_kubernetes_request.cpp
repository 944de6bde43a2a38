// The grammar: one row for each shape and each near miss.

#include "plugins/cluster.hpp"
#include "plugins/kubernetes/endpoints.hpp"
#include "plugins/kubernetes/request.hpp"

#include <catch2/catch.hpp>

#include <source_location>
#include <string>

using namespace nameplane;
using namespace nameplane::plugins::kubernetes;

namespace {

struct Row {
    Row(const char* name_, Request expected_,
        std::source_location where_ = std::source_location::current())
        : name{name_}, expected{expected_}, where{where_} {}
    const char* name;
    Request expected;
    std::source_location where;
};

Request shape(Shape shape) {
    return {.shape = shape};
}
Request space(const char* ns, bool below_pod = false) {
    return {.shape = Shape::name_space, .below_pod = below_pod, .ns = ns};
}
Request svc(const char* service, const char* ns) {
    return {.shape = Shape::service, .ns = ns, .service = service};
}
Request host(const char* endpoint, const char* service, const char* ns) {
    return {.shape = Shape::endpoint,
            .service_at = static_cast<std::uint8_t>(1 + std::string_view{endpoint}.size()),
            .ns = ns,
            .service = service,
            .endpoint = endpoint};
}
Request port(const char* port, const char* protocol, const char* service, const char* ns,
             std::size_t in_front) {
    return {.shape = Shape::port,
            .service_at = static_cast<std::uint8_t>(in_front),
            .ns = ns,
            .service = service,
            .port = port,
            .protocol = protocol};
}
Request pod(const char* label, const char* ns, std::size_t in_front = 0) {
    return {.shape = Shape::pod,
            .service_at = static_cast<std::uint8_t>(in_front),
            .ns = ns,
            .service = label};
}

const Row rows[] = {
    {"", shape(Shape::apex)},
    {"svc", shape(Shape::fixed)},
    {"pod", shape(Shape::fixed)},
    {"dns", shape(Shape::fixed)},
    {"ns.dns", shape(Shape::name_server)},
    {"dns-version", shape(Shape::version)},
    {"ns.svc", space("ns")},
    {"ns.pod", space("ns", true)},
    {"svc.svc", space("svc")},
    {"pod.svc", space("pod")},
    {"web.ns.svc", svc("web", "ns")},
    {"svc.svc.svc", svc("svc", "svc")},
    {"_tcp.ns.svc", svc("_tcp", "ns")},
    {"web-0.web.ns.svc", host("web-0", "web", "ns")},
    {"_tcp.web.ns.svc", host("_tcp", "web", "ns")},
    {"10-0-0-1.web.ns.svc", host("10-0-0-1", "web", "ns")},
    {"_http._tcp.web.ns.svc", port("http", "tcp", "web", "ns", 11)},
    {"http.tcp.web.ns.svc", port("http", "tcp", "web", "ns", 9)},
    {"_http.tcp.web.ns.svc", port("http", "tcp", "web", "ns", 10)},
    {"__http.__tcp.web.ns.svc", port("_http", "_tcp", "web", "ns", 13)},
    {"_._tcp.web.ns.svc", port("", "tcp", "web", "ns", 7)},
    {"_._.web.ns.svc", port("", "", "web", "ns", 4)},
    {"1-2-3-4.ns.pod", pod("1-2-3-4", "ns")},
    {"a.1-2-3-4.ns.pod", pod("1-2-3-4", "ns", 2)},
    {"a.b.1-2-3-4.ns.pod", pod("1-2-3-4", "ns", 4)},
    // Near misses.
    {"foo", shape(Shape::invalid)},
    {"ns", shape(Shape::invalid)},
    {"a.dns", shape(Shape::invalid)},
    {"a.ns.dns", shape(Shape::invalid)},
    {"ns.dns-version", shape(Shape::invalid)},
    {"dns-versions", shape(Shape::invalid)},
    {"web.ns.foo", shape(Shape::invalid)},
    {"web.ns.svcs", shape(Shape::invalid)},
    {"web.ns.sv", shape(Shape::invalid)},
    {"a._http._tcp.web.ns.svc", shape(Shape::invalid)},
    {"a.b.c.d.e.f.web.ns.svc", shape(Shape::invalid)},
    {"a.b.c.1-2-3-4.ns.pod", shape(Shape::invalid)},
    {"web.ns.svc.x", shape(Shape::invalid)},
};

}  // namespace

TEST_CASE("request: every shape and near miss") {
    for (const char* zone_text : {"cluster.local.", "."}) {
        const dns::Name zone = *dns::Name::parse(zone_text);
        for (const Row& row : rows) {
            INFO(row.where.file_name()
                 << ':' << row.where.line() << ": '" << row.name << "' in " << zone_text);
            std::string text = row.name;
            if (!text.empty() && !zone.view().is_root()) text += '.';
            text += zone.view().is_root() && !text.empty() ? "." : zone_text;
            const dns::Name name = *dns::Name::parse(text);
            const Request request = parse_request(name, zone);
            CHECK(request.shape == row.expected.shape);
            CHECK(request.below_pod == row.expected.below_pod);
            CHECK(request.service_at == row.expected.service_at);
            CHECK(request.ns == row.expected.ns);
            CHECK(request.service == row.expected.service);
            CHECK(request.endpoint == row.expected.endpoint);
            CHECK(request.port == row.expected.port);
            CHECK(request.protocol == row.expected.protocol);
        }
    }
}

TEST_CASE("request: labels point into the name") {
    const dns::Name zone = *dns::Name::parse("cluster.local.");
    const dns::Name name = *dns::Name::parse("_http._tcp.web.ns.svc.cluster.local.");
    const Request request = parse_request(name, zone);
    const dns::NameView view = name.view();
    const dns::NameView service =
        dns::NameView::trusted(view.data() + request.service_at, view.size() - request.service_at);
    CHECK(service.to_string() == "web.ns.svc.cluster.local.");
    CHECK(static_cast<const void*>(request.ns.data()) > view.data());
    CHECK(static_cast<const void*>(request.ns.data()) < view.data() + view.size());
}

TEST_CASE("endpoint labels: addresses with dashes, there and back") {
    struct Pair {
        const char* address;
        const char* label;
    };
    for (const Pair& pair :
         {Pair{"10.0.0.1", "10-0-0-1"}, Pair{"255.255.255.255", "255-255-255-255"},
          Pair{"fd00::1", "fd00--1"}, Pair{"fd00::", "fd00--0"}, Pair{"::1", "--1"},
          Pair{"::", "--0"}, Pair{"1:2:3:4:5:6:7:8", "1-2-3-4-5-6-7-8"},
          Pair{"2001:db8::a:0:0:1", "2001-db8--a-0-0-1"}}) {
        INFO(pair.address);
        LabelText room;
        const IpAddress address = *IpAddress::parse(pair.address);
        CHECK(dashed(address, room) == pair.label);
        CHECK(parse_dashed(pair.label) == address);
        CHECK(parse_pod_label(pair.label) == address);
    }
    for (const char* label : {"", "-", "web-0", "10-0-0", "10-0-0-01", "10-0-0-1-", "fd00--",
                              "FD00--1", "fd00-0--1", "0-0-0-0-0-0-0-1", "10.0.0.1", "fd00::1"}) {
        INFO(label);
        CHECK_FALSE(parse_dashed(label).has_value());
    }
    CHECK(parse_pod_label("fd00--") == *IpAddress::parse("fd00::"));
    CHECK(parse_pod_label("0-0-0-0-0-0-0-1") == *IpAddress::parse("::1"));
    CHECK_FALSE(parse_pod_label(std::string(63, '-')).has_value());
}

TEST_CASE("endpoint labels: hostname, then pod, then address") {
    Settings settings;
    LabelText room;
    services::EndpointEntry endpoint{};
    endpoint.address = *IpAddress::parse("10.0.0.1");
    endpoint.pod_name = "web-abc";
    CHECK(endpoint_label(settings, endpoint, room) == "10-0-0-1");
    settings.endpoint_pod_names = true;
    CHECK(endpoint_label(settings, endpoint, room) == "web-abc");
    const std::string long_name(64, 'a');
    endpoint.pod_name = long_name;
    CHECK(endpoint_label(settings, endpoint, room) == "10-0-0-1");
    endpoint.pod_name = std::string_view{long_name}.substr(1);
    CHECK(endpoint_label(settings, endpoint, room).size() == 63);
    endpoint.pod_name = "web.abc";
    CHECK(endpoint_label(settings, endpoint, room) == "10-0-0-1");
    endpoint.hostname = "web-0";
    CHECK(endpoint_label(settings, endpoint, room) == "web-0");
}

TEST_CASE("the Service that a name is about is expected", "[kubernetes]") {
    struct Case {
        const char* name;
        std::string service;  // "ns/name"; empty: none
        std::source_location at = std::source_location::current();
    };
    const Case cases[] = {
        {"web.default.svc.cluster.local.", "default/web"},
        {"_http._tcp.web.default.svc.cluster.local.", "default/web"},
        {"10-0-0-1.web.default.svc.cluster.local.", "default/web"},
        {"missing.default.svc.cluster.local.", "default/missing"},
        {"default.svc.cluster.local.", ""},
        {"svc.cluster.local.", ""},
        {"cluster.local.", ""},
        {"ns.dns.cluster.local.", ""},
        {"10-0-0-1.default.pod.cluster.local.", ""},
        {"a.b.c.d.default.svc.cluster.local.", ""},
        {"www.example.org.", ""},
        {"1.0.96.10.in-addr.arpa.", ""},
    };
    const test::Example example{{.zones = {"cluster.local.", "in-addr.arpa."}}};
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.name);
        const std::size_t slash = row.service.find('/');
        const std::uint64_t expected =
            row.service.empty() ? 0
                                : services::ServiceView::hash_of(row.service.substr(0, slash),
                                                                 row.service.substr(slash + 1));
        CHECK(example.plugin().expects(*dns::Name::parse(row.name)) == expected);
    }
}
