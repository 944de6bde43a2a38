// hot path
// What a message and its parts print as, as the Go library of CoreDNS (miekg/dns) has it.

#include "dns/reader.hpp"
#include "plugins/template/format.hpp"
#include "plugins/template/rule.hpp"
#include "plugins/template/things.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace nameplane::plugins::templating {

namespace {

constexpr std::array<std::string_view, 11> header_fields{"Id",
                                                         "Response",
                                                         "Opcode",
                                                         "Authoritative",
                                                         "Truncated",
                                                         "RecursionDesired",
                                                         "RecursionAvailable",
                                                         "Zero",
                                                         "AuthenticatedData",
                                                         "CheckingDisabled",
                                                         "Rcode"};
constexpr std::array<std::string_view, 3> question_fields{"Name", "Qtype", "Qclass"};
constexpr std::array<std::string_view, 5> option_header_fields{"Name", "Rrtype", "Class", "Ttl",
                                                               "Rdlength"};
constexpr std::array<std::string_view, 7> opcodes{"QUERY",  "IQUERY", "STATUS",  "",
                                                  "NOTIFY", "UPDATE", "STATEFUL"};

void add_number(std::uint64_t number, Output& out) noexcept {
    std::array<char, 20> room;
    const auto end = std::to_chars(room.data(), room.data() + room.size(), number).ptr;
    out.add({room.data(), static_cast<std::size_t>(end - room.data())});
}

void add_hex(std::span<const std::uint8_t> octets, bool upper, Output& out) noexcept {
    const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (const std::uint8_t octet : octets) {
        out.add(digits.substr(octet >> 4U, 1));
        out.add(digits.substr(octet & 15U, 1));
    }
}

/// "IN", or "CLASS7".
template <class Code> void add_code(Code code, std::string_view unknown, Output& out) noexcept {
    const std::string_view name = known_name(code);
    if (!name.empty()) return out.add(name);
    out.add(unknown);
    add_number(static_cast<std::uint64_t>(code), out);
}

void add_name_server_id(std::span<const std::uint8_t> data, Output& out) noexcept {
    out.add("NSID: ");
    add_hex(data, false, out);
    out.add("  ");
    for (const std::uint8_t octet : data) {
        out.add("(");
        add_rune(octet, out);
        out.add(")");
    }
}

/// RFC 7871 6: family, two lengths of prefixes, and as much of the address as the first asks for.
void add_subnet(std::span<const std::uint8_t> data, Output& out) noexcept {
    constexpr std::size_t head = 4;
    out.add("SUBNET: ");
    if (data.size() < head) return;
    const bool is_v6 = data[1] == 2;
    std::array<std::uint8_t, 16> octets{};
    const auto given =
        data.subspan(head, std::min<std::size_t>(data.size() - head, is_v6 ? 16 : 4));
    std::copy(given.begin(), given.end(), octets.begin());
    const IpAddress address =
        is_v6 ? IpAddress::v6(octets) : IpAddress::v4(octets[0], octets[1], octets[2], octets[3]);
    std::array<char, 46> text;
    const std::size_t size = address.write_text(text);
    if (is_v6) out.add("[");
    out.add({text.data(), size});
    if (is_v6) out.add("]");
    for (const std::uint8_t length : {data[2], data[3]}) {
        out.add("/");
        add_number(length, out);
    }
}

std::uint32_t number_of(std::span<const std::uint8_t> data) noexcept {
    std::uint32_t number = 0;
    for (const std::uint8_t octet : data) number = number << 8U | octet;
    return number;
}

void add_option(std::uint16_t code, std::span<const std::uint8_t> data, Output& out) noexcept {
    enum : std::uint16_t {
        nsid = 3,
        subnet = 8,
        expire = 9,
        cookie = 10,
        keepalive = 11,
        padding = 12
    };
    out.add("\n; ");
    switch (code) {
    case nsid: return add_name_server_id(data, out);
    case subnet: return add_subnet(data, out);
    case expire:
        out.add("EXPIRE: ");
        if (!data.empty()) add_number(number_of(data), out);
        return;
    case cookie: out.add("COOKIE: "); return add_hex(data, false, out);
    case keepalive:
        out.add("KEEPALIVE: use tcp keep-alive, timeout ");
        if (number_of(data) == 0) return out.add("omitted");
        // In steps of 100 ms, in Go's 16 bits.
        add_number(static_cast<std::uint16_t>(number_of(data) * 100), out);
        return out.add("ms");
    case padding: out.add("PADDING: "); return add_hex(data, true, out);
    default:
        out.add("LOCAL OPT: ");
        add_number(code, out);
        out.add(":0x");
        return add_hex(data, false, out);
    }
}

}  // namespace

