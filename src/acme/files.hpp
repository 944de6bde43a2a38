#pragma once
// Files: where keys and certificates are kept, as CoreDNS (certmagic) lays them out, so that what
// it got is used on: STORAGE/certificates/SERVER/DOMAIN/DOMAIN.{crt,key} and
// STORAGE/acme/SERVER/users/EMAIL/NAME.key.

#include "acme/client.hpp"
#include "acme/key.hpp"
#include <nameplane/base/result.hpp>

#include <string>

namespace nameplane::acme {

/// Any thread; the files themselves: one process at a time.
class Files {
public:
    /// `directory_url`: of the server; empty `email`: "default".
    Files(std::string folder, const std::string& directory_url, const std::string& email);

    std::string certificate_of(const std::string& domain) const;
    std::string key_of(const std::string& domain) const;
    const std::string& account() const noexcept { return account_; }

    /// The account's key; a new one, written, if there is none.
    Result<Key> account_key() const;
    /// An error: there is none, or not a whole one.
    Result<Issued> read(const std::string& domain) const;
    /// The key first: a certificate in its place has its key beside it. Readable to us alone.
    Status write(const std::string& domain, const Issued& issued) const;

private:
    std::string site(const std::string& domain) const;

    std::string certificates_;  // folder
    std::string account_;
};

}  // namespace nameplane::acme
