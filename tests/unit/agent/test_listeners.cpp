#include "agent/listeners.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::agent;

namespace {

dns::Name name_of(const char* text) {
    return *dns::Name::parse(text);
}

conf::DnsConfig everywhere() {
    conf::DnsConfig dns;
    dns.listen = {*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::")};
    return dns;
}

const std::vector<services::NodeFacts::Interface> interfaces{
    {"lo", *IpAddress::parse("127.0.0.1")},
    {"eth0", *IpAddress::parse("10.0.0.1")},
    {"eth0", *IpAddress::parse("10.0.0.2")},
    {"eth0", *IpAddress::parse("fe80::1")}};

std::vector<std::string> texts(const std::vector<server::ListenAt>& listeners) {
    std::vector<std::string> all;
    for (const server::ListenAt& each : listeners) all.push_back(each.address.to_string());
    return all;
}

using Texts = std::vector<std::string>;
using Places = std::vector<std::vector<std::vector<std::size_t>>>;

}  // namespace

TEST_CASE("zones are served on their ports, and where their block says") {
    const std::vector<conf::ServerConfig> servers{
        {.zones = {name_of("."), {name_of("a."), 5353}}, .plugins = {}},
        {.zones = {name_of("b.")},
         .plugins = {},
         .bind = {"eth0", "127.0.0.1"},
         .bind_except = {"10.0.0.2"}},
        {.zones = {name_of("c.")}, .plugins = {}, .bind = {"127.0.0.1"}}};
    const Result<Listeners> found = listeners_of(everywhere(), servers, interfaces);
    REQUIRE(found);
    CHECK(texts(found->addresses) == Texts{"0.0.0.0:53", "[::]:53", "0.0.0.0:5353", "[::]:5353",
                                           "10.0.0.1:53", "127.0.0.1:53"});
    CHECK(found->layout.labels == Texts{"dns://:53", "dns://:53", "dns://:5353", "dns://:5353",
                                        "dns://10.0.0.1:53", "dns://127.0.0.1:53"});
    CHECK(found->layout.places == Places{{{0, 1}, {2, 3}}, {{4, 5}}, {{5}}});
}

TEST_CASE("listeners keep their numbers over a reload, and others need a restart") {
    const conf::ServerConfig a{.zones = {name_of("a.")}, .plugins = {}, .bind = {"10.0.0.1"}};
    const conf::ServerConfig b{.zones = {{name_of("b."), 54}}, .plugins = {}, .bind = {"10.0.0.2"}};
    const Result<Listeners> before = listeners_of(everywhere(), {a, b}, interfaces);
    REQUIRE(before);
    const Result<Listeners> after =
        listeners_of(everywhere(), {b, a}, interfaces, &before->addresses);
    REQUIRE(after);
    CHECK(texts(after->addresses) == texts(before->addresses));
    CHECK(after->layout.places == Places{{{1}}, {{0}}});

    const Result<Listeners> fewer = listeners_of(everywhere(), {a}, interfaces, &before->addresses);
    REQUIRE_FALSE(fewer);
    CHECK(fewer.error().text == "a restart is needed to listen no longer on 10.0.0.2:54");
    const std::vector<server::ListenAt> one{before->addresses[0]};
    const Result<Listeners> more = listeners_of(everywhere(), {a, b}, interfaces, &one);
    REQUIRE_FALSE(more);
    CHECK(more.error().text == "a restart is needed to listen on 10.0.0.2:54");
}

TEST_CASE("addresses that this machine does not know are named with their block") {
    const conf::ServerConfig server{.zones = {name_of("a.")},
                                    .plugins = {},
                                    .bind = {"eth9", "10.0.0.1", "x"},
                                    .bind_except = {},
                                    .place = {{"Corefile", 7}}};
    const Result<Listeners> found = listeners_of(everywhere(), {server}, interfaces);
    REQUIRE_FALSE(found);
    CHECK(found.error().text ==
          "Corefile:7: bind: 'eth9', expected an address or an interface of this machine\n"
          "Corefile:7: bind: 'x', expected an address or an interface of this machine");
    const conf::ServerConfig nothing{.zones = {name_of("a.")},
                                     .plugins = {},
                                     .bind = {"lo"},
                                     .bind_except = {"127.0.0.1"},
                                     .place = {{"Corefile", 1}}};
    CHECK(listeners_of(everywhere(), {nothing}, interfaces).error().text ==
          "Corefile:1: bind: nothing is left, expected an address");
}

TEST_CASE("what is spoken has ports of its own") {
    using conf::Scheme;
    const conf::TlsConfig tls{.certificate = "c.pem", .key = "/k.pem", .authority = {}};
    const std::vector<conf::ServerConfig> servers{
        {.zones = {name_of("."),
                   {name_of("a."), {}, Scheme::tls},
                   {name_of("a."), 8443, Scheme::https}},
         .plugins = {},
         .bind = {"10.0.0.1"},
         .root = "/etc/dns",
         .tls = tls,
         .timeouts = {.read = std::chrono::seconds{2}, .queries_max = 7},
         .https_connections_max = 5},
        {.zones = {{name_of("b."), {}, Scheme::https}, {name_of("b."), {}, Scheme::tls}},
         .plugins = {},
         .bind = {"10.0.0.1"},
         .timeouts = {.idle = std::chrono::seconds{4}}}};
    const Result<Listeners> found = listeners_of(everywhere(), servers, interfaces);
    REQUIRE(found);
    CHECK(found->layout.labels == Texts{"dns://10.0.0.1:53", "tls://10.0.0.1:853",
                                        "https://10.0.0.1:8443", "https://10.0.0.1:443"});
    CHECK(found->layout.places == Places{{{0}, {1}, {2}}, {{3}, {1}}});
    CHECK(found->terms[1].read == std::chrono::seconds{2});
    CHECK(found->terms[1].write == std::chrono::seconds{5});
    CHECK(found->terms[1].idle == std::chrono::seconds{4});
    CHECK(found->terms[0].queries_max == 7);
    CHECK(found->terms[3].queries_max == 0);
    CHECK(found->terms[2].https_connections_max == 5);
    CHECK(found->terms[3].https_connections_max == 200);
    CHECK_FALSE(found->tls[0]);
    REQUIRE(found->tls[1]);
    CHECK(found->tls[1]->config.certificate == "/etc/dns/c.pem");
    CHECK(found->tls[1]->config.key == "/k.pem");
    CHECK(found->tls[2]);
    CHECK_FALSE(found->tls[3]);
}

TEST_CASE("a port speaks one way and proves one thing") {
    using conf::Scheme;
    const conf::ServerConfig plain{
        .zones = {{name_of("a."), 853}}, .plugins = {}, .bind = {"lo"}, .place = {{"Corefile", 1}}};
    conf::ServerConfig tls{.zones = {{name_of("b."), {}, Scheme::tls}},
                           .plugins = {},
                           .bind = {"lo"},
                           .place = {{"Corefile", 4}}};
    CHECK(listeners_of(everywhere(), {plain, tls}, interfaces).error().text ==
          "Corefile:4: zones: tls://127.0.0.1:853 is dns:// elsewhere, expected another port");
    conf::ServerConfig other = tls;
    tls.tls = conf::TlsConfig{.certificate = "a", .key = "b", .authority = {}};
    other.tls = conf::TlsConfig{.certificate = "c", .key = "d", .authority = {}};
    other.place = {{"Corefile", 9}};
    CHECK(listeners_of(everywhere(), {tls, other}, interfaces).error().text ==
          "Corefile:9: tls: not as in another block at tls://127.0.0.1:853, expected the same "
          "(first at Corefile:4)");
    const Result<Listeners> before = listeners_of(everywhere(), {tls}, interfaces);
    REQUIRE(before);
    CHECK(listeners_of(everywhere(), {plain}, interfaces, &before->addresses).error().text ==
          "a restart is needed to listen on 127.0.0.1:853");
}

TEST_CASE("what blocks want of one address is found on any machine, and all of it at once") {
    using conf::Scheme;
    const auto block = [](std::string bind, Scheme scheme, const char* certificate, unsigned line) {
        return conf::ServerConfig{
            .zones = {{name_of("a."), 853, scheme}},
            .plugins = {},
            .bind = {std::move(bind)},
            .place = {{"Corefile", line}},
            .tls = conf::TlsConfig{.certificate = certificate, .key = "k", .authority = {}}};
    };
    const std::vector<conf::ServerConfig> servers{
        block("lo", Scheme::tls, "c", 1), block("elsewhere0", Scheme::tls, "d", 2),
        block("127.0.0.1", Scheme::https, "c", 3), block("127.0.0.1", Scheme::tls, "e", 4),
        block("10.0.0.1", Scheme::dns, "", 5)};
    CHECK(try_listeners(everywhere(), servers, interfaces).error().text ==
          "Corefile:3: zones: https://127.0.0.1:853 is tls:// elsewhere, expected another port\n"
          "Corefile:4: tls: not as in another block at tls://127.0.0.1:853, expected the same "
          "(first at Corefile:1)");
    const std::vector<conf::ServerConfig> apart{servers[0], servers[1], servers[4]};
    CHECK(try_listeners(everywhere(), apart, interfaces));
    CHECK(listeners_of(everywhere(), apart, interfaces).error().text ==
          "Corefile:2: bind: 'elsewhere0', expected an address or an interface of this machine");
}

TEST_CASE("without an address to listen on there are no listeners") {
    conf::DnsConfig dns;
    dns.listen = {};
    const Result<Listeners> found =
        listeners_of(dns, {{.zones = {name_of(".")}, .plugins = {}}}, interfaces);
    REQUIRE(found);
    CHECK(found->addresses.empty());
    CHECK(found->layout.places == Places{{{}}});
}
