#pragma once
// Key: a private key of the curve P-256 and what ACME does with one: signed requests (RFC 7515,
// RFC 8555 6.2), the digest that challenges are answered with (RFC 7638).

#include <nameplane/base/result.hpp>

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace nameplane::acme {

/// Without padding (RFC 7515 2).
std::string base64url(std::string_view octets);
/// SHA-256, 32 octets.
std::string sha256(std::string_view octets);

/// Any thread. Copies share the key.
class Key {
public:
    static Key make();
    /// Errors: no key, or not one of P-256.
    static Result<Key> from_pem(const std::string& pem);
    std::string to_pem() const;
    /// The public half as JSON, its members as RFC 7638 3 orders them.
    std::string jwk() const;
    /// base64url of the digest of jwk().
    std::string thumbprint() const;
    /// ES256 (RFC 7518 3.4): 64 octets.
    std::string sign(const std::string& text) const;
    /// A request's body (RFC 7515 7.2.2): header and payload are JSON; an empty payload is none.
    std::string envelope(std::string_view header, std::string_view payload) const;
    /// Of OpenSSL, as long as a copy of this object.
    evp_pkey_st* handle() const noexcept { return key_.get(); }

private:
    explicit Key(std::shared_ptr<evp_pkey_st> key) : key_{std::move(key)} {}
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace nameplane::acme
