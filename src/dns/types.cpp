#include <nameplane/base/ip.hpp>
#include <nameplane/dns/types.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <utility>

namespace nameplane::dns {

namespace {

template <class T> using Named = std::pair<T, std::string_view>;

constexpr std::array types{
    Named<Type>{Type::a, "A"},
    Named<Type>{Type::ns, "NS"},
    Named<Type>{Type::cname, "CNAME"},
    Named<Type>{Type::soa, "SOA"},
    Named<Type>{Type::ptr, "PTR"},
    Named<Type>{Type::hinfo, "HINFO"},
    Named<Type>{Type::mx, "MX"},
    Named<Type>{Type::txt, "TXT"},
    Named<Type>{Type::aaaa, "AAAA"},
    Named<Type>{Type::srv, "SRV"},
    Named<Type>{Type::naptr, "NAPTR"},
    Named<Type>{Type::opt, "OPT"},
    Named<Type>{Type::ds, "DS"},
    Named<Type>{Type::rrsig, "RRSIG"},
    Named<Type>{Type::nsec, "NSEC"},
    Named<Type>{Type::dnskey, "DNSKEY"},
    Named<Type>{Type::tlsa, "TLSA"},
    Named<Type>{Type::svcb, "SVCB"},
    Named<Type>{Type::https, "HTTPS"},
    Named<Type>{Type::tsig, "TSIG"},
    Named<Type>{Type::ixfr, "IXFR"},
    Named<Type>{Type::axfr, "AXFR"},
    Named<Type>{Type::any, "ANY"},
    Named<Type>{Type::caa, "CAA"},
    Named<Type>{Type::nsec3, "NSEC3"},
    // Of these only the name is of use: in configurations, logs and metrics.
    Named<Type>{Type{3}, "MD"},
    Named<Type>{Type{4}, "MF"},
    Named<Type>{Type{7}, "MB"},
    Named<Type>{Type{8}, "MG"},
    Named<Type>{Type{9}, "MR"},
    Named<Type>{Type{10}, "NULL"},
    Named<Type>{Type{14}, "MINFO"},
    Named<Type>{Type{17}, "RP"},
    Named<Type>{Type{18}, "AFSDB"},
    Named<Type>{Type{19}, "X25"},
    Named<Type>{Type{20}, "ISDN"},
    Named<Type>{Type{21}, "RT"},
    Named<Type>{Type{23}, "NSAP-PTR"},
    Named<Type>{Type{24}, "SIG"},
    Named<Type>{Type{25}, "KEY"},
    Named<Type>{Type{26}, "PX"},
    Named<Type>{Type{27}, "GPOS"},
    Named<Type>{Type{29}, "LOC"},
    Named<Type>{Type{30}, "NXT"},
    Named<Type>{Type{31}, "EID"},
    Named<Type>{Type{32}, "NIMLOC"},
    Named<Type>{Type{34}, "ATMA"},
    Named<Type>{Type{36}, "KX"},
    Named<Type>{Type{37}, "CERT"},
    Named<Type>{Type{39}, "DNAME"},
    Named<Type>{Type{42}, "APL"},
    Named<Type>{Type{44}, "SSHFP"},
    Named<Type>{Type{45}, "IPSECKEY"},
    Named<Type>{Type{49}, "DHCID"},
    Named<Type>{Type{51}, "NSEC3PARAM"},
    Named<Type>{Type{53}, "SMIMEA"},
    Named<Type>{Type{55}, "HIP"},
    Named<Type>{Type{56}, "NINFO"},
    Named<Type>{Type{57}, "RKEY"},
    Named<Type>{Type{58}, "TALINK"},
    Named<Type>{Type{59}, "CDS"},
    Named<Type>{Type{60}, "CDNSKEY"},
    Named<Type>{Type{61}, "OPENPGPKEY"},
    Named<Type>{Type{62}, "CSYNC"},
    Named<Type>{Type{63}, "ZONEMD"},
    Named<Type>{Type{99}, "SPF"},
    Named<Type>{Type{100}, "UINFO"},
    Named<Type>{Type{101}, "UID"},
    Named<Type>{Type{102}, "GID"},
    Named<Type>{Type{103}, "UNSPEC"},
    Named<Type>{Type{104}, "NID"},
    Named<Type>{Type{105}, "L32"},
    Named<Type>{Type{106}, "L64"},
    Named<Type>{Type{107}, "LP"},
    Named<Type>{Type{108}, "EUI48"},
    Named<Type>{Type{109}, "EUI64"},
    Named<Type>{Type{128}, "NXNAME"},
    Named<Type>{Type{249}, "TKEY"},
    Named<Type>{Type{253}, "MAILB"},
    Named<Type>{Type{254}, "MAILA"},
    Named<Type>{Type{256}, "URI"},
    Named<Type>{Type{258}, "AVC"},
    Named<Type>{Type{260}, "AMTRELAY"},
    Named<Type>{Type{261}, "RESINFO"},
    Named<Type>{Type{32768}, "TA"},
    Named<Type>{Type{32769}, "DLV"},
};

constexpr std::array classes{
    Named<Class>{Class::in, "IN"},   Named<Class>{Class::ch, "CH"},
    Named<Class>{Class::hs, "HS"},   Named<Class>{Class::none, "NONE"},
    Named<Class>{Class::any, "ANY"},
};

constexpr std::array rcodes{
    Named<Rcode>{Rcode::no_error, "NOERROR"},   Named<Rcode>{Rcode::form_err, "FORMERR"},
    Named<Rcode>{Rcode::serv_fail, "SERVFAIL"}, Named<Rcode>{Rcode::nx_domain, "NXDOMAIN"},
    Named<Rcode>{Rcode::not_imp, "NOTIMP"},     Named<Rcode>{Rcode::refused, "REFUSED"},
    Named<Rcode>{Rcode::not_auth, "NOTAUTH"},   Named<Rcode>{Rcode::not_zone, "NOTZONE"},
    Named<Rcode>{Rcode::bad_vers, "BADVERS"},   Named<Rcode>{Rcode::bad_cookie, "BADCOOKIE"},
};

constexpr char upper(char c) noexcept {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// Whether `text` is `name` (upper case), case ignored.
bool same(std::string_view text, std::string_view name) noexcept {
    if (text.size() != name.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (upper(text[i]) != name[i]) return false;
    }
    return true;
}

template <class T, std::size_t N>
std::string_view find_name(T value, const std::array<Named<T>, N>& table) noexcept {
    for (const auto& [known, name] : table) {
        if (known == value) return name;
    }
    return {};
}

/// The name of `value`, else `prefix` and its number.
template <class T> std::string name_of(T value, std::string_view prefix) {
    const std::string_view name = known_name(value);
    if (!name.empty()) return std::string{name};
    return std::string{prefix} + std::to_string(static_cast<unsigned>(value));
}

/// A name of the table, or `prefix` and a decimal number from 0 to `max`.
template <class T, std::size_t N>
std::optional<T> value_of(std::string_view text, const std::array<Named<T>, N>& table,
                          std::string_view prefix, unsigned max) noexcept {
    for (const auto& [value, name] : table) {
        if (same(text, name)) return value;
    }
    if (!same(text.substr(0, prefix.size()), prefix)) return std::nullopt;
    const std::string_view digits = text.substr(prefix.size());
    unsigned number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (number > max) return std::nullopt;
    return static_cast<T>(number);
}

constexpr unsigned u16_max = std::numeric_limits<std::uint16_t>::max();
constexpr unsigned rcode_max = 0xfff;  // 12 bits with the EDNS extension

}  // namespace

std::string_view known_name(Type type) noexcept {
    return find_name(type, types);
}
std::string_view known_name(Rcode rcode) noexcept {
    return find_name(rcode, rcodes);
}
std::string_view known_name(Class klass) noexcept {
    return find_name(klass, classes);
}

std::string to_string(Type type) {
    return name_of(type, "TYPE");
}
std::string to_string(Rcode rcode) {
    return name_of(rcode, "RCODE");
}
std::string to_string(Class klass) {
    return name_of(klass, "CLASS");
}

std::optional<Type> parse_type(std::string_view text) noexcept {
    return value_of(text, types, "TYPE", u16_max);
}
std::optional<Rcode> parse_rcode(std::string_view text) noexcept {
    return value_of(text, rcodes, "RCODE", rcode_max);
}
std::optional<Class> parse_class(std::string_view text) noexcept {
    return value_of(text, classes, "CLASS", u16_max);
}

Type type_of(const IpAddress& address) noexcept {
    return address.is_v4() ? Type::a : Type::aaaa;
}

}  // namespace nameplane::dns
