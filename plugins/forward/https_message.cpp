#include "plugins/forward/https_message.hpp"

#include "dns/octets.hpp"
#include "dns/walk.hpp"
#include <nameplane/dns/types.hpp>

#include <algorithm>
#include <array>

namespace nameplane::plugins::forwarding {

namespace {

constexpr std::string_view base64url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool is_dns_message(std::string_view content_type) noexcept {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    return std::ranges::equal(type, dns_message_type, {}, lower);
}

std::uint16_t take_id(std::span<std::uint8_t> message) noexcept {
    const auto id = static_cast<std::uint16_t>(message[0] << 8 | message[1]);
    dns::store16(message.data(), 0);
    return id;
}

bool put_id(std::span<std::uint8_t> message, std::uint16_t id) noexcept {
    if (message.size() < dns::header_octets || message[0] != 0 || message[1] != 0) return false;
    dns::store16(message.data(), id);
    return true;
}

void append_question(std::string& path, std::span<const std::uint8_t> message) {
    path += "?dns=";
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const std::uint8_t octet : message) {
        bits = bits << 8 | octet;
        for (count += 8; count >= 6; count -= 6) path += base64url[bits >> (count - 6) & 63U];
    }
    if (count != 0) path += base64url[bits << (6 - count) & 63U];
}

void count_age(std::span<std::uint8_t> message, std::uint32_t age_s) noexcept {
    if (age_s == 0) return;
    dns::ByteReader reader{message};
    std::array<std::uint16_t, 6> header{};
    for (std::uint16_t& field : header) field = reader.u16().value_or(0);
    for (std::uint16_t i = 0; i < header[2]; ++i) {
        if (!dns::skip_name(reader) || !reader.skip(4)) return;
    }
    const std::size_t records = std::size_t{header[3]} + header[4] + header[5];
    for (std::size_t i = 0; i < records; ++i) {
        if (!dns::skip_name(reader)) return;
        constexpr std::size_t type_and_class_octets = 4;
        const std::size_t at = reader.offset() + type_and_class_octets;
        const std::optional<dns::RecordBody> body = dns::read_body(reader);
        if (!body) return;
        if (body->type == static_cast<std::uint16_t>(dns::Type::opt)) continue;
        // A TTL with the first bit set counts as 0 (RFC 2181 8).
        constexpr std::uint32_t ttl_max = 0x7fffffff;
        const std::uint32_t left = body->ttl > ttl_max ? 0 : body->ttl - std::min(body->ttl, age_s);
        dns::store32(message.data() + at, left);
    }
}

}  // namespace nameplane::plugins::forwarding
