#pragma once
// parse_answer: what an upstream said, to a Reply. The octets are foreign: every read is checked
// against the end, compression pointers lead backwards only, and whatever is wrong makes the whole
// answer unusable.

#include <nameplane/base/arena.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/reply.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace nameplane::dns {

/// The fixed part of an answer and its question.
struct AnswerHead {
    std::uint16_t id = 0;
    bool authoritative = false;
    bool truncated = false;
    bool recursion_available = false;
    Rcode rcode = Rcode::no_error;  ///< without the bits of an OPT
    NameView name;                  ///< of the question; lies in the message
    Type type = Type::a;
    Class klass = Class::in;
};

/// Nothing if `message` is no response to a query with one question.
std::optional<AnswerHead> read_answer_head(std::span<const std::uint8_t> message) noexcept;

/// Reads a whole answer into `reply`, which is empty. Owners and targets equal to `name` become
/// that very view; all other names are expanded into `arena`, since RRs refer to `message`, which
/// must live as long as they do. Types we do not know stay as they are (RFC 3597); names in the
/// rdata of old types are expanded. The OPT gives the rcode its upper bits and is left out, as is a
/// TSIG. False: malformed, or the arena is full; `reply` is then useless.
[[nodiscard]] bool read_answer(std::span<const std::uint8_t> message, NameView name, Arena& arena,
                               Reply& reply) noexcept;

/// The same for one of the messages of a long answer, which may lack the question (RFC 5936 2.2.1).
[[nodiscard]] bool read_answer_part(std::span<const std::uint8_t> message, NameView name,
                                    Arena& arena, Reply& reply) noexcept;

}  // namespace nameplane::dns
