#pragma once
// Hmac: a keyed hash over octets that come in pieces, by libcrypto.

#include "dns/tsig.hpp"

#include <cstdint>
#include <memory>
#include <span>

struct evp_mac_ctx_st;

namespace nameplane::dns {

/// Used once. A step that fails is remembered.
class Hmac {
public:
    Hmac(TsigAlgorithm algorithm, std::span<const std::uint8_t> secret) noexcept;
    void add(std::span<const std::uint8_t> octets) noexcept;
    /// Writes mac_octets(algorithm) octets; false if a step failed.
    [[nodiscard]] bool finish(std::span<std::uint8_t, mac_octets_max> out) noexcept;

private:
    struct Free {
        void operator()(evp_mac_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_mac_ctx_st, Free> context_;
    bool failed_ = false;
};

}  // namespace nameplane::dns
