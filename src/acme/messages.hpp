#pragma once
// messages: what an ACME server answers (RFC 8555 7.1), read from JSON. Members that are not known
// are passed over. Pure; any thread.

#include <nameplane/base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::acme {

/// The most octets of an answer that are looked at.
inline constexpr std::size_t answer_octets_max = 1 << 20;

struct Directory {
    std::string new_nonce;
    std::string new_account;
    std::string new_order;
};
enum class State : std::uint8_t { pending, ready, processing, valid, failed };
struct Order {
    State state = State::failed;
    std::vector<std::string> authorizations;  ///< URLs
    std::string finalize;                     ///< URL
    std::string certificate;                  ///< URL, once it is valid
    std::string error;                        ///< of a failed one, for people; may be empty
};
struct Challenge {
    std::string url;
    std::string token;
};
struct Authorization {
    State state = State::failed;
    std::string domain;  ///< without "*."
    std::optional<Challenge> dns;
    std::string error;  ///< of the challenge, for people; may be empty
};
/// RFC 7807.
struct Problem {
    std::string type;  ///< "urn:ietf:params:acme:error:badNonce"
    std::string text;  ///< for people
};

Result<Directory> read_directory(std::string_view text);
Result<Order> read_order(std::string_view text);
Result<Authorization> read_authorization(std::string_view text);
/// Whatever `text` is, something comes of it.
Problem read_problem(std::string_view text);

/// `text` as JSON writes it, with its quotes.
std::string json_text(std::string_view text);

}  // namespace nameplane::acme
