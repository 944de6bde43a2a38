// No heap in the plugins that many servers have: operator new is counted while queries pass through
// a chain of them.

#include "base/fd.hpp"
#include "plugins/stage.hpp"
#include "plugins/template/go_template.hpp"
#include "plugins/trace/ring.hpp"
#include "plugins/trace/trace.hpp"
#include "support/alloc_guard.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>

#include <array>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;

namespace {

struct Asked {
    dns::Name name;
    dns::Type type;
};

/// How often the heap was asked while `rounds` times all questions walked through.
std::size_t allocations_of(const chain::Chain& chain, const std::vector<Asked>& asked, int rounds,
                           Arena& arena, bool dnssec_ok = false) {
    const std::size_t before = allocations();
    for (int round = 0; round < rounds; ++round) {
        for (const Asked& one : asked) {
            const std::array<std::uint8_t, 4> nsid{0, 3, 0, 0};
            Query query{{.name = one.name,
                         .asked = one.name,
                         .type = one.type,
                         .dnssec_ok = dnssec_ok,
                         .has_edns = true,
                         .udp_size = 1232,
                         .edns_options = nsid,
                         .client = {*IpAddress::from_bytes(std::array<std::uint8_t, 4>{
                                        10, 0, 0, static_cast<std::uint8_t>(round)}),
                                    4242},
                         .arena = &arena}};
            Reply reply{arena};
            (void)chain.walk(query, reply);
            arena.clear();
        }
    }
    return allocations() - before;
}

}  // namespace

TEST_CASE("plugins that every query meets do not touch the heap") {
    const UniqueFd null{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    REQUIRE(null);
    metrics::Counter dropped{1};
    LineLog lines{1, null.get(), dropped};
    Stage stage{R"(metadata
        nsid one
        bufsize 1100
        errors
        log . "{combined} {/log/class}"
        local
        dns64
        any
        chaos
        loadbalance
        rewrite name suffix .old.example .new.example answer auto
        rewrite continue ttl substring example 30-300
        rewrite edns0 local set 0xffee {client_ip}
        autopath new.example @nobody
        acl {
            block net 10.0.0.7
            filter type MX
        }
        header {
            response set ra
        }
        minimal
        template ANY AAAA v4.example
        template IN A v4.example {
            answer "{{ .Name }} 60 IN A 10.0.0.1"
        }
        hosts /dev/null {
            10.0.0.1 web.new.example other.example
            10.0.0.2 web.new.example
            10.0.0.3 web.new.example
        })",
                {.line_log = &lines}};
    std::vector<Asked> asked;
    for (const char* const name :
         {"web.new.example.", "web.old.example.", "other.example.", "none.example.", "localhost.",
          "v4.example.", "a.v4.example.", "1.0.0.10.in-addr.arpa.", "a.localhost."}) {
        for (const dns::Type type : {dns::Type::a, dns::Type::aaaa, dns::Type::mx, dns::Type::ptr,
                                     dns::Type::any, dns::Type::txt}) {
            asked.push_back({*dns::Name::parse(name), type});
        }
    }
    // Names that no plugin answers end at the one behind, which is made for tests and not for this.
    Arena arena{1 << 16};
    (void)allocations_of(stage.chain_without_behind(), asked, 1, arena);
    CHECK(allocations_of(stage.chain_without_behind(), asked, 200, arena) == 0);
}

namespace {

/// Takes what it is given as the reporter of `trace` does, and gives it to nobody.
struct Ringing final : plugins::tracing::Sink {
    void submit(std::size_t, const plugins::tracing::Head& head, dns::NameView name,
                std::string_view, std::span<const plugins::tracing::Span> spans,
                std::size_t) noexcept override {
        taken += ring.push({std::as_bytes(std::span{&head, 1}), std::as_bytes(name.wire()),
                            std::as_bytes(spans)})
                     ? 1
                     : 0;
    }
    plugins::tracing::Ring ring{1 << 20};
    std::size_t taken = 0;
};

}  // namespace

