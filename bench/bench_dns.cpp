// Nanoseconds a query spends in dns/parse and dns/encode, on the shapes that clusters ask for.
// Usage: bench_dns [ROUNDS]; prints the best of seven runs, each of ROUNDS (200,000) queries.

#include "dns/encode.hpp"
#include "dns/reverse.hpp"
#include <nameplane/dns/rdata.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::dns;

namespace {

/// Keeps the compiler from leaving out what nobody reads.
void use(const void* value) {
    asm volatile("" : : "g"(value) : "memory");
}

template <class F> void measure(const char* what, std::size_t rounds, F&& f) {
    using Clock = std::chrono::steady_clock;
    double best = 1e18;
    for (int run = 0; run < 7; ++run) {
        const Clock::time_point start = Clock::now();
        for (std::size_t i = 0; i < rounds; ++i) f();
        const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
        best = std::min(best, taken.count() / static_cast<double>(rounds));
    }
    std::printf("%-52s %10.1f ns\n", what, best);
}

std::vector<std::uint8_t> query_for(NameView name, bool edns) {
    constexpr std::array<std::uint8_t, 12> header{0, 1, 1, 0, 0, 1};
    constexpr std::array<std::uint8_t, 4> type_and_class{0, 1, 0, 1};
    constexpr std::array<std::uint8_t, 11> opt{0, 0, 41, 4, 208};
    std::vector<std::uint8_t> wire;
    const auto append = [&](std::span<const std::uint8_t> octets) {
        for (const std::uint8_t octet : octets) wire.push_back(octet);
    };
    append(header);
    append(name.wire());
    append(type_and_class);
    if (edns) append(opt);
    wire[11] = edns ? 1 : 0;
    return wire;
}

struct Case {
    explicit Case(const char* text) : Case{*Name::parse(text)} {}
    explicit Case(const Name& name) : wire{query_for(name, true)} {
        if (parse_query(wire, question) != ParseError::none) std::abort();
        reply.rcode = Rcode::no_error;
        reply.authoritative = true;
    }
    void encode_for(const char* what, std::size_t rounds, const EncodeLimits& limits = {}) {
        std::vector<std::uint8_t> out(65535);
        const std::size_t size = encode(question, reply, limits, out);
        measure((std::string{what} + ", " + std::to_string(size) + " octets").c_str(), rounds,
                [&] { use(out.data() + encode(question, reply, limits, out)); });
    }

    std::vector<std::uint8_t> wire;
    Arena arena{1 << 20};
    Question question;
    Reply reply{arena};
};

void bench_parse(std::size_t rounds) {
    const Name name = *Name::parse("web.default.svc.cluster.local");
    for (const bool edns : {false, true}) {
        const std::vector<std::uint8_t> wire = query_for(name, edns);
        Question question;
        measure(edns ? "parse, EDNS" : "parse, plain", rounds, [&] {
            parse_query(wire, question);
            use(&question);
        });
    }
}

void bench_small(std::size_t rounds) {
    Case one{"web.default.svc.cluster.local"};
    one.reply.answer(one.question.name, 5, IpAddress::v4(10, 96, 0, 7));
    one.encode_for("encode, one A", rounds);

    Case negative{"web.default.svc.cluster.local.default.svc.cluster.local"};
    const Name zone = *Name::parse("cluster.local"), server = *Name::parse("ns.dns.cluster.local"),
               person = *Name::parse("hostmaster.cluster.local");
    negative.reply.rcode = Rcode::nx_domain;
    negative.reply.authority(soa_record(
        zone, 5, {.mname = server, .rname = person, .serial = 1, .refresh = 7200, .retry = 1800}));
    negative.encode_for("encode, NXDOMAIN with SOA", rounds);

    Case reverse{reverse_name(IpAddress::v4(10, 96, 0, 7))};
    const Name target = *Name::parse("web.default.svc.cluster.local");
    reverse.reply.answer(ptr_record(reverse.question.name, 5, target));
    reverse.encode_for("encode, one PTR", rounds);
}

void bench_srv(std::size_t rounds, std::size_t count, const EncodeLimits& limits) {
    Case srv{"_http._tcp.web.default.svc.cluster.local"};
    for (std::size_t i = 0; i < count; ++i) {
        const IpAddress ip = IpAddress::v4(10, 0, static_cast<std::uint8_t>(i / 256),
                                           static_cast<std::uint8_t>(i % 256));
        const std::string label = "web-" + std::to_string(i);
        const NameView target =
            *NameBuilder{srv.arena}.label(label).finish(srv.question.name.parent().parent());
        srv.reply.answer(
            srv_record(srv.question.name, 5, {.weight = 1, .port = 80, .target = target}));
        srv.reply.additional(address_record(target, 5, ip));
    }
    srv.encode_for(("encode, SRV and A of " + std::to_string(count)).c_str(), rounds, limits);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 200'000;
    bench_parse(rounds);
    bench_small(rounds);
    bench_srv(rounds, 3, {});
    bench_srv(rounds / 100, 1000, {.tcp = true});

    Case many{"web.default.svc.cluster.local"};
    for (unsigned i = 0; i < 1000; ++i) {
        many.reply.answer(many.question.name, 5,
                          IpAddress::v4(10, 0, static_cast<std::uint8_t>(i / 256),
                                        static_cast<std::uint8_t>(i % 256)));
    }
    many.encode_for("encode, 1,000 A over TCP", rounds / 100, {.tcp = true});
}
