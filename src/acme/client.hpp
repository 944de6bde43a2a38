#pragma once
// Client: asks an ACME server for a certificate (RFC 8555), proving by DNS that the name is ours.

#include "acme/challenges.hpp"
#include "acme/key.hpp"
#include "acme/messages.hpp"
#include "acme/web.hpp"
#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>

namespace nameplane::acme {

struct Issued {
    std::string chain;  ///< PEM
    std::string key;    ///< PEM
};

/// One thread; blocks as `web` does. What the references name outlives it.
class Client {
public:
    /// `email` may be empty. Whoever asks agrees to the terms of the server.
    Client(Web& web, Challenges& challenges, std::string directory_url, Key account,
           std::string email);

    /// A certificate for `domain` alone, with a new key. Errors: Errc::io where the server was not
    /// reached or gave no sense, Errc::permission where it refused, with its reason.
    Result<Issued> obtain(const std::string& domain);

private:
    /// Reads the directory and makes sure of the account, once.
    Status enter();
    Result<std::string> nonce();
    /// Signed; an empty payload asks for what is at `url` (RFC 8555 6.3).
    Result<Answer> post(const std::string& url, std::string_view payload);
    std::string header(const std::string& url, const std::string& nonce) const;
    Status prove(const std::string& authorization_url);
    Result<Order> finish(const Order& order, const std::string& order_url, const Key& key,
                         const std::string& domain);
    /// Asks until `read` gives something that is neither pending nor processing.
    template <class T> Result<T> await(const std::string& url, Result<T> (*read)(std::string_view));

    Web& web_;
    Challenges& challenges_;
    std::string directory_url_;
    Key account_;
    std::string email_;
    Directory directory_;
    std::string account_url_;
    std::string nonce_;  // the next one, if the last answer had one
};

}  // namespace nameplane::acme
