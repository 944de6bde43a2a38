// hot path
#include <nameplane/query_format.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <variant>

namespace nameplane::query_format {

namespace {

/// The name of `value`, else `prefix` and its number.
template <class T> void add_named(Line& line, T value, std::string_view prefix) noexcept {
    const std::string_view text = known_name(value);
    if (!text.empty()) return line.add(text);
    line.add(prefix);
    line.add(static_cast<std::uint64_t>(value));
}

std::size_t rdata_octets(const dns::Rdata& data) noexcept {
    if (const auto* ip = std::get_if<IpAddress>(&data)) return ip->bytes().size();
    if (const auto* name = std::get_if<dns::NameView>(&data)) return name->size();
    if (const auto* srv = std::get_if<dns::SrvData>(&data)) return 6 + srv->target.size();
    if (const auto* mx = std::get_if<dns::MxData>(&data)) return 2 + mx->exchange.size();
    if (const auto* soa = std::get_if<dns::SoaData>(&data)) {
        return 20 + soa->mname.size() + soa->rname.size();
    }
    return std::get_if<dns::RawData>(&data)->size();
}

std::size_t octets_of(const Section& section) noexcept {
    std::size_t octets = 0;
    for (const dns::Record& record : section.records()) {
        octets += record.owner.size() + 10 + rdata_octets(record.data);
    }
    return octets;
}

void add_flags(Line& line, const Asked& asked, const Query& query, const Reply& reply) noexcept {
    line.add("qr");
    if (reply.authoritative) line.add(",aa");
    if (reply.truncated) line.add(",tc");
    if (reply.recursion_desired.value_or(asked.recursion_desired)) line.add(",rd");
    if (reply.recursion_available) line.add(",ra");
    if (query.checking_disabled()) line.add(",cd");
}

/// As CoreDNS: what a client over TCP takes, and 512 at least.
std::uint64_t size_taken(const Asked& asked, const Query& query) noexcept {
    if (query.transport() == Transport::tcp) return 65535;
    return std::max<std::uint16_t>(asked.udp_size, 512);
}

}  // namespace

void Line::add(std::string_view text) noexcept {
    const std::size_t octets = std::min(text.size(), octets_max - size_);
    if (octets == 0) return;  // there may be no text at all
    std::memcpy(text_ + size_, text.data(), octets);
    size_ += octets;
}

void Line::add(std::uint64_t number) noexcept {
    const auto [end, error] = std::to_chars(text_ + size_, text_ + octets_max, number);
    if (error == std::errc{}) size_ = static_cast<std::size_t>(end - text_);
}

void Line::add_seconds(double seconds) noexcept {
    const auto [end, error] =
        std::to_chars(text_ + size_, text_ + octets_max, seconds, std::chars_format::fixed);
    if (error == std::errc{}) size_ = static_cast<std::size_t>(end - text_);
    add("s");
}

void Line::add(const IpAddress& address) noexcept {
    std::array<char, 46> text;
    const std::size_t size = address.write_text(text);
    if (address.is_v6()) add("[");
    add(std::string_view{text.data(), size});
    if (address.is_v6()) add("]");
}

void Line::add(dns::NameView name) noexcept {
    std::array<char, dns::name_text_octets_max> text;
    add(std::string_view{text.data(), name.write_text(text)});
}

std::size_t uncompressed_size(const Query& query, const Reply& reply) noexcept {
    constexpr std::size_t header_octets = 12;
    return header_octets + query.name_as_asked().size() + 4 + octets_of(reply.answers()) +
           octets_of(reply.authorities()) + octets_of(reply.additionals());
}

void Format::write(const Asked& asked, Query& query, const Reply& reply,
                   std::chrono::steady_clock::duration took, Line& line) const noexcept {
    for (const Node& node : nodes_) {
        switch (node.field) {
        case Field::text: line.add(node.text); break;
        case Field::metadata: line.add(query.metadata(node.text).value_or("-")); break;
        case Field::type: add_named(line, asked.type, "TYPE"); break;
        case Field::klass: add_named(line, asked.klass, "CLASS"); break;
        case Field::name: line.add(asked.name); break;
        case Field::proto: line.add(query.transport() == Transport::tcp ? "tcp" : "udp"); break;
        case Field::size: line.add(std::uint64_t{query.octets()}); break;
        case Field::remote: line.add(query.client().address); break;
        case Field::port: line.add(std::uint64_t{query.client().port}); break;
        case Field::local: line.add(query.server().address); break;
        case Field::id: line.add(std::uint64_t{query.id()}); break;
        case Field::opcode: line.add(std::uint64_t{0}); break;
        case Field::dnssec_ok: line.add(asked.dnssec_ok ? "true" : "false"); break;
        case Field::bufsize: line.add(size_taken(asked, query)); break;
        case Field::rcode: add_named(line, reply.rcode, {}); break;
        case Field::rsize: line.add(std::uint64_t{uncompressed_size(query, reply)}); break;
        case Field::duration: line.add_seconds(std::chrono::duration<double>(took).count()); break;
        case Field::rflags: add_flags(line, asked, query, reply); break;
        }
    }
}

}  // namespace nameplane::query_format
