#include "dns/parse.hpp"
#include "dns_wire.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace nameplane::dns;
using namespace nameplane::test;

namespace {

constexpr const char* web = "web.default.svc.cluster.local";

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

/// Two octets: a compression pointer.
std::string pointer(unsigned target) {
    return {static_cast<char>(0xc0 | target >> 8), static_cast<char>(target & 0xff)};
}

/// A question for "a.b.c" (at 12, the final zero at 18, the first record at 23) and records with
/// owners given in wire form, each of type A with four octets.
Octets with_owners(const std::vector<std::string>& owners) {
    WireMaker wire;
    wire.header(1, 0, 1, static_cast<unsigned>(owners.size())).question("a.b.c", 1);
    for (const std::string& owner : owners) {
        wire.text(owner).u16(1).u16(1).u32(60).u16(4).u32(0x0a000001);
    }
    return wire;
}

Octets option(unsigned code, std::string_view data) {
    return WireMaker{}.u16(code).u16(static_cast<unsigned>(data.size())).text(data);
}

}  // namespace

TEST_CASE("a query's question is read in both cases", "[parse]") {
    const Octets wire = WireMaker{}.header(0xbeef, 0x0110, 1).question("WeB.Default.svc.X", 33, 1);
    Question question;
    REQUIRE(parse_query(wire, question) == ParseError::none);
    CHECK(question.id == 0xbeef);
    CHECK(question.opcode == Opcode::query);
    CHECK(question.recursion_desired);
    CHECK(question.checking_disabled);
    CHECK(question.asked.to_string() == "WeB.Default.svc.X.");
    CHECK(question.asked.data() == wire.data() + 12);
    CHECK(question.name.to_string() == "web.default.svc.x.");
    CHECK(question.type == Type::srv);
    CHECK(question.klass == Class::in);
    CHECK_FALSE(question.edns.has_value());
}

TEST_CASE("types and classes nobody knows are read as they are", "[parse]") {
    Question question;
    const Octets wire = WireMaker{}.header(1, 0, 1).question("", 65280, 65279);
    REQUIRE(parse_query(wire, question) == ParseError::none);
    CHECK(question.name.is_root());
    CHECK(question.type == static_cast<Type>(65280));
    CHECK(question.klass == static_cast<Class>(65279));
    CHECK_FALSE(question.recursion_desired);
    CHECK_FALSE(question.checking_disabled);
}

TEST_CASE("a Question may be used again", "[parse]") {
    Question question;
    const Octets first = edns_query("a.b", 4096);
    REQUIRE(parse_query(first, question) == ParseError::none);
    REQUIRE(question.edns.has_value());
    const Octets second = WireMaker{}.header(1, 0, 1).question("c", 1);
    REQUIRE(parse_query(second, question) == ParseError::none);
    CHECK_FALSE(question.edns.has_value());
    CHECK_FALSE(question.recursion_desired);
    CHECK(question.name.to_string() == "c.");
}

TEST_CASE("EDNS is read", "[parse]") {
    struct Row {
        const char* note;
        unsigned size;
        std::uint32_t ttl;
        Octets options;
        ParseError error;
        unsigned udp_size;
        bool dnssec_ok;
    };
    using enum ParseError;
    const Row row = GENERATE(values<Row>({
        {"plain", 1232, 0, {}, none, 1232, false},
        {"DO", 4096, 0x8000, {}, none, 4096, true},
        {"flags that nobody defined", 4096, 0x7fff, {}, none, 4096, false},
        {"an extended rcode in a query", 4096, 0xff000000, {}, none, 4096, false},
        {"less than 512 counts as 512", 511, 0, {}, none, 512, false},
        {"no size", 0, 0, {}, none, 512, false},
        {"the largest", 65535, 0, {}, none, 65535, false},
        {"version 1", 1232, 0x10000, {}, edns_version, 1232, false},
        {"version 255 with DO", 1232, 0xff8000, {}, edns_version, 1232, true},
        {"a cookie", 1232, 0, option(10, "abcdefgh"), none, 1232, false},
        {"an empty option", 1232, 0, option(3, ""), none, 1232, false},
        {"half a code", 1232, 0, {0}, malformed, 0, false},
        {"half a length", 1232, 0, {0, 10, 0}, malformed, 0, false},
        {"no data behind the length", 1232, 0, {0, 10, 0, 1}, malformed, 0, false},
        {"less data than the length", 1232, 0, {0, 10, 0, 3, 1, 2}, malformed, 0, false},
        {"wrong options of another version", 1232, 0x10000, {0, 10, 0, 3}, malformed, 0, false},
    }));
    INFO(row.note);
    const Octets wire =
        WireMaker{}.header(7, 0, 1, 0, 0, 1).question("Web", 1).opt(row.size, row.ttl, row.options);
    Question question;
    REQUIRE(parse_query(wire, question) == row.error);
    if (row.error == malformed) return;
    REQUIRE(question.edns.has_value());
    CHECK(question.edns->udp_size == row.udp_size);
    CHECK(question.edns->version == (row.ttl >> 16 & 0xff));
    CHECK(question.edns->dnssec_ok == row.dnssec_ok);
    CHECK(Octets{question.edns->options.begin(), question.edns->options.end()} == row.options);
    CHECK(question.name.to_string() == "web.");
}

