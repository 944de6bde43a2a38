#include "conf/config.hpp"
#include "message.hpp"
#include "server/handler.hpp"
#include "support/ldns_message.hpp"
#include "world.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using server::Arrival;
using server::Handler;
using server::Oddities;

namespace {

const Arrival over_udp{.client = {IpAddress::v4(192, 0, 2, 1), 4242},
                       .server = {IpAddress::v4(192, 0, 2, 53), 53},
                       .transport = Transport::udp};
const Arrival over_tcp{.client = {*IpAddress::parse("2001:db8::1"), 4242},
                       .server = {*IpAddress::parse("2001:db8::53"), 53},
                       .transport = Transport::tcp};

/// A handler over the test plugins.
struct Desk {
    World world;
    Oddities oddities{world.metrics};
    Handler handler{0, {.udp_size_max = 1232}, oddities};
    std::shared_ptr<const chain::Chains> chains = world.chains.newest();

    Desk() { handler.use(*chains, services::ServiceView{}); }

    Octets answer(const Octets& message, const Arrival& arrival = over_udp) {
        Octets out(arrival.transport == Transport::udp ? 1232 : 65535);
        out.resize(handler.answer(message, arrival, out));
        return out;
    }
};

LdnsMessage read(const Octets& message) {
    const auto out = read_with_ldns(message);
    REQUIRE(out);
    return *out;
}

constexpr unsigned no_error = 0, form_err = 1, not_imp = 4, refused = 5, bad_vers = 16;

struct ErrorCase {
    std::string what;
    Octets message;
    std::optional<unsigned> rcode;  // nothing: no answer
    std::size_t questions;
    const char* family;  // the counter that grows
    const char* reason;
    std::source_location at = std::source_location::current();
};

Octets without_tail(Octets message, std::size_t octets) {
    message.resize(message.size() - octets);
    return message;
}

constexpr const char* dropped = "nameplane_dns_dropped_total";
constexpr const char* malformed = "nameplane_dns_malformed_total";

}  // namespace

TEST_CASE("a query is answered from its zone, with both addresses known to the plugins") {
    Desk desk;
    const LdnsMessage udp = read(desk.answer(query("Www.Test", {.id = 77})));
    CHECK(udp.id == 77);
    CHECK(udp.response);
    CHECK(udp.recursion_desired);
    CHECK(udp.authoritative);
    CHECK(udp.rcode == no_error);
    CHECK(udp.questions == std::vector<std::string>{"Www.Test. IN A"});
    CHECK(udp.answers == std::vector<std::string>{"Www.Test. 1 IN A 192.0.2.53"});
    CHECK(udp.additionals == std::vector<std::string>{"Www.Test. 1 IN A 192.0.2.1"});
    CHECK_FALSE(udp.edns);

    const LdnsMessage tcp =
        read(desk.answer(query("www.test", {.type = 28, .edns_size = 4096}), over_tcp));
    CHECK(tcp.answers == std::vector<std::string>{"www.test. 2 IN AAAA 2001:db8::53"});
    CHECK(tcp.additionals == std::vector<std::string>{"www.test. 2 IN AAAA 2001:db8::1"});
    REQUIRE(tcp.edns);
    CHECK(tcp.edns->udp_size == 1232);
}

TEST_CASE("what leads to no chain is refused, with the question") {
    struct Case {
        const char* what;
        const char* name;
        Ask ask;
        std::source_location at = std::source_location::current();
    };
    const Case cases[] = {
        {"no zone of ours", "www.example", {}},
        {"the root", "", {}},
        {"class CH", "version.test", {.type = 16, .klass = 3}},
        {"class HS", "www.test", {.klass = 4}},
        {"class ANY", "www.test", {.klass = 255}},
        {"class NONE", "www.test", {.klass = 254}},
        {"transfer", "test", {.type = 252}},
        {"incremental transfer", "test", {.type = 251}},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.what);
        for (const Arrival& arrival : {over_udp, over_tcp}) {
            Desk desk;
            Ask ask = row.ask;
            ask.edns_size = 1400;
            const LdnsMessage answer = read(desk.answer(query(row.name, ask), arrival));
            CHECK(answer.rcode == refused);
            CHECK_FALSE(answer.authoritative);
            CHECK(answer.questions.size() == 1);
            CHECK(answer.answers.empty());
            CHECK(answer.additionals.empty());
            CHECK(answer.edns);
        }
    }
}

