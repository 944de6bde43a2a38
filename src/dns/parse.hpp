#pragma once
// parse: the bytes of a query to a Question. Header, exactly one question, EDNS (RFC 1035 4.1,
// RFC 6891 6.1). Whatever else the message carries is walked over and checked, never kept.

#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::dns {

/// What came with an OPT record.
struct Edns {
    std::uint16_t udp_size = 512;  ///< as sent; values below 512 count as 512 (RFC 6891 6.2.3)
    std::uint8_t version = 0;
    bool dnssec_ok = false;
    /// The options' octets in the message, well-formed code/length pairs.
    std::span<const std::uint8_t> options;
};

/// Why a message is not a query that the chain can answer. The comment says what the server does.
enum class ParseError : std::uint8_t {
    none,
    too_short,     ///< less than a header: dropped
    response,      ///< QR is set: dropped, never answered (no loops)
    opcode,        ///< neither QUERY nor NOTIFY: NOTIMP, header only
    malformed,     ///< FORMERR, header only
    no_question,   ///< QDCOUNT is 0 or more than 1: FORMERR, header only
    edns_version,  ///< BADVERS with the question and our OPT; the Question is valid
};

/// One query. `asked` and `edns->options` point into the message; `name` into this object, which
/// therefore is not copied.
struct Question {
    std::uint16_t id = 0;
    Opcode opcode = Opcode::query;
    bool recursion_desired = false;
    bool checking_disabled = false;
    NameView asked;  ///< the name as it was asked, upper and lower case kept
    NameView name;   ///< the same in lower case
    Type type = Type::a;
    Class klass = Class::in;
    std::optional<Edns> edns;
    std::array<std::uint8_t, name_octets_max> lowered;  ///< what `name` points into

    Question() = default;
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;
};

/// Fills `out`; `message` must outlive it. On an error other than `edns_version` only id, opcode
/// and recursion_desired are set (unless too_short). No allocation.
ParseError parse_query(std::span<const std::uint8_t> message, Question& out) noexcept;

}  // namespace nameplane::dns
