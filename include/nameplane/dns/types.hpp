#pragma once
// Types, classes, response codes and TTLs of the DNS (RFC 1035 3.2, 4.1.1; RFC 6895).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nameplane {
class IpAddress;
}

namespace nameplane::dns {

/// RR types. Any 16-bit value may occur; these have a name here.
enum class Type : std::uint16_t {
    a = 1,
    ns = 2,
    cname = 5,
    soa = 6,
    ptr = 12,
    hinfo = 13,
    mx = 15,
    txt = 16,
    aaaa = 28,
    srv = 33,
    naptr = 35,
    opt = 41,
    ds = 43,
    rrsig = 46,
    nsec = 47,
    dnskey = 48,
    nsec3 = 50,
    tlsa = 52,
    svcb = 64,
    https = 65,
    tsig = 250,
    ixfr = 251,
    axfr = 252,
    any = 255,
    caa = 257,
};
enum class Class : std::uint16_t { in = 1, ch = 3, hs = 4, none = 254, any = 255 };
enum class Opcode : std::uint8_t { query = 0, iquery = 1, status = 2, notify = 4, update = 5 };
/// Response codes with the EDNS extension (RFC 6891 6.1.3).
enum class Rcode : std::uint16_t {
    no_error = 0,
    form_err = 1,
    serv_fail = 2,
    nx_domain = 3,
    not_imp = 4,
    refused = 5,
    not_auth = 9,
    not_zone = 10,
    bad_vers = 16,
    bad_cookie = 23,
};
/// Seconds, at most 2^31-1 (RFC 2181 8).
using Ttl = std::uint32_t;

/// "A", "NOERROR", "IN", ...; empty for those without a name. Lives as long as the program.
std::string_view known_name(Type type) noexcept;
std::string_view known_name(Rcode rcode) noexcept;
std::string_view known_name(Class klass) noexcept;

/// "A", "SRV", ...; "TYPE65280" for those without a name (RFC 3597 5).
std::string to_string(Type type);
/// "NOERROR", "NXDOMAIN", ...; "RCODE24" for those without a name.
std::string to_string(Rcode rcode);
std::string to_string(Class klass);
/// The reverse of to_string(), case-insensitive, RFC 3597 forms included.
std::optional<Type> parse_type(std::string_view text) noexcept;
std::optional<Rcode> parse_rcode(std::string_view text) noexcept;
std::optional<Class> parse_class(std::string_view text) noexcept;
/// A or AAAA.
Type type_of(const IpAddress& address) noexcept;

}  // namespace nameplane::dns
