#include "dns/record_text.hpp"

#include "dns/reader.hpp"
#include "dns/record_words.hpp"

#include <ldns/ldns.h>

#include <algorithm>
#include <memory>
#include <string>

namespace nameplane::dns {

namespace {

struct FreeRr {
    void operator()(ldns_rr* rr) const noexcept { ldns_rr_free(rr); }
};
struct FreeRdf {
    void operator()(ldns_rdf* rdf) const noexcept { ldns_rdf_deep_free(rdf); }
};

Error no_room() {
    return {Errc::exhausted, "no memory for a record"};
}

std::span<const std::uint8_t> octets_of(const ldns_rdf* rdf) noexcept {
    return {ldns_rdf_data(rdf), ldns_rdf_size(rdf)};
}

std::optional<NameView> name_of(const ldns_rdf* rdf, Arena& arena) noexcept {
    const auto checked = NameView::check(octets_of(rdf));
    return checked ? checked->copy_to(arena) : std::nullopt;
}

std::uint16_t u16_of(const ldns_rdf* rdf) noexcept {
    return ByteReader{octets_of(rdf)}.u16().value_or(0);
}
std::uint32_t u32_of(const ldns_rdf* rdf) noexcept {
    return ByteReader{octets_of(rdf)}.u32().value_or(0);
}

/// All rdata fields behind each other.
std::optional<RawData> raw_of(const ldns_rr& rr, Arena& arena) noexcept {
    std::size_t size = 0;
    const std::size_t fields = ldns_rr_rd_count(&rr);
    for (std::size_t i = 0; i < fields; ++i) size += ldns_rdf_size(ldns_rr_rdf(&rr, i));
    const std::span<std::uint8_t> room = arena.array<std::uint8_t>(size);
    if (room.empty() && size != 0) return std::nullopt;
    auto at = room.begin();
    for (std::size_t i = 0; i < fields; ++i) {
        at = std::ranges::copy(octets_of(ldns_rr_rdf(&rr, i)), at).out;
    }
    return RawData{room};
}

/// How many fields a type needs to be more than raw octets; 0: it is raw.
std::size_t fields_of(Type type) noexcept {
    switch (type) {
    case Type::a:
    case Type::aaaa:
    case Type::ns:
    case Type::cname:
    case Type::ptr: return 1;
    case Type::mx: return 2;
    case Type::srv: return 4;
    case Type::soa: return 7;
    case Type::hinfo:
    case Type::txt:
    case Type::naptr:
    case Type::opt:
    case Type::ds:
    case Type::rrsig:
    case Type::nsec:
    case Type::nsec3:
    case Type::dnskey:
    case Type::tlsa:
    case Type::svcb:
    case Type::https:
    case Type::tsig:
    case Type::ixfr:
    case Type::axfr:
    case Type::any:
    case Type::caa: return 0;
    }
    return 0;
}

std::optional<Rdata> soa_of(const ldns_rr& rr, Arena& arena) noexcept {
    const auto mname = name_of(ldns_rr_rdf(&rr, 0), arena);
    const auto rname = name_of(ldns_rr_rdf(&rr, 1), arena);
    if (!mname || !rname) return std::nullopt;
    return SoaData{.mname = *mname,
                   .rname = *rname,
                   .serial = u32_of(ldns_rr_rdf(&rr, 2)),
                   .refresh = u32_of(ldns_rr_rdf(&rr, 3)),
                   .retry = u32_of(ldns_rr_rdf(&rr, 4)),
                   .expire = u32_of(ldns_rr_rdf(&rr, 5)),
                   .minimum = u32_of(ldns_rr_rdf(&rr, 6))};
}

std::optional<Rdata> rdata_of(const ldns_rr& rr, Type type, Arena& arena) noexcept {
    const std::size_t fields = fields_of(type);
    if (fields == 0 || ldns_rr_rd_count(&rr) != fields) {
        const auto raw = raw_of(rr, arena);
        return raw ? std::optional<Rdata>{*raw} : std::nullopt;
    }
    if (type == Type::soa) return soa_of(rr, arena);
    const ldns_rdf* const last = ldns_rr_rdf(&rr, fields - 1);
    if (type == Type::a || type == Type::aaaa) {
        const auto address = IpAddress::from_bytes(octets_of(last));
        return address ? std::optional<Rdata>{*address} : std::nullopt;
    }
    const auto name = name_of(last, arena);
    if (!name) return std::nullopt;
    if (type == Type::mx) {
        return MxData{.preference = u16_of(ldns_rr_rdf(&rr, 0)), .exchange = *name};
    }
    if (type == Type::srv) {
        return SrvData{.priority = u16_of(ldns_rr_rdf(&rr, 0)),
                       .weight = u16_of(ldns_rr_rdf(&rr, 1)),
                       .port = u16_of(ldns_rr_rdf(&rr, 2)),
                       .target = *name};
    }
    return *name;
}

}  // namespace

Result<Record> record_from_ldns(const ldns_struct_rr& rr, Arena& arena) {
    const auto type = static_cast<Type>(ldns_rr_get_type(&rr));
    const auto owner = name_of(ldns_rr_owner(&rr), arena);
    const auto data = owner ? rdata_of(rr, type, arena) : std::nullopt;
    if (!data) return no_room();
    return Record{.owner = *owner,
                  .type = type,
                  .klass = static_cast<Class>(ldns_rr_get_class(&rr)),
                  .ttl = ldns_rr_ttl(&rr),
                  .data = *data};
}

namespace {

/// Octets of `text` that stand for one: "\065", "\;" or a plain one.
std::size_t escape_size(std::string_view text) noexcept {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text.front() != '\\' || text.size() < 2) return 1;
    const bool is_number =
        text.size() > 3 && is_digit(text[1]) && is_digit(text[2]) && is_digit(text[3]);
    return is_number ? 4 : 2;
}

/// As ldns takes it: parentheses only let a record go on over lines, which it knows in files alone,
/// and are no blanks to miekg/dns;
/// a quote begins or ends a string wherever it stands; and with `cut` strings that are
/// too long are several, as to miekg/dns. Empty if a quote is not closed.
std::string for_ldns(std::string_view text, bool cut) {
    constexpr std::size_t string_octets_max = 255;
    constexpr std::string_view before_quote = " \t\r\n=";  // alpn="h2"
    constexpr std::string_view behind_quote = " \t\r\n()";
    constexpr std::string_view blanks = " \t\r\n";
    std::string out;
    bool quoted = false;
    for (std::size_t octets = 0; !text.empty();) {
        const std::size_t size = escape_size(text);
        const bool is_quote = text.front() == '"';
        const bool is_parenthesis = !quoted && (text.front() == '(' || text.front() == ')');
        if (!quoted && blanks.find(text.front()) != blanks.npos)
            octets = 0;
        else if (!is_quote && !is_parenthesis && cut && octets++ == string_octets_max) {
            out += quoted ? "\" \"" : " ";
            octets = 1;
        }
        if (is_quote && !quoted && !out.empty() && before_quote.find(out.back()) == out.npos) {
            out += ' ';
        }
        if (!is_parenthesis) out += text.substr(0, size);
        const bool is_end = size == text.size() || behind_quote.find(text[size]) != out.npos;
        if (is_quote && quoted && !is_end) out += ' ';
        if (is_quote) {
            quoted = !quoted;
            octets = 0;
        }
        text.remove_prefix(size);
    }
    if (quoted) out.clear();
    return out;
}

/// The error is why.
Result<Record> read(std::string_view text, Arena& arena, const RecordTextOptions& options) {
    const std::unique_ptr<ldns_rdf, FreeRdf> origin{
        ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, options.origin.size(), options.origin.data())};
    ldns_rr* made = nullptr;
    ldns_status status = LDNS_STATUS_OK;
    std::optional<Type> type;
    // Only where that helps are strings cut: not all types have them.
    for (const bool cut : {false, true}) {
        const Result<RecordWords> words = fit_words(for_ldns(text, cut));
        if (!words) return words.error();
        type = words->type;
        status =
            ldns_rr_new_frm_str(&made, words->text.c_str(), options.ttl, origin.get(), nullptr);
        if (status == LDNS_STATUS_OK) break;
    }
    const std::unique_ptr<ldns_rr, FreeRr> rr{made};
    // A word that is no type makes type 0.
    if (status != LDNS_STATUS_OK || ldns_rr_get_type(rr.get()) == 0) {
        return Error{Errc::invalid, ldns_get_errorstr_by_id(status)};
    }
    auto record = record_from_ldns(*rr, arena);
    if (record && type) record->type = *type;
    return record;
}

Error refused(std::string_view text, std::string_view expected, const Error& why) {
    if (why.code != Errc::invalid) return why;
    return {Errc::invalid, '\'' + std::string{text} + "', expected " + std::string{expected} +
                               " (" + why.text + ")"};
}

}  // namespace

Result<Record> read_record(std::string_view text, Arena& arena, const RecordTextOptions& options) {
    auto record = read(text, arena, options);
    if (record) return record;
    return refused(text, "a record such as 'example.org. 60 IN A 192.0.2.1'", record.error());
}

Result<Record> read_record_data(std::string_view text, Arena& arena,
                                const RecordTextOptions& options) {
    auto record = read(". 0 IN " + std::string{text}, arena, options);
    if (record) return record;
    return refused(text, "a type and its data", record.error());
}

}  // namespace nameplane::dns
