#pragma once
// encode: a Reply's views to wire. The only place that writes a DNS message: header, the question
// as it was asked, the sections with name compression, EDNS, truncation.

#include "dns/parse.hpp"
#include <nameplane/reply.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace nameplane::dns {

/// How large an answer may be.
struct EncodeLimits {
    bool tcp = false;
    std::uint16_t udp_size_max =
        1232;  ///< ours; the client's EDNS size counts too, and 512 without
    std::uint16_t udp_size_advertised = 1232;
    /// What somebody will write behind the message, and what counts as part of it.
    std::size_t octets_behind = 0;
};

/// Writes the answer to `question` into `out` (at least 512 octets; 65,535 for TCP) and returns its
/// size. Records of the answer and authority that do not fit set TC and are left out as whole
/// RRsets' tails; additional records are left out silently, except that missing glue never sets TC
/// (RFC 2181 9). The OPT goes last and always fits. Returns 0 if `out` is too small for a header
/// and question. No allocation.
std::size_t encode(const Question& question, const Reply& reply, const EncodeLimits& limits,
                   std::span<std::uint8_t> out) noexcept;

/// A 12-octet header with `rcode` and no sections, for messages that could not be parsed.
std::size_t encode_header_only(const Question& question, Rcode rcode,
                               std::span<std::uint8_t> out) noexcept;

}  // namespace nameplane::dns
