#include "kube/credentials.hpp"

#include "kube/api_error.hpp"
#include "kube/fields.hpp"
#include "kube/folder.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

namespace nameplane::kube {
namespace {

constexpr std::size_t token_octets_max = 64 * 1024;
constexpr std::chrono::seconds plugin_time_max{60};

/// A token stands in a header, so nothing that ends one may be in it.
Result<std::string> checked_token(std::string text, const std::string& from) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.pop_back();
    const bool printable = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
    if (text.empty() || text.size() > token_octets_max || !printable)
        return Error{Errc::invalid, from + ": no token, expected one line of letters"};
    return text;
}

int number_at(std::string_view text, std::size_t at, std::size_t digits) {
    if (at + digits > text.size()) return -1;
    int number = 0;
    for (const char c : text.substr(at, digits)) {
        if (c < '0' || c > '9') return -1;
        number = number * 10 + (c - '0');
    }
    return number;
}

}  // namespace

std::optional<WallTime> time_from_text(std::string_view text) {
    std::tm parts{};
    const int year = number_at(text, 0, 4);
    const int month = number_at(text, 5, 2);
    parts.tm_mday = number_at(text, 8, 2);
    parts.tm_hour = number_at(text, 11, 2);
    parts.tm_min = number_at(text, 14, 2);
    parts.tm_sec = number_at(text, 17, 2);
    if (year < 1970 || month < 1 || month > 12 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
        parts.tm_hour < 0 || parts.tm_hour > 23 || parts.tm_min < 0 || parts.tm_min > 59 ||
        parts.tm_sec < 0 || parts.tm_sec > 60 || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':')
        return std::nullopt;
    // The clock counts nanoseconds and ends in 2262; what is later is as good as never.
    constexpr int year_max = 2200;
    parts.tm_year = std::min(year, year_max) - 1900;
    parts.tm_mon = month - 1;
    text.remove_prefix(19);
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        if (number_at(text, 0, 1) < 0) return std::nullopt;
        while (number_at(text, 0, 1) >= 0) text.remove_prefix(1);
    }
    int offset_s = 0;
    if (text != "Z" && text != "z") {
        const int hours = number_at(text, 1, 2);
        const int minutes = number_at(text, 4, 2);
        if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' || hours < 0 ||
            hours > 23 || minutes < 0 || minutes > 59)
            return std::nullopt;
        offset_s = (hours * 60 + minutes) * 60 * (text[0] == '+' ? 1 : -1);
    }
    return std::chrono::system_clock::from_time_t(::timegm(&parts) - offset_s);
}

Result<ExecCredential> exec_credential_from_text(std::string_view text,
                                                 std::string_view api_version) {
    std::vector<std::string> problems;
    FieldReader read{"its output", problems};
    const Tree tree = read_json(text);
    if (const Fault* fault = tree.fault())
        return Error{Errc::invalid, "its output: " + fault->text};
    const Field root{.value = tree.root()};
    const Field version = read.get(root, "apiVersion");
    if (version.value.text() != api_version) read.wrong(version, api_version);
    const Field kind = read.get(root, "kind");
    if (kind.value.text() != "ExecCredential") read.wrong(kind, "ExecCredential");
    const Field status = read.map(root, "status");
    ExecCredential credential{.token = read.text(read.get(status, "token")),
                              .certificate = read.text(read.get(status, "clientCertificateData")),
                              .key = read.text(read.get(status, "clientKeyData"))};
    const Field expires = read.get(status, "expirationTimestamp");
    const std::string time = read.text(expires);
    credential.expires = time_from_text(time);
    if (!time.empty() && !credential.expires) read.wrong(expires, "a time as in RFC 3339");
    if (credential.token.empty() && credential.certificate.empty())
        read.wrong(status, "a token or clientCertificateData");
    if (credential.certificate.empty() != credential.key.empty())
        read.wrong(status, "both clientCertificateData and clientKeyData, or none of them");
    if (problems.empty()) return credential;
    return Error{Errc::invalid, problems.front()};
}

Credentials::Credentials(const ApiAccess& access, net::Loop& loop, const Clock& clock,
                         std::chrono::milliseconds token_age_max)
    : access_{access}, loop_{loop}, clock_{clock}, token_age_max_{token_age_max} {}

Credentials::~Credentials() = default;