TEST_CASE("several options are one span of the message", "[parse]") {
    Octets options = option(10, "abcdefgh");
    const Octets second = option(12, std::string(20, '\0'));
    options.insert(options.end(), second.begin(), second.end());
    const Octets wire = WireMaker{}.header(7, 0, 1, 0, 0, 1).question(web, 1).opt(1232, 0, options);
    Question question;
    REQUIRE(parse_query(wire, question) == ParseError::none);
    CHECK(question.edns->options.size() == options.size());
    CHECK(question.edns->options.data() + options.size() == wire.data() + wire.size());
}

TEST_CASE("where an OPT may be", "[parse]") {
    struct Row {
        const char* note;
        Octets wire;
        ParseError error;
    };
    const Octets data4{1, 2, 3, 4};
    const auto question = [](unsigned answers, unsigned authorities, unsigned additionals) {
        return WireMaker{}.header(7, 0, 1, answers, authorities, additionals).question("a.b", 1);
    };
    using enum ParseError;
    const Row row = GENERATE_COPY(values<Row>({
        {"alone", question(0, 0, 1).opt(1232), none},
        {"first", question(0, 0, 2).opt(1232).record("x", 1, 1, 0, data4), none},
        {"last", question(0, 0, 2).record("x", 1, 1, 0, data4).opt(1232), none},
        {"in the middle",
         question(0, 0, 3).record("x", 1, 1, 0, data4).opt(1232).record("y", 1, 1, 0, data4), none},
        {"behind the other sections",
         question(1, 1, 1).record("x", 1, 1, 0, data4).record("y", 1, 1, 0, data4).opt(1232), none},
        {"before a TSIG", question(0, 0, 2).opt(1232).record("k", 250, 255, 0, data4), none},
        {"twice", question(0, 0, 2).opt(1232).opt(1232), malformed},
        {"owner is not the root", question(0, 0, 1).record("a", 41, 1232, 0, {}), malformed},
        {"owner is a pointer to a root",
         question(0, 0, 1).text(pointer(16)).u16(41).u16(1232).u32(0).u16(0), malformed},
        {"among the answers", question(1, 0, 0).opt(1232), malformed},
        {"among the authorities", question(0, 1, 0).opt(1232), malformed},
        {"a TSIG that is not last", question(0, 0, 2).record("k", 250, 255, 0, data4).opt(1232),
         malformed},
        {"a TSIG among the answers", question(1, 0, 0).record("k", 250, 255, 0, data4), malformed},
    }));
    INFO(row.note);
    Question parsed;
    CHECK(parse_query(row.wire, parsed) == row.error);
    if (row.error == none) CHECK(parsed.edns->udp_size == 1232);
}

