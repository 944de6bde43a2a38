#include "dns/encode.hpp"
#include "dns/parse_answer.hpp"
#include "support/ldns_message.hpp"

#include <catch2/catch.hpp>

#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;

namespace {

using Octets = std::vector<std::uint8_t>;

void put16(Octets& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value));
}

/// A response to www.example. A with these counts, and `rest` behind the question.
Octets message(unsigned answers, const Octets& rest, unsigned authorities = 0,
               unsigned additionals = 0, unsigned flags = 0x8180) {
    Octets out;
    for (const unsigned value : {0x1234U, flags, 1U, answers, authorities, additionals}) {
        put16(out, value);
    }
    const dns::Name name = *dns::Name::parse("www.example.");
    out.insert(out.end(), name.view().wire().begin(), name.view().wire().end());
    put16(out, 1);
    put16(out, 1);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

constexpr std::size_t question_octets = 12 + 13 + 4;

/// A record of www.example. by pointer.
Octets record(unsigned type, const Octets& data, std::uint32_t ttl = 300, unsigned klass = 1) {
    Octets out{0xc0, 12};
    put16(out, type);
    put16(out, klass);
    put16(out, ttl >> 16U);
    put16(out, ttl & 0xffffU);
    put16(out, static_cast<unsigned>(data.size()));
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

struct Read {
    Arena arena{64 << 10};
    Reply reply{arena};
    bool good = false;
    dns::Name name = *dns::Name::parse("www.example.");

    Octets octets;  // what the reply's records refer to

    explicit Read(Octets given, std::size_t arena_octets = 64 << 10)
        : arena{arena_octets}, octets{std::move(given)} {
        good = dns::read_answer(octets, name, arena, reply);
    }
    /// As ldns reads it after our encoder has written it.
    LdnsMessage written() {
        dns::Question question;
        question.asked = question.name = name;
        question.edns.emplace();
        Octets wire(65535);
        wire.resize(dns::encode(question, reply, {.tcp = true}, wire));
        const auto read = read_with_ldns(wire);
        REQUIRE(read);
        return *read;
    }
};

/// \xc0\x0f: "example." in the question.
const Octets example{0xc0, 16};

Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

TEST_CASE("names in the rdata of old types are expanded, others stay as they are") {
    struct Row {
        unsigned type;
        Octets data;
        const char* expected;
        std::source_location at = std::source_location::current();
    };
    const Row rows[] = {
        {1, {192, 0, 2, 1}, "A 192.0.2.1"},
        {2, Octets{2, 'n', 's'} + example, "NS ns.example."},
        {5, example, "CNAME example."},
        {12, example, "PTR example."},
        {15, Octets{0, 10, 2, 'm', 'x'} + example, "MX 10 mx.example."},
        {33, Octets{0, 1, 0, 2, 0, 3} + example, "SRV 1 2 3 example."},
        {39, example, "DNAME example."},
        {17, Octets{1, 'a'} + example + example, "RP a.example. example."},
        {18, Octets{0, 1} + example, "AFSDB 1 example."},
        {35, Octets{0, 1, 0, 2, 1, 'u', 3, 's', 'i', 'p', 0} + example,
         "NAPTR 1 2 \"u\" \"sip\" \"\" example."},
        {16, {2, 'h', 'i'}, "TXT \"hi\""},
        {65280, {0xab, 0xcd}, "TYPE65280 \\# 2 abcd"},
    };
    for (const Row& row : rows) {
        INFO("row at line " << row.at.line());
        Read read{message(1, record(row.type, row.data))};
        REQUIRE(read.good);
        CHECK(read.written().answers ==
              std::vector<std::string>{std::string{"www.example. 300 IN "} + row.expected});
        // The owner is the name asked, by its address.
        CHECK(read.reply.answers().records()[0].owner.data() == read.name.view().data());
    }
}

TEST_CASE("a SOA in the authority section; sections stay apart; flags pass") {
    Octets soa = example + example;
    soa.resize(soa.size() + 20, 0);
    soa.back() = 30;
    Read read{message(0, record(6, soa) + record(1, {192, 0, 2, 1}), 1, 1, 0x8583)};
    REQUIRE(read.good);
    CHECK(read.reply.rcode == dns::Rcode::nx_domain);
    CHECK(read.reply.authoritative);
    CHECK(read.reply.answers().empty());
    CHECK(read.reply.authorities().size() == 1);
    CHECK(read.reply.additionals().size() == 1);
    CHECK(read.written().authorities ==
          std::vector<std::string>{"www.example. 300 IN SOA example. example. 0 0 0 0 30"});
}

TEST_CASE(
    "an OPT gives the rcode its upper bits, passes what is meant for clients, and is left out") {
    // BADVERS; an extended error and a cookie.
    const Octets opt{0, 0, 41, 4,  208, 1,  0, 0, 0, 0, 14, 0, 15,
                     0, 2, 0,  22, 0,   10, 0, 4, 1, 2, 3,  4};
    Read read{message(0, opt, 0, 1, 0x8180)};
    REQUIRE(read.good);
    CHECK(read.reply.rcode == dns::Rcode::bad_vers);
    CHECK(read.reply.additionals().empty());
    const auto options = read.reply.edns_options();
    CHECK(Octets{options.begin(), options.end()} == Octets{0, 15, 0, 2, 0, 22});
}

TEST_CASE("a TTL with its highest bit set is none (RFC 2181 8)") {
    Read read{message(1, record(1, {192, 0, 2, 1}, 0x80000001))};
    REQUIRE(read.good);
    CHECK(read.reply.answers().records()[0].ttl == 0);
}

TEST_CASE("what is wrong makes the answer unusable") {
    struct Row {
        const char* what;
        Octets octets;
    };
    const Row rows[] = {
        {"a record missing", message(2, record(1, {192, 0, 2, 1}))},
        {"an A of three octets", message(1, record(1, {192, 0, 2}))},
        {"an AAAA of four octets", message(1, record(28, {192, 0, 2, 1}))},
        {"octets behind a name", message(1, record(5, example + Octets{1}))},
        {"a name that runs over the rdata", message(1, record(5, {3, 'a', 'b'}) + Octets{'c', 0})},
        {"a SOA that is too short", message(1, record(6, example + example + Octets(19, 0)))},
        {"a NAPTR whose string runs over", message(1, record(35, {0, 1, 0, 2, 200, 'u'}))},
        {"a pointer to itself",
         message(1, Octets{0xc0, question_octets, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0})},
        {"a pointer forwards", message(1, Octets{0xc0, 200, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0})},
        {"a pointer into the header", message(1, Octets{0xc0, 2, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0})},
        {"a label type of old", message(1, Octets{0x41, 2, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0})},
        {"an OPT among the answers", message(1, {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0})},
        {"an EDNS option cut off",
         message(0, {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 15, 0, 2}, 0, 1)},
        {"counts beyond the end", message(65535, {})},
        {"no response", message(0, {}, 0, 0, 0x0100)},
        {"too short", {1, 2, 3}},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK_FALSE(Read{row.octets}.good);
    }
    const Octets good = message(1, record(15, Octets{0, 1} + example));
    REQUIRE(Read{good}.good);
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK_FALSE(
            Read{Octets{good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}}.good);
    }
}

TEST_CASE("many names by pointer fill the arena, and that is all") {
    Octets long_name;
    for (int i = 0; i < 3; ++i) {
        long_name.push_back(63);
        long_name.insert(long_name.end(), 63, static_cast<std::uint8_t>('a' + i));
    }
    long_name.push_back(0);
    Octets rest = long_name + Octets{0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4};
    for (int i = 0; i < 3000; ++i) {
        // Another label in front each time, so that no two names are the same.
        const auto high = static_cast<std::uint8_t>('a' + i / 50);
        const auto low = static_cast<std::uint8_t>('a' + i % 50);
        rest = rest + Octets{2, high, low, 0xc0, question_octets, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4,
                             1, 2,    3,   4};
    }
    const Octets octets = message(3001, rest);
    CHECK_FALSE(Read(octets, 64 << 10).good);
    CHECK(Read(octets, 4 << 20).good);
}

TEST_CASE("the head of an answer") {
    const Octets octets = message(0, {}, 0, 0, 0x8783);
    const auto head = dns::read_answer_head(octets);
    REQUIRE(head);
    CHECK(head->id == 0x1234);
    CHECK(head->truncated);
    CHECK(head->authoritative);
    CHECK(head->recursion_available);
    CHECK(head->rcode == dns::Rcode::nx_domain);
    CHECK(head->name.to_string() == "www.example.");
    CHECK(head->type == dns::Type::a);
    CHECK_FALSE(dns::read_answer_head(message(0, {}, 0, 0, 0x0100)));
    CHECK_FALSE(dns::read_answer_head(message(0, {}, 0, 0, 0xa180)));
}
