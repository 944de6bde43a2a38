// What comes over a transfer, message by message. Whole servers, hostile ones too, are in
// tests/integration/test_secondary.py.

#include "dns/encode.hpp"
#include "dns/parse.hpp"
#include "dns/record_text.hpp"
#include "plugins/secondary/transfer_in.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::plugins::secondary;
using Went = TransferIn::Went;
using Octets = std::vector<std::uint8_t>;

namespace {

const dns::Name origin = *dns::Name::parse("example.org.");
const std::string soa = "example.org. 60 IN SOA ns.example.org. h.example.org. 7 1 2 3 4";
const std::string www = "www.example.org. 60 IN A 192.0.2.1";

Octets message(const std::vector<std::string>& records) {
    Arena arena{1 << 20};
    Reply reply{arena};
    reply.rcode = dns::Rcode::no_error;
    for (const std::string& line : records) reply.answer(dns::read_record(line, arena).value());
    dns::Question question;
    question.id = 77;
    question.asked = question.name = origin;
    question.type = dns::Type::axfr;
    Octets out(65535);
    out.resize(dns::encode(question, reply, {.tcp = true}, out));
    return out;
}

/// The error of the last message; empty: a zone has come.
std::string come(const std::vector<Octets>& messages, Bounds bounds = {}) {
    Arena arena{1 << 20};
    TransferIn in{origin, 77, bounds};
    for (const Octets& each : messages) {
        arena.clear();
        const auto went = in.take(each, arena);
        if (!went) return went.error().text;
        if (*went == Went::done) return in.zone() == nullptr ? "no zone" : "";
    }
    return "not over";
}

}  // namespace

TEST_CASE("secondary: a zone comes in one message or many") {
    CHECK(come({message({soa, www, soa})}).empty());
    CHECK(come({message({soa}), message({www}), message({soa})}).empty());
    CHECK(come({message({soa, www})}) == "not over");
    CHECK(come({message({soa, soa})}).empty());
    Arena arena{1 << 20};
    TransferIn in{origin, 77, {}};
    const Octets whole = message({soa, www, "www.example.com. 60 IN A 192.0.2.9", soa});
    REQUIRE(in.take(whole, arena));
    CHECK(in.outside() == 1);
    CHECK(in.zone()->serial() == 7);
    CHECK(in.zone()->record_count() == 2);
}

TEST_CASE("secondary: a SOA of another name is none of the zone") {
    Arena arena{1 << 20};
    TransferIn in{origin, 77, {}};
    const std::string below = "sub.example.org. 60 IN SOA a.example.org. b.example.org. 9 1 2 3 4";
    const std::string beside = "example.com. 60 IN SOA a.example.com. b.example.com. 9 1 2 3 4";
    REQUIRE(in.take(message({soa, www, below, beside, soa}), arena));
    REQUIRE(in.zone() != nullptr);
    CHECK(in.outside() == 2);
    CHECK(in.zone()->serial() == 7);
    CHECK(in.zone()->soa_owner().equals(origin));
}

TEST_CASE("secondary: what is wrong ends a transfer") {
    const std::string other_soa = "example.org. 60 IN SOA ns.example.org. h.example.org. 8 1 2 3 4";
    CHECK(come({message({www, soa})}) == "no SOA at the beginning");
    CHECK(come({message({soa, www, other_soa})}) == "another SOA at the end than at the beginning");
    CHECK(come({message({soa, www, soa, www})}) == "records behind the last SOA");
    CHECK(come({message({})}) == "a message without records");
    CHECK(come({message({soa}), message({})}) == "a message without records");
    Octets other_id = message({soa, www, soa});
    other_id[1] ^= 1U;
    CHECK(come({other_id}) == "an answer to another question");
    Octets refused = message({});
    refused[3] = 5;
    CHECK(come({refused}) == "answered REFUSED");
    Octets question = message({soa, www, soa});
    question[2] &= 0x7fU;
    CHECK(come({question}) == "a message that is no answer");
    const Octets whole = message({soa, www, soa});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK_FALSE(come({cut}).empty());
    }
}

TEST_CASE("secondary: a transfer that is too large is given up") {
    const Octets first = message({soa, www});
    std::vector<Octets> endless{first};
    for (int i = 0; i < 100; ++i) {
        endless.push_back(message({"n" + std::to_string(i) + ".example.org. 60 IN A 192.0.2.1"}));
    }
    CHECK(come(endless, {.octets = 1000}) == "more than 1000 octets");
    CHECK(come(endless, {.records = 50}) == "more than 50 records");
}

TEST_CASE("secondary: the serial of a primary") {
    Arena arena{1 << 20};
    CHECK(read_serial(message({soa}), origin, 77, arena).value() == 7);
    CHECK_FALSE(read_serial(message({www}), origin, 77, arena));
    CHECK_FALSE(read_serial(message({soa}), origin, 78, arena));
    CHECK_FALSE(read_serial(message({soa}), *dns::Name::parse("example.com."), 77, arena));
}

TEST_CASE("secondary: mistakes of the configuration") {
    CHECK(mistakes_in("secondary example.org") ==
          "Corefile:1: secondary: no primary, expected 'transfer from' and addresses");
    CHECK(mistakes_in("secondary example.org {\n transfer from host.example 192.0.2.1\n}") ==
          "Corefile:2: secondary: transfer: 'host.example', expected an address such as "
          "'192.0.2.1' or '[2001:db8::1]:53'");
    const auto with = [](const std::string& catalog) {
        return mistakes_in("secondary example.org {\n transfer from 192.0.2.1\n " + catalog +
                           "\n}");
    };
    CHECK(with("catalog").empty());
    CHECK(with("catalog example.org\n catalog example.net 10.0.0.0/8 2001:db8::/32").empty());
    CHECK(with("catalog :") == "Corefile:3: secondary: catalog: ':', expected a zone");
    CHECK(with("catalog example.org:53").empty());
    CHECK(with("catalog a..b") == "Corefile:3: secondary: catalog: 'a..b', expected a zone");
    CHECK(with("catalogue") == "Corefile:3: secondary: 'catalogue', expected 'transfer', "
                               "'catalog' or 'fallthrough'");
    CHECK(mistakes_in("secondary example.org {\n catalog\n}") ==
          "Corefile:1: secondary: no primary, expected 'transfer from' and addresses");
}