Shape shape_of(Thing thing) noexcept {
    switch (thing) {
    case Thing::whole:
    case Thing::variables: return {};
    case Thing::message: return {.type = "*dns.Msg"};
    case Thing::header: return {.type = "dns.MsgHdr", .fields = header_fields};
    case Thing::asked: return {.type = "*dns.Question", .fields = question_fields};
    case Thing::question:
        return {.type = "dns.Question", .list_type = "[]dns.Question", .fields = question_fields};
    case Thing::option_record: return {.type = "*dns.OPT", .list_type = "[]dns.RR"};
    case Thing::option_header: return {.type = "dns.RR_Header", .fields = option_header_fields};
    case Thing::option_header_by_method:
        return {.type = "*dns.RR_Header", .fields = option_header_fields};
    }
    return {};
}

Shape QueryData::shape(std::uint8_t object) const noexcept {
    return shape_of(static_cast<Thing>(object));
}

Outcome QueryData::print(std::uint8_t object, Output& out) const noexcept {
    switch (static_cast<Thing>(object)) {
    case Thing::whole:
    case Thing::variables: return Outcome::wrong;
    case Thing::message: return print_message(out);
    case Thing::header: print_header(out); return Outcome::good;
    case Thing::asked:
    case Thing::question: return print_question(out);
    case Thing::option_record: print_option_record(out); return Outcome::good;
    case Thing::option_header:
    case Thing::option_header_by_method: print_option_header(out); return Outcome::good;
    }
    return Outcome::wrong;
}

Outcome QueryData::print_message(Output& out) const noexcept {
    print_header(out);
    out.add(" QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: ");
    add_number(query_.has_edns() ? 1 : 0, out);
    out.add("\n");
    if (query_.has_edns()) {
        print_option_record(out);
        out.add("\n");
    }
    out.add("\n;; QUESTION SECTION:\n");
    const Outcome outcome = print_question(out);
    out.add("\n");
    return outcome;
}

void QueryData::print_header(Output& out) const noexcept {
    const std::uint16_t bits = flags();
    const auto opcode = static_cast<std::size_t>(query_.opcode());
    out.add(";; opcode: ");
    if (opcode < opcodes.size()) out.add(opcodes[opcode]);
    out.add(", status: ");
    out.add(known_name(static_cast<dns::Rcode>(bits & 15U)));
    out.add(", id: ");
    add_number(query_.id(), out);
    out.add("\n;; flags:");
    const auto flag = [&](std::string_view name, bool set) {
        if (set) out.add(name);
    };
    const auto bit = [&](unsigned number) { return (bits >> number & 1U) != 0; };
    flag(" qr", bit(15));
    flag(" aa", bit(10));
    flag(" tc", bit(9));
    flag(" rd", query_.recursion_desired());
    flag(" ra", bit(7));
    flag(" z", bit(6));
    flag(" ad", bit(5));
    flag(" cd", query_.checking_disabled());
    out.add(";");
}

Outcome QueryData::print_question(Output& out) const noexcept {
    Value name;
    const Outcome outcome = question("Name", name);
    out.add(";");
    out.add(name.text);
    out.add("\t");
    add_code(query_.klass(), "CLASS", out);
    out.add("\t ");
    add_code(query_.type(), "TYPE", out);
    return outcome;
}

void QueryData::print_option_record(Output& out) const noexcept {
    out.add("\n;; OPT PSEUDOSECTION:\n; EDNS: version 0; flags:");
    if (query_.dnssec_ok()) out.add(" do");
    out.add("; udp: ");
    add_number(query_.udp_size(), out);
    dns::ByteReader reader{query_.edns_options()};
    while (!reader.at_end()) {
        const auto code = reader.u16();
        const auto length = reader.u16();
        if (!code || !length) return;
        const auto data = reader.octets(*length);
        if (!data) return;
        add_option(*code, *data, out);
    }
}

void QueryData::print_option_header(Output& out) const noexcept {
    out.add(";.\t");
    add_number(query_.dnssec_ok() ? 0x8000 : 0, out);
    out.add("\t");
    add_code(static_cast<dns::Class>(query_.udp_size()), "CLASS", out);
    out.add("\tOPT\t");
}

}  // namespace nameplane::plugins::templating