TEST_CASE("headers that are no query for the chain", "[parse]") {
    struct Row {
        const char* note;
        unsigned flags;
        unsigned questions;
        ParseError error;
    };
    using enum ParseError;
    const Row row = GENERATE(values<Row>({
        {"a query", 0x0000, 1, none},
        {"TC, AA, RA, Z, AD and an rcode mean nothing in a query", 0x06ef, 1, none},
        {"a response", 0x8000, 1, response},
        {"a response with an unknown opcode and no question", 0xf800, 0, response},
        {"IQUERY", 0x0800, 1, opcode},
        {"STATUS", 0x1000, 1, opcode},
        {"opcode 3", 0x1800, 1, opcode},
        {"NOTIFY", 0x2000, 1, none},
        {"NOTIFY without a question", 0x2000, 0, no_question},
        {"UPDATE", 0x2800, 1, opcode},
        {"opcode 15 without a question", 0x7800, 0, opcode},
        {"no question", 0x0000, 0, no_question},
        {"two questions", 0x0000, 2, no_question},
        {"65,535 questions", 0x0000, 65535, no_question},
    }));
    INFO(row.note);
    const Octets wire = WireMaker{}
                            .header(0x1234, row.flags | 0x0100, row.questions)
                            .question(web, 1)
                            .question(web, 1);
    Question question;
    CHECK(parse_query(wire, question) == row.error);
    CHECK(question.id == 0x1234);
    CHECK(question.opcode == static_cast<Opcode>(row.flags >> 11 & 15));
    CHECK(question.recursion_desired);
}

TEST_CASE("the question's name", "[parse]") {
    struct Row {
        const char* note;
        std::string name;
        ParseError error;
    };
    const std::string label63 = "\77" + std::string(63, 'x');
    const std::string zero(1, '\0');
    using enum ParseError;
    const Row row = GENERATE_COPY(values<Row>({
        {"255 octets", repeated(label63, 3) + "\75" + std::string(61, 'y') + zero, none},
        {"127 labels", repeated("\1z", 127) + zero, none},
        {"256 octets", repeated(label63, 3) + "\76" + std::string(62, 'y') + zero, malformed},
        {"257 octets", repeated("\1z", 128) + zero, malformed},
        {"a label of 64", "\100" + std::string(64, 'x') + zero, malformed},
        {"label type 0x40", "\101a" + zero, malformed},
        {"label type 0x80", "\201a" + zero, malformed},
        {"a pointer into the header", pointer(0), malformed},
        {"a pointer to itself", pointer(12), malformed},
        {"a label and a pointer to itself", "\1a" + pointer(12), malformed},
        {"a pointer forwards", pointer(18), malformed},
    }));
    INFO(row.note);
    Question question;
    const Octets wire = WireMaker{}.header(1, 0, 1).text(row.name).u16(1).u16(1).u32(0).u32(0);
    CHECK(parse_query(wire, question) == row.error);
    if (row.error == none) CHECK(question.name.size() == row.name.size());
}

TEST_CASE("names of other records", "[parse]") {
    struct Row {
        const char* note;
        std::vector<std::string> owners;
        bool good;
    };
    const std::string zero(1, '\0');
    const std::string label63 = "\77" + std::string(63, 'x');
    const Row row = GENERATE_COPY(values<Row>({
        {"plain", {"\1x" + zero}, true},
        {"the root", {zero}, true},
        {"the question's name", {pointer(12)}, true},
        {"one of its suffixes", {pointer(14)}, true},
        {"its final zero", {pointer(18)}, true},
        {"a label and a pointer", {"\1x" + pointer(12)}, true},
        {"a pointer to a pointer", {"\1x" + pointer(12), pointer(23), pointer(25)}, true},
        {"the header", {pointer(0)}, false},
        {"the header's last octet", {pointer(11)}, false},
        {"itself", {pointer(23)}, false},
        {"itself behind a label", {"\1x" + pointer(23)}, false},
        {"its own pointer", {"\1x" + pointer(25)}, false},
        {"forwards", {pointer(40), "\1x" + zero}, false},
        {"behind the message", {pointer(0x3fff)}, false},
        {"label type 0x40", {"\101x" + zero}, false},
        {"label type 0x80", {"\201x" + zero}, false},
        {"extended label 0x41 (RFC 2673)", {"\101\0" + zero}, false},
        {"255 octets with what the pointer refers to",
         {repeated(label63, 3) + "\67" + std::string(55, 'y') + pointer(12)},
         true},
        {"256 octets with what the pointer refers to",
         {repeated(label63, 3) + "\70" + std::string(56, 'y') + pointer(12)},
         false},
    }));
    INFO(row.note);
    Question question;
    const ParseError expected = row.good ? ParseError::none : ParseError::malformed;
    CHECK(parse_query(with_owners(row.owners), question) == expected);
}