TEST_CASE("a traced query does not touch the heap, and all the less one that is not") {
    for (const std::uint64_t every : {0, 1, 7, 1'000'000}) {
        const auto sink = std::make_shared<Ringing>();
        const plugins::Trace::How how{.every = every};
        const plugins::Trace::How none{.every = 0};
        std::vector<chain::Link> links;
        links.push_back({std::make_unique<plugins::Trace>(how, sink, 1), "trace"});
        for (int i = 0; i < 10; ++i) {
            links.push_back({std::make_unique<plugins::Trace>(none, nullptr, 1), "passing"});
        }
        const chain::Chain chain{links};
        const std::vector<Asked> asked{{*dns::Name::parse("a.example."), dns::Type::a}};
        Arena arena{1 << 16};
        (void)allocations_of(chain, asked, 1, arena);
        CHECK(allocations_of(chain, asked, 200, arena) == 0);
        CHECK(sink->taken == (every == 0 ? 0 : 201 / every));
    }
}

TEST_CASE("a zone file's answers do not touch the heap") {
    const std::string zones = NAMEPLANE_SOURCE_ROOT "/tests/plugins/zones/";
    Stage stage{"file " + zones + "example.zone example.org\nfile " + zones +
                "signed.zone signed.example"};
    std::vector<Asked> asked;
    for (const char* const name :
         {"example.org.", "www.example.org.", "missing.example.org.", "b.ent.example.org.",
          "chain1.example.org.", "outside.example.org.", "x.wild.example.org.",
          "www.sub.example.org.", "x.away.example.org.", "loop1.example.org.", "signed.example.",
          "missing.signed.example.", "x.wild.signed.example.", "www.sub.signed.example."}) {
        for (const dns::Type type : {dns::Type::a, dns::Type::mx, dns::Type::ns, dns::Type::soa,
                                     dns::Type::ds, dns::Type::any}) {
            asked.push_back({*dns::Name::parse(name), type});
        }
    }
    Arena arena{1 << 16};
    for (const bool dnssec_ok : {false, true}) {
        (void)allocations_of(stage.chain_without_behind(), asked, 1, arena, dnssec_ok);
        CHECK(allocations_of(stage.chain_without_behind(), asked, 200, arena, dnssec_ok) == 0);
    }
}

namespace {

using plugins::templating::GoTemplate;

/// Two groups, and a name for all else.
struct Groups final : plugins::templating::Data {
    plugins::templating::Outcome field(std::uint8_t, std::string_view name,
                                       plugins::templating::Value& value) const noexcept override {
        static constexpr std::array<std::string_view, 2> groups{"a.example.", "a"};
        value = plugins::templating::Value::of(name);
        if (name == "Match") {
            value = plugins::templating::Value::of(std::span<const std::string_view>{groups});
        }
        return plugins::templating::Outcome::good;
    }
    std::string_view meta(std::string_view label) const noexcept override { return label; }
};

}  // namespace

TEST_CASE("a template runs without the heap") {
    const Result<GoTemplate> text = GoTemplate::parse(
        "{{ define \"x\" }}{{ $y := print . 1.5 }}{{ if . }}{{ template \"x\" (slice . 1) }}{{ end "
        "}}{{ $y }}{{ end }}{{ range $i, $x := .Match }}{{ if $i }}{{ continue }}{{ end }}{{ "
        "template \"x\" $x }}{{ end }}{{ range 9 }}{{ break }}{{ end }}{{ block \"y\" .Name }}{{ "
        "printf \"%-9q|%08.3f|%T|%v\" . 1.5 3 nil }}{{ end }}{{ .Meta \"a/b\" }}");
    REQUIRE(text);
    Arena arena{1 << 16};
    std::array<char, 4096> room;
    const std::size_t before = allocations();
    bool good = true;
    for (int round = 0; round < 200; ++round) {
        plugins::templating::Output out{room};
        good = good && text->run(Groups{}, arena, out) == plugins::templating::Outcome::good;
        arena.clear();
    }
    const std::size_t taken = allocations() - before;
    CHECK(good);
    CHECK(taken == 0);
}