TEST_CASE("a NOTIFY that no plugin wants to meet is not implemented, zone or not") {
    for (const char* const name : {"www.test", "test", "www.example"}) {
        INFO(name);
        Desk desk;
        const LdnsMessage answer = read(desk.answer(query(name, {.flags = 0x2400, .type = 6})));
        CHECK(answer.rcode == not_imp);
        CHECK(answer.opcode == 4);
        CHECK(answer.questions.size() == 1);
        CHECK(answer.answers.empty());
        CHECK_FALSE(answer.authoritative);
    }
}

TEST_CASE("messages taken together are answered as one by one") {
    Desk desk;
    const std::vector<Octets> messages = {
        query("www.test", {.id = 1}),
        query("a.test", {.id = 2, .type = 28}),
        query("www.example", {.id = 3}),
        query("www.test", {.id = 4, .questions = 0}),
        {1, 2, 3},
        query("drop.test", {.id = 5}),
        query("www.test", {.id = 6, .flags = 0x8000}),
        query("big3.test", {.id = 7, .edns_size = 4096}),
        query("version.test", {.id = 8, .type = 16, .klass = 3}),
        query("www.test", {.id = 9, .edns_size = 512, .edns_version = 1}),
        {},
        query("www.test", {.id = 10})};
    for (const std::size_t count : {messages.size(), std::size_t{2}, std::size_t{0}}) {
        const std::vector<Handler::Message> taken(messages.begin(),
                                                  messages.begin() + static_cast<int>(count));
        desk.handler.take(taken);
        // In another order than they came.
        for (std::size_t i = count; i-- > 0;) {
            INFO("message " << i << " of " << count);
            Octets out(1232);
            out.resize(desk.handler.answer(i, over_udp, out));
            Desk other;
            CHECK(out == other.answer(messages[i]));
        }
    }
}

TEST_CASE("what a batch will need is foreseen, for all of it step by step") {
    Desk desk;
    const std::vector<Octets> messages = {
        query("Www.test", {.id = 1}),           query("www.elsewhere", {.id = 2}), {1, 2, 3},
        query("a.test", {.id = 3, .type = 28}), query("b.test", {.id = 4}),
    };
    const Foresights foresights;
    desk.handler.take(std::vector<Handler::Message>(messages.begin(), messages.end()));
    CHECK(foresights.calls ==
          std::vector<std::string>{"0 www.test. 1", "0 a.test. 28", "0 b.test. 1", "1 www.test. 1",
                                   "1 a.test. 28", "1 b.test. 1", "2 www.test. 1", "2 a.test. 28",
                                   "2 b.test. 1"});
}

TEST_CASE("what is no query gets an error without a question, or nothing") {
    const Octets good = query("www.test");
    const ErrorCase cases[] = {
        {"no octets", {}, std::nullopt, 0, dropped, "too_short"},
        {"11 octets", Octets(11, 0), std::nullopt, 0, dropped, "too_short"},
        {"a response", query("www.test", {.flags = 0x8180}), std::nullopt, 0, dropped, "response"},
        {"a response that is malformed", without_tail(query("www.test", {.flags = 0x8180}), 3),
         std::nullopt, 0, dropped, "response"},
        {"a plugin drops it", query("drop.test"), std::nullopt, 0, dropped, "by_plugin"},
        {"UPDATE", query("www.test", {.flags = 0x2800}), not_imp, 0, malformed, "opcode"},
        {"opcode 15", query("www.test", {.flags = 0x7800}), not_imp, 0, malformed, "opcode"},
        {"no question", query("www.test", {.questions = 0}), form_err, 0, malformed, "no_question"},
        {"two questions", query("www.test", {.questions = 2}), form_err, 0, malformed,
         "no_question"},
        {"type and class are missing", without_tail(good, 4), form_err, 0, malformed, "malformed"},
        {"the name ends in the middle", without_tail(good, 7), form_err, 0, malformed, "malformed"},
        {"EDNS version 1", query("www.test", {.edns_size = 1232, .edns_version = 1}), bad_vers, 1,
         malformed, "edns_version"},
    };
    for (const ErrorCase& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.what);
        Desk desk;
        const Octets octets = desk.answer(row.message);
        CHECK(desk.world.count(row.family, "reason", row.reason) == 1);
        CHECK(desk.world.count(dropped) + desk.world.count(malformed) == 1);
        REQUIRE(octets.empty() == !row.rcode.has_value());
        if (!row.rcode) continue;
        const LdnsMessage answer = read(octets);
        CHECK(answer.rcode == *row.rcode);
        CHECK(answer.id == 1);
        CHECK(answer.response);
        CHECK(answer.questions.size() == row.questions);
        CHECK(answer.answers.empty());
        CHECK(answer.edns.has_value() == (row.questions == 1));
        CHECK(desk.world.count("coredns_dns_responses_total", "zone", "dropped") == 1);
    }
}

