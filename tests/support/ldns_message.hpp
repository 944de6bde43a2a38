#pragma once
// What ldns, a second implementation, reads in one of our answers: header, EDNS and sections as
// zone-file text, to be compared with what a test expects.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nameplane::test {

/// One message. A record is one line "owner ttl class type rdata" with single spaces, names with
/// their final dot and in the case of the wire, as ldns prints them:
/// "web.default.svc.cluster.local. 5 IN A 10.96.0.7".
struct LdnsMessage {
    std::uint16_t id = 0;
    unsigned opcode = 0;
    bool response = false;             ///< QR
    bool authoritative = false;        ///< AA
    bool truncated = false;            ///< TC
    bool recursion_desired = false;    ///< RD
    bool recursion_available = false;  ///< RA
    bool authentic_data = false;       ///< AD
    bool checking_disabled = false;    ///< CD
    unsigned rcode = 0;                ///< with the upper bits from the OPT

    struct Edns {
        std::uint16_t udp_size = 0;
        std::uint8_t version = 0;
        bool dnssec_ok = false;
        friend bool operator==(const Edns&, const Edns&) = default;
    };
    std::optional<Edns> edns;  ///< the OPT is here and not among the additionals

    std::vector<std::string> questions;  ///< "name class type"
    std::vector<std::string> answers;    ///< in the order of the wire
    std::vector<std::string> authorities;
    std::vector<std::string> additionals;

    friend bool operator==(const LdnsMessage&, const LdnsMessage&) = default;
};

/// Nothing if ldns rejects the message, or if its counts and what ldns found differ.
std::optional<LdnsMessage> read_with_ldns(std::span<const std::uint8_t> wire);

/// The record that ldns reads in a zone-file line, printed by ldns: both sides of a comparison
/// then have the same form. Nothing if ldns cannot read it.
std::optional<std::string> normalized_record(const std::string& line);

/// The lines in ascending order, for sections whose order does not matter.
std::vector<std::string> sorted(std::vector<std::string> lines);

}  // namespace nameplane::test
