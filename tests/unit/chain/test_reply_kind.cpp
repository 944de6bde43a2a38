#include <nameplane/dns/rdata.hpp>
#include <nameplane/reply_kind.hpp>
#include <nameplane/zones.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <source_location>
#include <vector>

using namespace nameplane;

namespace {

struct KindCase {
    dns::Rcode rcode;
    bool answer;
    std::vector<dns::Type> authorities;
    ReplyKind kind;
    ReplyClass klass;
    dns::Type asked = dns::Type::a;
    std::source_location at = std::source_location::current();
};

/// Rdata of an RRSIG that is valid from `since` to `until`, in seconds from now.
std::array<std::uint8_t, 20> signature(int since, int until) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    std::array<std::uint8_t, 20> data{0, 1, 8, 2};
    const auto put = [&](std::size_t at, std::int64_t value) {
        for (std::size_t i = 0; i < 4; ++i) {
            data[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
        }
    };
    put(8, now + until);
    put(12, now + since);
    return data;
}

}  // namespace

TEST_CASE("answers are told apart as CoreDNS does") {
    using enum dns::Rcode;
    using dns::Type;
    const KindCase cases[] = {
        {no_error, true, {}, ReplyKind::no_error, ReplyClass::success},
        {no_error, true, {Type::soa}, ReplyKind::no_error, ReplyClass::success},
        {no_error, false, {}, ReplyKind::no_error, ReplyClass::success},
        {no_error, false, {Type::soa}, ReplyKind::no_data, ReplyClass::denial},
        {no_error, false, {Type::ns, Type::soa}, ReplyKind::no_data, ReplyClass::denial},
        {no_error, false, {Type::ns}, ReplyKind::delegation, ReplyClass::success},
        {nx_domain, false, {Type::soa}, ReplyKind::name_error, ReplyClass::denial},
        {nx_domain, false, {}, ReplyKind::name_error, ReplyClass::denial},
        {nx_domain, true, {}, ReplyKind::other_error, ReplyClass::error},
        {serv_fail, false, {}, ReplyKind::server_error, ReplyClass::error},
        {not_imp, false, {Type::ns}, ReplyKind::server_error, ReplyClass::error},
        {refused, false, {}, ReplyKind::other_error, ReplyClass::error},
        {form_err, true, {}, ReplyKind::other_error, ReplyClass::error},
        {no_error, true, {}, ReplyKind::meta, ReplyClass::error, Type::axfr},
        {no_error, true, {}, ReplyKind::meta, ReplyClass::error, Type::ixfr},
    };
    const dns::Name name = *dns::Name::parse("a.example.");
    for (const KindCase& row : cases) {
        INFO("row at line " << row.at.line());
        Arena arena{4096};
        Query query{{.name = name, .asked = name, .type = row.asked, .arena = &arena}};
        Reply reply{arena};
        reply.rcode = row.rcode;
        if (row.answer) reply.answer(name, 5, IpAddress::v4(192, 0, 2, 1));
        for (const Type type : row.authorities) {
            reply.authority({.owner = name, .type = type, .data = dns::NameView{}});
        }
        CHECK(kind_of(query, reply) == row.kind);
        CHECK(class_of(row.kind) == row.klass);
        CHECK_FALSE(to_string(row.kind).empty());
    }
}

TEST_CASE("an expired signature makes an answer an error for who asked for signatures") {
    const dns::Name name = *dns::Name::parse("a.example.");
    const auto kind = [&](int since, int until, bool dnssec_ok) {
        Arena arena{4096};
        Query query{{.name = name, .asked = name, .dnssec_ok = dnssec_ok, .arena = &arena}};
        Reply reply{arena};
        reply.rcode = dns::Rcode::no_error;
        const auto data = signature(since, until);
        reply.answer({.owner = name, .type = dns::Type::rrsig, .data = dns::RawData{data}});
        return kind_of(query, reply);
    };
    CHECK(kind(-3600, 3600, true) == ReplyKind::no_error);
    CHECK(kind(-7200, -3600, true) == ReplyKind::other_error);
    CHECK(kind(3600, 7200, true) == ReplyKind::other_error);
    CHECK(kind(-7200, -3600, false) == ReplyKind::no_error);
}

TEST_CASE("the longest zone wins, and fallthrough without zones is for all") {
    const std::vector<dns::Name> zones{*dns::Name::parse("example."),
                                       *dns::Name::parse("a.example."),
                                       *dns::Name::parse("other.")};
    const auto longest = [&](const char* name) -> std::string {
        const dns::Name* const zone = longest_zone(zones, *dns::Name::parse(name));
        return zone == nullptr ? "" : zone->to_string();
    };
    CHECK(longest("a.example.") == "a.example.");
    CHECK(longest("x.A.example.") == "a.example.");
    CHECK(longest("xa.example.") == "example.");
    CHECK(longest("com.").empty());

    const dns::NameView name = zones[1];
    CHECK_FALSE(Fallthrough{}.takes(name));
    CHECK_FALSE(Fallthrough{}.given());
    CHECK_FALSE(Fallthrough(false, {}).takes(name));
    CHECK(Fallthrough(true, {}).takes(name));
    CHECK(Fallthrough(true, {zones[0]}).takes(name));
    CHECK_FALSE(Fallthrough(true, {zones[2]}).takes(name));
}
