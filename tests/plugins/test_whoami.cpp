#include "plugins/whoami/whoami.hpp"
#include "support/dns_case.hpp"
#include <nameplane/dns/name.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace nameplane;
using namespace nameplane::test;
using plugins::Whoami;

namespace {

PluginPtr whoami(std::uint32_t ttl = 0) {
    metrics::Registry metrics{1};
    Options options{Whoami::options};
    if (ttl != 0) options.set("ttl", ttl);
    Setup setup{
        .zones = {}, .workers = 1, .metrics = metrics, .own_addresses = {}, .services_synced = {}};
    auto made = Whoami::make(options, setup);
    REQUIRE(made);
    return std::move(*made);
}

}  // namespace

TEST_CASE("whoami answers every type with the client's address and port") {
    const PluginPtr plugin = whoami();
    const Asker asker{*plugin, services::Snapshot::empty()};
    for (const char* type : {"A", "AAAA", "TXT", "ANY", "TYPE65280"}) {
        for (const bool tcp : {false, true}) {
            INFO(type << (tcp ? " over TCP" : " over UDP"));
            const auto answered = asker.ask("Www.Example.Org.", type, {.tcp = tcp});
            CHECK_FALSE(answered.next);
            CHECK(answered.message.rcode == 0);
            CHECK(answered.message.authoritative);
            CHECK(answered.message.answers.empty());
            CHECK(answered.message.authorities.empty());
            REQUIRE(answered.message.additionals.size() == 2);
            CHECK(answered.message.additionals[0].starts_with("Www.Example.Org. 0 IN A"));
            CHECK(answered.message.additionals[1].starts_with(
                tcp ? "_tcp.Www.Example.Org. 0 IN SRV 0 0 "
                    : "_udp.Www.Example.Org. 0 IN SRV 0 0 "));
        }
    }
}

TEST_CASE("whoami tells address, port and transport of each family") {
    struct Case {
        const char* client;
        Transport transport;
        dns::Type type;
        const char* port_owner;
    };
    const Case cases[] = {
        {"192.0.2.7:1234", Transport::udp, dns::Type::a, "_udp.a.test."},
        {"192.0.2.7:1", Transport::tcp, dns::Type::a, "_tcp.a.test."},
        {"[2001:db8::7]:65535", Transport::udp, dns::Type::aaaa, "_udp.a.test."},
    };
    const PluginPtr plugin = whoami(30);
    for (const Case& row : cases) {
        INFO(row.client);
        Arena arena{4096};
        const dns::Name name = *dns::Name::parse("a.test.");
        const SocketAddress client = *SocketAddress::parse(row.client);
        Query query{{.name = name,
                     .asked = name,
                     .client = client,
                     .transport = row.transport,
                     .arena = &arena}};
        Reply reply{arena};
        CHECK(plugin->ask(query, reply) == Step::done);
        const auto records = reply.additionals().records();
        REQUIRE(records.size() == 2);
        CHECK(records[0].type == row.type);
        CHECK(records[0].ttl == 30);
        CHECK(std::get<IpAddress>(records[0].data) == client.address);
        CHECK(records[1].owner.to_string() == row.port_owner);
        CHECK(records[1].ttl == 30);
        CHECK(std::get<dns::SrvData>(records[1].data).port == client.port);
        CHECK(std::get<dns::SrvData>(records[1].data).target.is_root());
    }
}

TEST_CASE("whoami: a name with no room for one more label gets the address only") {
    std::string name;
    while (name.size() + 2 <= 248) name += "a.";
    const PluginPtr plugin = whoami();
    const Asker asker{*plugin, services::Snapshot::empty()};
    CHECK(asker.ask(name, "A", {.tcp = true}).message.additionals.size() == 2);
    CHECK(asker.ask(name + "a.", "A", {.tcp = true}).message.additionals.size() == 1);
}

TEST_CASE("whoami takes its TTL from its table of options") {
    REQUIRE(Whoami::options.size() == 1);
    CHECK(Options{Whoami::options}.seconds("ttl") == 0);
}
