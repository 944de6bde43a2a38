#include "dns/hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

namespace nameplane::dns {

namespace {

/// Fetched once, for the life of the process: looking it up takes locks.
EVP_MAC* method() noexcept {
    static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    return fetched;
}

const char* hash_of(TsigAlgorithm algorithm) noexcept {
    switch (algorithm) {
    case TsigAlgorithm::sha1: return "SHA1";
    case TsigAlgorithm::sha224: return "SHA224";
    case TsigAlgorithm::sha256: return "SHA256";
    case TsigAlgorithm::sha384: return "SHA384";
    case TsigAlgorithm::sha512: return "SHA512";
    }
    return "";
}

}  // namespace

void Hmac::Free::operator()(evp_mac_ctx_st* context) const noexcept {
    EVP_MAC_CTX_free(context);
}

Hmac::Hmac(TsigAlgorithm algorithm, std::span<const std::uint8_t> secret) noexcept
    : context_{EVP_MAC_CTX_new(method())} {
    // Of an empty key libcrypto wants an address all the same.
    static constexpr std::uint8_t nothing = 0;
    const std::array params{OSSL_PARAM_construct_utf8_string(
                                OSSL_MAC_PARAM_DIGEST, const_cast<char*>(hash_of(algorithm)), 0),
                            OSSL_PARAM_construct_end()};
    failed_ = context_ == nullptr ||
              EVP_MAC_init(context_.get(), secret.empty() ? &nothing : secret.data(), secret.size(),
                           params.data()) != 1;
}

void Hmac::add(std::span<const std::uint8_t> octets) noexcept {
    if (failed_ || octets.empty()) return;
    failed_ = EVP_MAC_update(context_.get(), octets.data(), octets.size()) != 1;
}

bool Hmac::finish(std::span<std::uint8_t, mac_octets_max> out) noexcept {
    std::size_t size = 0;
    return !failed_ && EVP_MAC_final(context_.get(), out.data(), &size, out.size()) == 1;
}

}  // namespace nameplane::dns
