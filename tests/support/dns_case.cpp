#include "support/dns_case.hpp"

#include "dns/encode.hpp"
#include "dns/parse.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <utility>

namespace nameplane::test {

namespace {

using Octets = std::vector<std::uint8_t>;

void put16(Octets& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

Octets query_octets(dns::NameView name, dns::Type type, dns::Class klass, const AskOptions& how) {
    Octets octets;
    put16(octets, 0x4e50);
    put16(octets, 0x0100);  // RD
    put16(octets, 1);
    put16(octets, 0);
    put16(octets, 0);
    put16(octets, how.edns_size ? 1 : 0);
    octets.insert(octets.end(), name.wire().begin(), name.wire().end());
    put16(octets, static_cast<unsigned>(type));
    put16(octets, static_cast<unsigned>(klass));
    if (how.edns_size) {
        octets.push_back(0);
        put16(octets, static_cast<unsigned>(dns::Type::opt));
        put16(octets, *how.edns_size);
        octets.insert(octets.end(), 6, 0);
    }
    return octets;
}

/// The expected lines as ldns would print them, sorted.
Lines normalized(const Lines& lines, const std::string& asked) {
    Lines out;
    for (const std::string& line : lines) {
        const std::string whole = line.starts_with("@ ") ? asked + line.substr(1) : line;
        const auto record = normalized_record(whole);
        INFO("expected line: " << whole);
        REQUIRE(record.has_value());
        out.push_back(*record);
    }
    return sorted(std::move(out));
}

}  // namespace

DnsCase::DnsCase(std::string name_, std::string type_, Expected expected_,
                 std::source_location where_)
    : name{std::move(name_)}, type{std::move(type_)}, expected{std::move(expected_)}, where{
                                                                                          where_} {}

namespace {

// Asks, and where the plugin asks those behind it for another name, says that nobody is there.
Step ask_alone(const Plugin& plugin, Query& query, Reply& reply) {
    const dns::NameView name = query.name();
    const Step step = plugin.ask(query, reply);
    if (step != Step::next || query.name().equals(name)) return step;
    reply.fail();
    const Step told = plugin.tell(query, reply);
    REQUIRE(query.name().equals(name));
    return told;
}

}  // namespace

Asker::Asker(const Plugin& plugin, std::shared_ptr<const services::Snapshot> snapshot)
    : plugin_{&plugin}, snapshot_{std::move(snapshot)} {}

Answered Asker::ask(std::string_view name, std::string_view type, const AskOptions& how) const {
    const auto parsed = dns::Name::parse(name);
    const auto parsed_type = dns::parse_type(type);
    INFO("query: " << name << ' ' << type);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed_type.has_value());
    return ask(parsed->view(), *parsed_type, how);
}

Answered Asker::ask(dns::NameView name, dns::Type type, const AskOptions& how) const {
    const Octets octets = query_octets(name, type, *dns::parse_class(how.klass), how);
    dns::Question question;
    REQUIRE(dns::parse_query(octets, question) == dns::ParseError::none);
    Arena arena{how.arena_octets};
    Query query{{.name = question.name,
                 .asked = question.asked,
                 .type = question.type,
                 .klass = question.klass,
                 .recursion_desired = question.recursion_desired,
                 .has_edns = question.edns.has_value(),
                 .transport = how.tcp ? Transport::tcp : Transport::udp,
                 .services = services::ServiceView{*snapshot_},
                 .arena = &arena}};
    Reply reply{arena};
    const Step step = ask_alone(*plugin_, query, reply);
    if (step == Step::next) {
        // A plugin that passes leaves the reply alone.
        REQUIRE(reply.rcode == dns::Rcode::refused);
        REQUIRE(reply.answers().empty());
        REQUIRE(reply.authorities().empty());
        return {.next = true, .message = {}};
    }
    REQUIRE(step == Step::done);
    Octets wire(65535);
    wire.resize(dns::encode(question, reply, {.tcp = how.tcp}, wire));
    auto message = read_with_ldns(wire);
    INFO("query: " << name.to_string() << ' ' << dns::to_string(type));
    REQUIRE(message.has_value());
    return {.next = false, .message = std::move(*message), .octets = wire.size()};
}

dns::Rcode Asker::rcode(dns::NameView name, dns::Type type) const {
    const dns::Name lower = dns::Name{name}.lower();
    Arena arena{1 << 16};
    Query query{{.name = lower,
                 .asked = name,
                 .type = type,
                 .services = services::ServiceView{*snapshot_},
                 .arena = &arena}};
    Reply reply{arena};
    const Step step = ask_alone(*plugin_, query, reply);
    REQUIRE((step == Step::next || step == Step::done));
    return reply.rcode;
}

void Asker::check(const DnsCase& row, const AskOptions& how) const {
    INFO(row.where.file_name() << ':' << row.where.line() << ": " << row.name << ' ' << row.type);
    const Answered answered = ask(row.name, row.type, how);
    const Expected& expected = row.expected;
    REQUIRE(answered.next == expected.next);
    if (expected.next) return;
    const LdnsMessage& message = answered.message;
    CHECK(message.response);
    CHECK(message.authoritative == (expected.rcode != "SERVFAIL"));
    CHECK_FALSE(message.recursion_available);
    CHECK_FALSE(message.authentic_data);
    CHECK(message.recursion_desired);
    CHECK(message.truncated == expected.truncated);
    CHECK(dns::to_string(static_cast<dns::Rcode>(message.rcode)) == expected.rcode);
    CHECK(sorted(message.answers) == normalized(expected.answers, row.name));
    CHECK(sorted(message.authorities) == normalized(expected.authorities, row.name));
    CHECK(sorted(message.additionals) == normalized(expected.additionals, row.name));
}

}  // namespace nameplane::test
