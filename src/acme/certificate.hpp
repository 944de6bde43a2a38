#pragma once
// certificate: what is asked for (PKCS #10, RFC 2986) and what came of it (RFC 5280).

#include "acme/key.hpp"
#include <nameplane/base/result.hpp>

#include <chrono>
#include <string>

namespace nameplane::acme {

using Seconds = std::chrono::sys_seconds;

/// A request in DER for a certificate of one DNS name, which may begin with "*.".
std::string certificate_request(const Key& key, const std::string& domain);

/// When a certificate counts.
struct Validity {
    Seconds from;
    Seconds until;
    /// When it is to be replaced: a third of its time before its end.
    Seconds due() const noexcept { return until - (until - from) / 3; }
};
/// Of the first certificate of `chain` (PEM). An error unless it is for `domain` and `key` (PEM) is
/// its private key.
Result<Validity> validity_of(const std::string& chain, const std::string& key,
                             const std::string& domain);

}  // namespace nameplane::acme
