#include "server/doh.hpp"

#include "dns/reader.hpp"
#include <nameplane/dns/types.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace nameplane::server {

namespace {

constexpr std::string_view path_served = "/dns-query";
constexpr std::string_view parameter = "dns";
constexpr std::size_t header_octets = 12;
constexpr std::uint32_t max_age_least_s = 5;    // where nothing may be kept
constexpr std::uint32_t max_age_most_s = 3600;  // as CoreDNS

constexpr int base64url_value(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    return c == '_' ? 63 : -1;
}

/// Without padding (RFC 4648 5); false: not that.
bool decode_base64url(std::string_view text, std::vector<std::uint8_t>& out) {
    out.clear();
    if (text.size() % 4 == 1) return false;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const int value = base64url_value(c);
        if (value < 0) return false;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out.push_back(static_cast<std::uint8_t>(bits >> count));
    }
    return true;
}

/// The one value of "dns" in the query part; nothing if there is none, or several.
std::optional<std::string_view> value_of(std::string_view query) noexcept {
    std::optional<std::string_view> found;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        if (pair.substr(0, equals) != parameter) continue;
        if (found) return std::nullopt;
        found = pair.substr(std::min(equals + 1, pair.size()));
    }
    return found;
}

bool skip_name(dns::ByteReader& reader) noexcept {
    for (;;) {
        const std::optional<std::uint8_t> length = reader.u8();
        if (!length) return false;
        if (*length >= 0xc0) return reader.skip(1);
        if (*length == 0) return true;
        if (!reader.skip(*length)) return false;
    }
}

/// What may be kept of an answer, and for how long.
struct Keeping {
    std::uint32_t ttl_s = max_age_most_s;
    std::size_t records = 0;  ///< but the OPT
    bool has_soa = false;
    bool has_ns = false;

    /// False: not readable.
    bool read(dns::ByteReader& reader, std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            if (!skip_name(reader)) return false;
            const auto type = reader.u16();
            if (!reader.skip(2)) return false;
            const auto ttl = reader.u32();
            const auto octets = reader.u16();
            if (!type || !ttl || !octets || !reader.skip(*octets)) return false;
            if (*type == static_cast<std::uint16_t>(dns::Type::opt)) continue;
            has_soa = has_soa || *type == static_cast<std::uint16_t>(dns::Type::soa);
            has_ns = has_ns || *type == static_cast<std::uint16_t>(dns::Type::ns);
            ttl_s = std::min(ttl_s, *ttl);
            ++records;
        }
        return true;
    }
};

std::uint32_t max_age(std::span<const std::uint8_t> answer) noexcept {
    dns::ByteReader reader{answer};
    std::array<std::uint16_t, 6> header{};
    for (std::uint16_t& field : header) field = reader.u16().value_or(0);
    const auto rcode = static_cast<dns::Rcode>(header[1] & 0xf);
    const bool has_answer = header[3] != 0;
    if (rcode != dns::Rcode::no_error && rcode != dns::Rcode::nx_domain) return max_age_least_s;
    if (rcode == dns::Rcode::nx_domain && has_answer) return max_age_least_s;
    for (std::uint16_t i = 0; i < header[2]; ++i) {
        if (!skip_name(reader) || !reader.skip(4)) return max_age_least_s;
    }
    Keeping keeping;
    const bool is_readable = keeping.read(reader, header[3]) && keeping.read(reader, header[4]);
    const bool is_delegation =
        !has_answer && keeping.has_ns && !keeping.has_soa && rcode == dns::Rcode::no_error;
    if (!is_readable || is_delegation) return max_age_least_s;
    if (!keeping.read(reader, header[5]) || keeping.records == 0) return max_age_least_s;
    return keeping.ttl_s;
}

}  // namespace

DohQuery read_doh(const net::HttpRequest& request, std::vector<std::uint8_t>& room) {
    const std::size_t path_end = std::min(request.target.find('?'), request.target.size());
    if (request.target.substr(0, path_end) != path_served) return {404, {}};
    DohQuery query{200, request.body};
    if (request.method == "GET") {
        const auto value =
            value_of(request.target.substr(std::min(path_end + 1, request.target.size())));
        if (!value || !decode_base64url(*value, room)) return {400, {}};
        query.message = room;
    } else if (request.method != "POST") {
        return {400, {}};
    }
    // What is no query is no DNS answer either.
    constexpr std::uint8_t response_bit = 0x80;
    const bool is_query =
        query.message.size() >= header_octets && (query.message[2] & response_bit) == 0;
    return is_query ? query : DohQuery{400, {}};
}

net::HttpResponse doh_refusal(unsigned status) noexcept {
    constexpr std::string_view plain = "text/plain; charset=utf-8";
    std::string_view text = "\n";
    if (status == 400) text = "invalid request\n";
    if (status == 500) text = "No response\n";
    return {.status = status,
            .content_type = plain,
            .max_age_s = {},
            .body = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}};
}

net::HttpResponse doh_response(std::span<const std::uint8_t> answer) noexcept {
    // A header alone says that the message was no proper query.
    if (answer.size() <= header_octets) return doh_refusal(400);
    return {.status = 200,
            .content_type = "application/dns-message",
            .max_age_s = max_age(answer),
            .body = answer};
}

}  // namespace nameplane::server
