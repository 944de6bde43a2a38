#include "conf/zone_key.hpp"

#include "conf/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace nameplane::conf {

namespace {

constexpr std::string_view scheme_end = "://";
constexpr std::array schemes{Scheme::dns, Scheme::tls, Scheme::https};
constexpr std::string_view schemes_expected = "dns://, tls:// or https://";
constexpr std::array<std::string_view, 5> schemes_not_served{"https3", "quic", "grpc", "unix",
                                                             "doh"};

Error wrong(std::string_view text, std::string_view expected) {
    return {Errc::invalid, "'" + std::string{text} + "', expected " + std::string{expected}};
}

}  // namespace

std::string_view to_string(Scheme scheme) noexcept {
    switch (scheme) {
    case Scheme::dns: return "dns";
    case Scheme::tls: return "tls";
    case Scheme::https: return "https";
    }
    return {};
}

std::uint16_t ServedZone::port_or(std::uint16_t dns_port) const noexcept {
    if (port) return *port;
    switch (scheme) {
    case Scheme::dns: break;
    case Scheme::tls: return 853;
    case Scheme::https: return 443;
    }
    return dns_port;
}

Result<ZoneKey> parse_zone_key(std::string_view text) {
    std::string_view zone = text;
    ZoneKey key;
    if (const std::size_t at = zone.find(scheme_end); at != zone.npos) {
        const std::string_view scheme = zone.substr(0, at);
        zone.remove_prefix(at + scheme_end.size());
        if (std::ranges::find(schemes_not_served, scheme) != schemes_not_served.end()) {
            return wrong(text, std::string{schemes_expected} +
                                   ", since this version does not serve " + std::string{scheme} +
                                   "://");
        }
        const auto known =
            std::ranges::find(schemes, scheme, [](Scheme each) { return to_string(each); });
        if (known == schemes.end()) {
            return wrong(text, std::string{schemes_expected} + ", or no scheme");
        }
        key.scheme = *known;
    }
    // As in CoreDNS: what stands behind the last colon is the port, if it is a number.
    if (const std::size_t colon = zone.rfind(':'); colon != zone.npos) {
        const std::string_view digits = zone.substr(colon + 1);
        std::uint16_t port = 0;
        const auto [stop, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), port);
        const bool is_number =
            !digits.empty() &&
            digits.find_first_not_of("0123456789", digits.front() == '-' ? 1 : 0) == digits.npos;
        if (digits.empty() || (is_number && error != std::errc{})) {
            return wrong(text, "a port from 0 to 65535 behind the colon");
        }
        if (is_number) {
            key.port = port;
            zone = zone.substr(0, colon);
        }
    }
    // "example.org{": a brace needs a blank before it.
    const bool has_brace = zone.find_first_of("{}") != zone.npos;
    if (zone.empty() || has_brace || !add_bare_zones(zone, key.zones)) {
        return wrong(text, "a domain name or a network, and perhaps a port, such as '.:53'");
    }
    return key;
}

}  // namespace nameplane::conf
