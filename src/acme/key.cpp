#include "acme/key.hpp"

#include "acme/openssl.hpp"
#include <nameplane/base/check.hpp>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <cstring>
#include <vector>

namespace nameplane::acme {

namespace {

constexpr std::size_t coordinate_octets = 32;
constexpr const char* curve = "prime256v1";

using Context = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

const unsigned char* octets_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

bool is_p256(EVP_PKEY* key) noexcept {
    std::array<char, 64> name{};
    std::size_t size = 0;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(),
                                          &size) == 1 &&
           std::strcmp(name.data(), curve) == 0;
}

// 0x04 and both coordinates.
std::array<unsigned char, 1 + 2 * coordinate_octets> public_point(EVP_PKEY* key) {
    std::array<unsigned char, 1 + 2 * coordinate_octets> point{};
    std::size_t size = 0;
    const int got = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                                    point.size(), &size);
    NP_CHECK(got == 1 && size == point.size(), "OpenSSL gives points uncompressed");
    return point;
}

}  // namespace

std::string base64url(std::string_view octets) {
    static constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char octet : octets) {
        bits = bits << 8U | static_cast<unsigned char>(octet);
        for (held += 8; held >= 6; held -= 6) text += digits[bits >> (held - 6) & 63U];
    }
    if (held != 0) text += digits[bits << (6 - held) & 63U];
    return text;
}

std::string sha256(std::string_view octets) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    const int made =
        EVP_Digest(octets.data(), octets.size(), digest.data(), &size, EVP_sha256(), nullptr);
    NP_CHECK(made == 1, "SHA-256 is always there");
    return {reinterpret_cast<const char*>(digest.data()), size};
}

Key Key::make() {
    EVP_PKEY* const made = EVP_EC_gen(curve);
    NP_CHECK(made != nullptr, "the kernel has random numbers");
    return Key{{made, EVP_PKEY_free}};
}

Result<Key> Key::from_pem(const std::string& pem) {
    const Bio reader = reader_of(pem);
    EVP_PKEY* const read = PEM_read_bio_PrivateKey(reader.get(), nullptr, nullptr, nullptr);
    ERR_clear_error();
    if (read == nullptr) return Error{Errc::invalid, "no private key in PEM"};
    Key key{{read, EVP_PKEY_free}};
    if (!is_p256(read)) return Error{Errc::invalid, "not a key of the curve P-256"};
    return key;
}

std::string Key::to_pem() const {
    const Bio memory{BIO_new(BIO_s_mem())};
    const int written =
        PEM_write_bio_PrivateKey(memory.get(), handle(), nullptr, nullptr, 0, nullptr, nullptr);
    NP_CHECK(written == 1, "there is memory");
    return text_of(memory.get());
}

std::string Key::jwk() const {
    const auto point = public_point(handle());
    const std::string_view both{reinterpret_cast<const char*>(point.data()) + 1, point.size() - 1};
    return R"({"crv":"P-256","kty":"EC","x":")" + base64url(both.substr(0, coordinate_octets)) +
           R"(","y":")" + base64url(both.substr(coordinate_octets)) + R"("})";
}

std::string Key::thumbprint() const {
    return base64url(sha256(jwk()));
}

std::string Key::sign(const std::string& text) const {
    const Context context{EVP_MD_CTX_new()};
    std::size_t size = 0;
    bool signed_ =
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, handle()) == 1 &&
        EVP_DigestSign(context.get(), nullptr, &size, octets_of(text), text.size()) == 1;
    std::vector<unsigned char> der(size);
    signed_ = signed_ &&
              EVP_DigestSign(context.get(), der.data(), &size, octets_of(text), text.size()) == 1;
    NP_CHECK(signed_, "a key of P-256 signs");
    const unsigned char* at = der.data();
    const Signature signature{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size))};
    std::array<unsigned char, 2 * coordinate_octets> plain{};
    BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), plain.data(), coordinate_octets);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), plain.data() + coordinate_octets,
                 coordinate_octets);
    return {reinterpret_cast<const char*>(plain.data()), plain.size()};
}

std::string Key::envelope(std::string_view header, std::string_view payload) const {
    const std::string head = base64url(header);
    const std::string body = base64url(payload);
    return R"({"protected":")" + head + R"(","payload":")" + body + R"(","signature":")" +
           base64url(sign(head + '.' + body)) + R"("})";
}

}  // namespace nameplane::acme
