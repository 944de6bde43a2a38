#pragma once
// https_message: DNS messages as they travel in HTTP (RFC 8484). What comes from outside is checked
// before it is touched.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::forwarding {

inline constexpr std::string_view dns_message_type = "application/dns-message";

/// Whether a Content-Type says so, with or without parameters.
bool is_dns_message(std::string_view content_type) noexcept;

/// Makes the id of `message`, which has a header, 0 and returns what it was.
std::uint16_t take_id(std::span<std::uint8_t> message) noexcept;
/// Puts it back. False: there is no header, or its id is not 0.
[[nodiscard]] bool put_id(std::span<std::uint8_t> message, std::uint16_t id) noexcept;

/// Appends "?dns=" and `message` in base64url without padding.
void append_question(std::string& path, std::span<const std::uint8_t> message);

/// Takes the time that an HTTP cache had `message` off all its TTLs (RFC 8484 5.1). Of what is
/// malformed the rest stays as it is.
void count_age(std::span<std::uint8_t> message, std::uint32_t age_s) noexcept;

}  // namespace nameplane::plugins::forwarding