Identity Credentials::with_headers(const std::string& authorization) const {
    Identity identity{.headers = access_.impersonation, .certificate = {}, .key = {}};
    if (!authorization.empty()) identity.headers.push_back("Authorization: " + authorization);
    return identity;
}

Result<Identity> Credentials::from_access() {
    if (!access_.token_file.empty()) {
        const Monotonic now = clock_.now();
        if (!token_read_ || now - *token_read_ >= token_age_max_) {
            auto text = read_file(access_.token_file);
            auto token =
                text ? checked_token(std::move(*text), access_.token_file)
                     : Error{text.error().code,
                             access_.token_file + ": " + text.error().text + ", expected a token"};
            // A file that is being replaced may be away for a moment: the old token still counts.
            if (!token && token_.empty()) return std::move(token).error();
            if (token) token_ = std::move(*token);
            token_read_ = now;
        }
        return with_headers("Bearer " + token_);
    }
    if (!access_.token.empty()) {
        auto token = checked_token(access_.token, access_.origin);
        if (!token) return std::move(token).error();
        return with_headers("Bearer " + *token);
    }
    if (!access_.username.empty())
        return with_headers("Basic " + to_base64(access_.username + ':' + access_.password));
    return with_headers({});
}

void Credentials::get(Then then) {
    if (!access_.exec) return then(from_access());
    if (printed_ && (!printed_until_ || clock_.wall() < *printed_until_))
        return then(Identity{*printed_});
    waiting_.push_back(std::move(then));
    if (!plugin_) run_plugin();
}

bool Credentials::reject(const Identity& identity) {
    if (access_.exec) {
        if (printed_ != identity) return true;  // renewed already
        printed_.reset();
        return true;
    }
    if (access_.token_file.empty()) return false;
    token_read_.reset();
    const auto next = from_access();
    return next && *next != identity;
}

void Credentials::run_plugin() {
    const ExecPlugin& plugin = *access_.exec;
    std::string info = "{\"apiVersion\":\"" + plugin.api_version +
                       "\",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false";
    if (!plugin.cluster_json.empty()) info += ",\"cluster\":" + plugin.cluster_json;
    net::Command command{.program = plugin.command,
                         .arguments = plugin.arguments,
                         .environment = plugin.environment,
                         .time_max = plugin_time_max};
    command.environment.push_back("KUBERNETES_EXEC_INFO=" + info + "}}");
    auto started = net::Process::start(std::move(command), loop_,
                                       [this](const net::ProcessEnd& end) { plugin_ended(end); });
    if (started) {
        plugin_ = std::move(*started);
        return;
    }
    std::string text = "the credential plugin cannot be started: " + started.error().text;
    if (!plugin.install_hint.empty()) text += "; " + one_line(plugin.install_hint);
    answer(Error{started.error().code, std::move(text)});
}

void Credentials::plugin_ended(const net::ProcessEnd& end) {
    plugin_.reset();
    const std::string name = "the credential plugin " + access_.exec->command;
    const std::string said = end.errors.empty() ? std::string{} : ": " + one_line(end.errors);
    using net::ProcessFailure;
    if (end.failure == ProcessFailure::timed_out)
        return answer(Error{Errc::io, name + " did not end within " +
                                          std::to_string(plugin_time_max.count()) + " s" + said});
    if (end.failure == ProcessFailure::too_much)
        return answer(Error{Errc::invalid, name + " printed too much" + said});
    if (end.failure == ProcessFailure::signalled || end.status != 0)
        return answer(
            Error{Errc::io, name + " failed with " +
                                (end.failure == ProcessFailure::none ? "status " : "signal ") +
                                std::to_string(end.status) + said});
    auto printed = exec_credential_from_text(end.output, access_.exec->api_version);
    if (!printed) return answer(std::move(printed).error().within(name));
    Identity identity = with_headers({});
    if (!printed->token.empty()) {
        auto token = checked_token(printed->token, name);
        if (!token) return answer(std::move(token).error());
        identity = with_headers("Bearer " + *token);
    }
    identity.certificate = std::move(printed->certificate);
    identity.key = std::move(printed->key);
    printed_ = identity;
    printed_until_ = printed->expires;
    answer(identity);
}

void Credentials::answer(const Result<Identity>& identity) {
    for (const Then& then : std::exchange(waiting_, {})) then(identity);
}

}  // namespace nameplane::kube