TEST_CASE("a chain of pointers is followed 127 times", "[parse]") {
    // Each owner is a pointer to the owner before it.
    std::vector<std::string> owners{pointer(12)};
    std::size_t at = with_owners({}).size();
    Question question;
    while (owners.size() < 127) {
        owners.push_back(pointer(static_cast<unsigned>(at)));
        at += 16;
    }
    CHECK(parse_query(with_owners(owners), question) == ParseError::none);
    owners.push_back(pointer(static_cast<unsigned>(at)));
    CHECK(parse_query(with_owners(owners), question) == ParseError::malformed);
}

TEST_CASE("counts and lengths that lie", "[parse]") {
    struct Row {
        const char* note;
        Octets wire;
    };
    const Octets data4{1, 2, 3, 4};
    const Row row = GENERATE_COPY(values<Row>({
        {"an answer that is not there", WireMaker{}.header(1, 0, 1, 1).question("a", 1)},
        {"an authority that is not there", WireMaker{}.header(1, 0, 1, 0, 1).question("a", 1)},
        {"an additional that is not there", WireMaker{}.header(1, 0, 1, 0, 0, 1).question("a", 1)},
        {"65,535 answers",
         WireMaker{}.header(1, 0, 1, 65535).question("a", 1).record("x", 1, 1, 0, data4)},
        {"the OPT counted twice", WireMaker{}.header(1, 0, 1, 0, 0, 2).question("a", 1).opt(1232)},
        {"rdata longer than the message", WireMaker{}
                                              .header(1, 0, 1, 1)
                                              .question("a", 1)
                                              .name("x")
                                              .u16(1)
                                              .u16(1)
                                              .u32(0)
                                              .u16(5)
                                              .u32(0)},
        {"an OPT longer than the message", WireMaker{}
                                               .header(1, 0, 1, 0, 0, 1)
                                               .question("a", 1)
                                               .u8(0)
                                               .u16(41)
                                               .u16(512)
                                               .u32(0)
                                               .u16(65535)},
    }));
    INFO(row.note);
    Question question;
    CHECK(parse_query(row.wire, question) == ParseError::malformed);
}

TEST_CASE("every beginning of a good message is refused", "[parse]") {
    const Octets whole = WireMaker{}
                             .header(0x1234, 0x0100, 1, 1, 1, 2)
                             .question(web, 1)
                             .record("x.y", 1, 1, 60, {1, 2, 3, 4})
                             .text(pointer(12))
                             .u16(6)
                             .u16(1)
                             .u32(0)
                             .u16(3)
                             .text("abc")
                             .record("z", 16, 1, 60, {1, 'a'})
                             .opt(1232, 0x8000, option(10, "abcdefgh"));
    Question question;
    REQUIRE(parse_query(whole, question) == ParseError::none);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        const Octets part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        const ParseError expected = size < 12 ? ParseError::too_short : ParseError::malformed;
        CHECK(parse_query(part, question) == expected);
    }
}

TEST_CASE("octets behind the last record change nothing", "[parse]") {
    const Octets whole = GENERATE(plain_query(web), edns_query("A.b", 1232),
                                  WireMaker{}
                                      .header(9, 0, 1, 1)
                                      .question("a.b.c", 2)
                                      .record("x", 1, 1, 0, {1, 2, 3, 4})
                                      .octets());
    std::minstd_rand random{1};
    Question expected;
    REQUIRE(parse_query(whole, expected) == ParseError::none);
    for (int round = 0; round < 100; ++round) {
        Octets longer = whole;
        for (std::size_t i = 0; i < 1 + random() % 40; ++i) {
            longer.push_back(static_cast<std::uint8_t>(random()));
        }
        Question question;
        REQUIRE(parse_query(longer, question) == ParseError::none);
        CHECK(question.id == expected.id);
        CHECK(question.asked.to_string() == expected.asked.to_string());
        CHECK(question.type == expected.type);
        CHECK(question.edns.has_value() == expected.edns.has_value());
    }
}
