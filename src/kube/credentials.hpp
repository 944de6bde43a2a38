#pragma once
// Credentials: who we are to the API server at this moment: a token, a file that holds one and is
// rotated, a password, or what a credential plugin prints.

#include "kube/api_access.hpp"
#include "net/loop.hpp"
#include "net/process.hpp"
#include <nameplane/base/clock.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube {

struct Identity {
    std::vector<std::string> headers;
    std::string certificate;  ///< PEM, of a plugin; empty: that of the ApiAccess
    std::string key;
    friend bool operator==(const Identity&, const Identity&) = default;
};

/// What a credential plugin printed.
struct ExecCredential {
    std::string token;
    std::string certificate;
    std::string key;
    std::optional<WallTime> expires;
};
Result<ExecCredential> exec_credential_from_text(std::string_view text,
                                                 std::string_view api_version);
/// RFC 3339, such as "2026-01-31T12:00:00Z" or "...:00.5+01:00"; nothing if it is something else.
std::optional<WallTime> time_from_text(std::string_view text);

/// Control thread only.
class Credentials {
public:
    using Then = std::function<void(const Result<Identity>&)>;

    /// `token_age_max`: after that a token's file is read again.
    Credentials(const ApiAccess& access, net::Loop& loop, const Clock& clock,
                std::chrono::milliseconds token_age_max);
    ~Credentials();
    Credentials(const Credentials&) = delete;
    Credentials& operator=(const Credentials&) = delete;

    /// Calls `then` at once, or when the plugin has ended.
    void get(Then then);
    /// The server did not accept `identity`. Whether the next get() may give another one.
    bool reject(const Identity& identity);

private:
    Result<Identity> from_access();
    void run_plugin();
    void plugin_ended(const net::ProcessEnd& end);
    void answer(const Result<Identity>& identity);
    Identity with_headers(const std::string& authorization) const;

    const ApiAccess& access_;
    net::Loop& loop_;
    const Clock& clock_;
    std::chrono::milliseconds token_age_max_;
    std::string token_;
    std::optional<Monotonic> token_read_;
    std::optional<Identity> printed_;
    std::optional<WallTime> printed_until_;
    std::unique_ptr<net::Process> plugin_;
    std::vector<Then> waiting_;
};

}  // namespace nameplane::kube
