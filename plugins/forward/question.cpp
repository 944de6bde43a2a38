// hot path
#include "plugins/forward/question.hpp"

#include "dns/octets.hpp"

#include <algorithm>

namespace nameplane::plugins::forwarding {

namespace {

constexpr std::size_t header_octets = 12;
constexpr std::size_t opt_octets = 11;

bool is_between_neighbours(std::uint16_t code) noexcept {
    return code == 10 || code == 11 || code == 12;  // COOKIE, TCP keepalive, padding
}

/// Copies the options that mean something to an upstream.
std::size_t write_options(std::span<const std::uint8_t> options,
                          std::span<std::uint8_t> out) noexcept {
    std::size_t used = 0;
    while (options.size() >= 4) {
        const auto code = static_cast<std::uint16_t>(options[0] << 8 | options[1]);
        const std::size_t octets = 4U + (options[2] << 8U | options[3]);
        if (octets > options.size()) break;
        if (!is_between_neighbours(code) && octets <= out.size() - used) {
            std::ranges::copy(options.first(octets),
                              out.begin() + static_cast<std::ptrdiff_t>(used));
            used += octets;
        }
        options = options.subspan(octets);
    }
    return used;
}

}  // namespace

std::size_t Question::hash() const noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL;
    std::uint64_t hash =
        (static_cast<std::uint64_t>(type) << 16 | static_cast<std::uint64_t>(klass)) * odd;
    hash ^= static_cast<std::uint64_t>(recursion_desired) |
            static_cast<std::uint64_t>(checking_disabled) << 1 |
            static_cast<std::uint64_t>(dnssec_ok) << 2 | static_cast<std::uint64_t>(tcp) << 3;
    for (const std::uint8_t octet : name.view().wire()) hash = (hash ^ octet) * 0x100000001b3ULL;
    return hash ^ hash >> 32;
}

Question question_of(const Query& query) noexcept {
    return {.name = dns::Name{query.name()},
            .type = query.type(),
            .klass = query.klass(),
            .recursion_desired = query.recursion_desired(),
            .checking_disabled = query.checking_disabled(),
            .dnssec_ok = query.dnssec_ok(),
            .tcp = query.transport() == Transport::tcp};
}

void mix_case(std::span<std::uint8_t> name, std::uint32_t case_bits) noexcept {
    if (case_bits == 0) return;
    // Length octets are below 'a', so that the whole name can be treated as text.
    for (std::size_t i = 0; i < name.size(); ++i) {
        const bool letter = name[i] >= 'a' && name[i] <= 'z';
        if (letter && (case_bits >> i % 32 & 1U) != 0)
            name[i] = static_cast<std::uint8_t>(name[i] - 'a' + 'A');
    }
}

std::size_t write_question(const Question& question, const Wire& wire,
                           std::span<std::uint8_t, question_octets_max> out) noexcept {
    std::uint8_t* const to = out.data();
    unsigned flags = 0;
    if (question.recursion_desired) flags |= 0x0100U;
    if (question.checking_disabled) flags |= 0x0010U;
    dns::store16(to, wire.id);
    dns::store16(to + 2, static_cast<std::uint16_t>(flags));
    dns::store16(to + 4, 1);
    dns::store16(to + 6, 0);
    dns::store16(to + 8, 0);
    dns::store16(to + 10, wire.edns ? 1 : 0);
    const std::span<const std::uint8_t> name = question.name.view().wire();
    std::ranges::copy(name, to + header_octets);
    mix_case(out.subspan(header_octets, name.size()), wire.case_bits);
    std::size_t at = header_octets + name.size();
    dns::store16(to + at, static_cast<std::uint16_t>(question.type));
    dns::store16(to + at + 2, static_cast<std::uint16_t>(question.klass));
    at += 4;
    if (!wire.edns) return at;
    to[at] = 0;
    dns::store16(to + at + 1, static_cast<std::uint16_t>(dns::Type::opt));
    dns::store16(to + at + 3, udp_size);
    dns::store32(to + at + 5, question.dnssec_ok ? 0x8000U : 0U);
    const std::size_t options = write_options(wire.edns_options, out.subspan(at + opt_octets));
    dns::store16(to + at + 9, static_cast<std::uint16_t>(options));
    return at + opt_octets + options;
}

}  // namespace nameplane::plugins::forwarding
