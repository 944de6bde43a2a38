#include "rules/iptables/render_names.hpp"

#include "rules/iptables/render.hpp"
#include <nameplane/base/check.hpp>

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <span>

namespace nameplane::rules::iptables {
namespace {

/// 16 characters of base32 (RFC 4648) hold 80 bits.
constexpr std::size_t hash_octets = 10;

std::string base32(std::span<const std::uint8_t, hash_octets> octets) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string text;
    text.reserve(hash_octets * 8 / 5);
    unsigned bits = 0;
    unsigned held = 0;
    for (const std::uint8_t octet : octets) {
        held = (held << 8) | octet;
        for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31U];
    }
    return text;
}

}  // namespace

std::string hash_of(std::string_view text) {
    // EVP_sha256() would look the algorithm up each time, which takes longer than a short text.
    static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    const int done = sha256 == nullptr ? 0
                                       : EVP_Digest(text.data(), text.size(), digest.data(),
                                                    nullptr, sha256, nullptr);
    NP_CHECK(done == 1, "SHA-256 of a short text fails only without libcrypto's default provider");
    return base32(std::span{digest}.first<hash_octets>());
}

std::string service_hash(const PortPlan& port) {
    std::string text = port.name;
    text += to_string(port.protocol);
    return hash_of(text);
}

std::string chain_name(std::string_view prefix, std::string_view hash) {
    std::string name;
    name.reserve(prefix.size() + hash.size());
    name += prefix;
    name += hash;
    return name;
}

std::string service_chain_name(std::string_view prefix, const PortPlan& port) {
    return chain_name(prefix, service_hash(port));
}

std::string endpoint_chain_name(const PortPlan& port, const PlanEndpoint& endpoint) {
    std::array<char, PlanEndpoint::text_max> buffer{};
    std::string text = port.name;
    text += to_string(port.protocol);
    text.append(buffer.data(), endpoint.write_text(buffer));
    return chain_name(endpoint_prefix, hash_of(text));
}

}  // namespace nameplane::rules::iptables