TEST_CASE("an answer that is too large is cut over UDP and whole over TCP") {
    Desk desk;
    const LdnsMessage udp = read(desk.answer(query("big300.test")));
    CHECK(udp.truncated);
    CHECK(udp.answers.size() < 300);
    const Octets tcp = desk.answer(query("big300.test"), over_tcp);
    CHECK_FALSE(read(tcp).truncated);
    CHECK(read(tcp).answers.size() == 300);
}

TEST_CASE("an arena that is full makes a SERVFAIL, and the next query has all of it again") {
    Desk desk;
    const LdnsMessage full = read(desk.answer(query("big100000.test"), over_tcp));
    CHECK(full.rcode == 2);
    CHECK(full.answers.empty());
    for (int i = 0; i < 100; ++i) {
        CHECK(read(desk.answer(query("big1000.test"), over_tcp)).answers.size() == 1000);
    }
}

TEST_CASE("each answered query is counted in its zone, and timed with its batch") {
    Desk desk;
    desk.answer(query("www.test"));
    desk.answer(query("www.test", {.type = 28}));
    desk.answer(query("www.example"), over_tcp);
    desk.handler.batch_took(0.001);
    const World& world = desk.world;
    CHECK(world.count("coredns_dns_requests_total", "zone", "test.") == 2);
    CHECK(world.count("coredns_dns_requests_total", "type", "AAAA") == 1);
    CHECK(world.count("coredns_dns_requests_total", "zone", "dropped") == 1);
    CHECK(world.count("coredns_dns_requests_total", "family", "2") == 1);
    CHECK(world.count("coredns_dns_responses_total", "rcode", "NOERROR") == 2);
    CHECK(world.count("coredns_dns_responses_total", "rcode", "REFUSED") == 1);
    CHECK(world.count("coredns_dns_request_duration_seconds", "zone", "test.") == 2);
    CHECK(world.count("coredns_dns_request_duration_seconds", "zone", "dropped") == 1);
    desk.handler.batch_took(0.001);
    CHECK(world.count("coredns_dns_request_duration_seconds") == 3);
}

TEST_CASE("a block that does not admit a query leaves it to the next one, then to shorter zones") {
    metrics::Registry metrics{1};
    const Oddities oddities{metrics};
    const auto block = [](const char* zone, std::vector<conf::PluginConfig> plugins) {
        return conf::ServerConfig{.zones = {*dns::Name::parse(zone)},
                                  .plugins = std::move(plugins)};
    };
    const auto answers = [&](const std::vector<conf::ServerConfig>& servers, const char* name) {
        auto chains = chain::Chains::build(
            servers,
            Setup{.zones = {}, .metrics = metrics, .own_addresses = {}, .services_synced = {}});
        REQUIRE(chains);
        Handler handler{0, {.udp_size_max = 1232}, oddities};
        handler.use(**chains, services::ServiceView{});
        Octets out(1232);
        out.resize(handler.answer(query(name), over_udp, out));
        const LdnsMessage answer = read(out);
        return answer.rcode == refused ? std::size_t{99} : answer.answers.size();
    };
    // "echo" answers with one record, "big" with as many as the name says.
    const conf::ServerConfig picky = block("x.test.", {{"picky", {}}, {"echo", {}}});
    const conf::ServerConfig same = block("x.test.", {{"big", {}}, {"echo", {}}});
    const conf::ServerConfig shorter = block("test.", {{"big", {}}});
    CHECK(answers({picky, same}, "a.x.test") == 1);
    CHECK(answers({picky, same}, "big3.x.test") == 3);
    CHECK(answers({picky, shorter}, "a.x.test") == 1);
    CHECK(answers({picky, shorter}, "big2.x.test") == 2);
    CHECK(answers({picky}, "big2.x.test") == 99);
    CHECK(answers({picky, picky, shorter}, "big2.x.test") == 2);

    // What stands behind a block that takes everything is hidden.
    CHECK(answers({same, picky}, "big3.x.test") == 3);
    CHECK(answers({same, picky}, "a.x.test") == 1);
    const auto twice = chain::Chains::build(
        {same, picky, same},
        Setup{.zones = {}, .metrics = metrics, .own_addresses = {}, .services_synced = {}});
    REQUIRE_FALSE(twice);
    CHECK(twice.error().text == "zone x.test. stands twice");
}
