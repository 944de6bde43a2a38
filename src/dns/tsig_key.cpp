// The secret of a key, from text.

#include "dns/tsig.hpp"

namespace nameplane::dns {

namespace {

/// 0 to 63, or -1.
int value_of(char letter) noexcept {
    if (letter >= 'A' && letter <= 'Z') return letter - 'A';
    if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9') return letter - '0' + 52;
    if (letter == '+') return 62;
    return letter == '/' ? 63 : -1;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> tsig_secret(std::string_view base64) {
    std::vector<std::uint8_t> secret;
    if (base64.empty() || base64.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && base64[base64.size() - 1 - padding] == '=') ++padding;
    const std::size_t letters = base64.size() - padding;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < letters; ++i) {
        const int value = value_of(base64[i]);
        if (value < 0) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        // Of four letters each but the first one completes an octet.
        if (i % 4 != 0) secret.push_back(static_cast<std::uint8_t>(bits >> (6 - 2 * (i % 4))));
    }
    return secret;
}

}  // namespace nameplane::dns
