#pragma once
// Question: what an upstream is asked, and the octets of it. Equal questions are asked once.

#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/query.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nameplane::plugins::forwarding {

struct Question {
    dns::Name name;  ///< lower case
    dns::Type type = dns::Type::a;
    dns::Class klass = dns::Class::in;
    bool recursion_desired = true;
    bool checking_disabled = false;
    bool dnssec_ok = false;
    bool tcp = false;  ///< the client came so; whoever did not may get less

    /// Answers to equal questions serve each other.
    friend bool operator==(const Question&, const Question&) = default;
    std::size_t hash() const noexcept;
};

Question question_of(const Query& query) noexcept;

/// How large a datagram we ask for.
inline constexpr std::uint16_t udp_size = 1232;
inline constexpr std::size_t question_octets_max = 1024;

struct Wire {
    std::uint16_t id = 0;
    bool edns = true;
    std::uint32_t case_bits = 0;                 ///< which letters are upper case, over and over
    std::span<const std::uint8_t> edns_options;  ///< well-formed; too many are left out
};
/// Writes the question into `out` and returns its size.
std::size_t write_question(const Question& question, const Wire& wire,
                           std::span<std::uint8_t, question_octets_max> out) noexcept;
/// Changes letters of `name` (in wire form) to upper case as write_question() does.
void mix_case(std::span<std::uint8_t> name, std::uint32_t case_bits) noexcept;

}  // namespace nameplane::plugins::forwarding
