#pragma once
// tsig: transaction signatures (RFC 8945): the TSIG record at a message's end, keys, the digest
// over a message, and the record that signs ours. libcrypto computes the HMAC; ldns' TSIG functions
// compare in variable time, know no clock and need the message as a tree of their own.

#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::dns {

/// The largest MAC: that of SHA-512.
inline constexpr std::size_t mac_octets_max = 64;
/// How far clocks may differ, for what we sign (RFC 8945 10).
inline constexpr std::uint16_t tsig_fudge_seconds = 300;

enum class TsigAlgorithm : std::uint8_t { sha1, sha224, sha256, sha384, sha512 };
/// By its name in a TSIG record, "hmac-sha256."; nothing for others, HMAC-MD5 among them (RFC 8945
/// 6).
std::optional<TsigAlgorithm> tsig_algorithm(NameView name) noexcept;
std::size_t mac_octets(TsigAlgorithm algorithm) noexcept;

/// The field "error" of a TSIG record (RFC 8945 3).
enum class TsigError : std::uint16_t {
    none = 0,
    bad_sig = 16,
    bad_key = 17,
    bad_time = 18,
    bad_trunc = 22,
};

struct TsigKey {
    Name name;  ///< lower case
    std::vector<std::uint8_t> secret;
};
/// The octets of a secret in base64, padding wanted, white space not; nothing for anything else.
std::optional<std::vector<std::uint8_t>> tsig_secret(std::string_view base64);

/// A TSIG record as it stands in a message; the spans point into that.
struct Tsig {
    std::size_t offset = 0;  ///< of the record in the message
    Name key;                ///< as sent
    Name algorithm;          ///< as sent
    std::uint64_t time = 0;  ///< signed at, Unix seconds, 48 bits
    std::uint16_t fudge = 0;
    std::span<const std::uint8_t> mac;
    std::uint16_t original_id = 0;
    TsigError error = TsigError::none;
    std::span<const std::uint8_t> other;
};

enum class TsigSearch : std::uint8_t {
    none,       ///< the message carries none
    found,      ///< and it is the last record
    malformed,  ///< the message or its TSIG, or there is one in the wrong place
};
TsigSearch find_tsig(std::span<const std::uint8_t> message, Tsig& out) noexcept;

/// The MAC that the message of one exchange before this one had; the first one has none.
struct PriorMac {
    std::array<std::uint8_t, mac_octets_max> octets{};
    std::size_t size = 0;

    void set(std::span<const std::uint8_t> mac) noexcept;
    std::span<const std::uint8_t> view() const noexcept { return {octets.data(), size}; }
};

/// What a digest is made over besides the message (RFC 8945 4.3).
enum class TsigCover : std::uint8_t {
    variables,    ///< all fields: a request, and the first message of an answer
    timers_only,  ///< a further message of an answer
};

/// What a signature that came is worth.
enum class TsigVerdict : std::uint8_t { good, bad_sig, bad_time, bad_trunc, malformed };
/// Checks `tsig` of `message` against `key` at the time `now` (Unix seconds), in the order of RFC
/// 8945 5.2. Of a wrong time it is said only if the signature is right.
TsigVerdict verify_tsig(std::span<const std::uint8_t> message, const Tsig& tsig,
                        TsigAlgorithm algorithm, const TsigKey& key, const PriorMac& prior,
                        TsigCover cover, std::uint64_t now) noexcept;

/// Signs the messages of one answer (or a request) one after the other. Trivial, so that it may lie
/// in an arena; what it refers to must outlive it.
struct TsigSigner {
    NameView key_name;   ///< as the record shall have it
    NameView algorithm;  ///< likewise
    TsigAlgorithm hash{};
    const TsigKey* key = nullptr;  ///< nullptr: the record stays without MAC (RFC 8945 5.3.2)
    std::uint16_t original_id = 0;
    TsigError error = TsigError::none;
    std::uint64_t request_time = 0;  ///< of bad_time: what the client said
    PriorMac prior{};                ///< of the request first, then of what was signed last
    bool is_first = true;

    /// What append() may add.
    std::size_t octets_max() const noexcept;
    /// `room` begins with a message of `size` octets; appends a TSIG record made at the time `now`
    /// and counts it. Returns the new size; 0 if there is no room or libcrypto fails.
    std::size_t append(std::span<std::uint8_t> room, std::size_t size, std::uint64_t now) noexcept;
};

}  // namespace nameplane::dns
