// The query path takes nothing from the heap: operator new is counted for this whole program.

#include "dns/reverse.hpp"
#include "dns_exchange.hpp"
#include "support/alloc_guard.hpp"
#include <nameplane/dns/rdata.hpp>

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::dns;
using namespace nameplane::test;

namespace {

/// A whole answer with each thing a plugin may build on the way.
std::size_t answer(const Octets& query, Arena& arena, NameView zone, std::span<std::uint8_t> out) {
    Question question;
    if (parse_query(query, question) != ParseError::none) return 0;
    Reply reply{arena};
    reply.rcode = Rcode::no_error;
    for (unsigned i = 0; i < 200; ++i) {
        const IpAddress ip = IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i));
        const auto target = reverse_name(ip, arena);
        const auto host = NameBuilder{arena}.underscored("http").label("web").finish(*target);
        if (!host || address_of_reverse(*target) != ip) return 0;
        reply.answer(srv_record(question.name, 5, {.target = *host}));
        reply.additional(address_record(*host, 5, ip));
    }
    const std::array<std::string_view, 1> text{"1.1.0"};
    reply.authority(txt_record(question.name, 5, *txt_data(arena, text)));
    reply.authority(soa_record(zone, 5, {.mname = zone, .rname = zone}));
    return encode(question, reply, over_tcp, out);
}

}  // namespace

TEST_CASE("the counter counts", "[no heap]") {
    const std::size_t before = allocations();
    const auto one = std::make_unique<int>(1);
    CHECK(allocations() - before >= 1);
}

TEST_CASE("parsing and encoding allocate nothing", "[no heap]") {
    Arena arena{1 << 20};
    const Name zone = *Name::parse("in-addr.arpa");
    const Octets query = edns_query("Web.default.svc.cluster.local", 1232);
    Octets out(65535);
    std::size_t size = 0;
    const std::size_t before = allocations();
    for (int round = 0; round < 100; ++round) {
        arena.clear();
        size = answer(query, arena, zone, out);
    }
    const std::size_t taken = allocations() - before;
    CHECK(taken == 0);
    CHECK(size > 10'000);
}
