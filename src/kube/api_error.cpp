#include "kube/api_error.hpp"

#include "kube/tree.hpp"

#include <algorithm>

namespace nameplane::kube {
namespace {

using net::HttpFailure;

constexpr std::size_t line_octets_max = 400;

std::string who_we_are(const ApiAccess& access) {
    if (access.exec) return "the credential plugin " + access.exec->command;
    if (!access.token_file.empty()) return "the token in " + access.token_file;
    if (!access.token.empty()) return "the token of " + access.origin;
    if (!access.username.empty()) return "the password of " + access.origin;
    if (!access.peer.certificate.file.empty())
        return "the client certificate " + access.peer.certificate.file;
    if (!access.peer.certificate.text.empty()) return "the client certificate of " + access.origin;
    return {};
}

std::string authorities_of(const ApiAccess& access) {
    if (!access.peer.authorities.file.empty()) return access.peer.authorities.file;
    if (!access.peer.authorities.text.empty())
        return "the certificate-authority-data of " + access.origin;
    return "the system's authorities";
}

std::string wait_text(const net::HttpHead& head) {
    if (!head.retry_after) return "it is tried again";
    return "it is tried again in " + std::to_string(head.retry_after->count()) + " s, as it asks";
}

/// " (MESSAGE)" or nothing.
std::string in_brackets(const std::string& text) {
    return text.empty() ? text : " (" + text + ")";
}

std::string of_unauthorized(const ApiAccess& access, const std::string& said) {
    const std::string who = who_we_are(access);
    if (who.empty())
        return "the server wants to know who we are (401), and " + access.origin +
               " has neither a token nor a client certificate; give it one" + in_brackets(said);
    return "the server does not accept " + who +
           " (401); it may have expired or belong to another cluster: renew it" + in_brackets(said);
}

/// "services is forbidden: User "x" cannot list resource "services" in API group ..." without its
/// beginning, which repeats what follows.
std::string of_forbidden(std::string said) {
    constexpr std::string_view middle = " is forbidden: ";
    const std::size_t at = said.find(middle);
    if (at != std::string::npos) said.erase(0, at + middle.size());
    if (said.empty()) said = "no reason given";
    return "forbidden (403): " + said +
           "; give that user a ClusterRole with this verb and resource, such as the one in deploy/";
}

std::string of_status(const ApiFailure& failure) {
    const int status = failure.head.status;
    const ApiStatus told = status_of(failure.body);
    const std::string said = told.is_status ? told.message : one_line(failure.body);
    const std::string number = "(" + std::to_string(status) + ")";
    if (status == 401) return of_unauthorized(failure.access, said);
    if (status == 403) return of_forbidden(said);
    if (status == 404 && !told.is_status)
        return failure.access.peer.url + " has no such path " + number +
               ", so it may be no API server, or not have this API group; check the server's URL" +
               in_brackets(said);
    if (status == 410)
        return "what it goes on from is too old (410); it is listed again" + in_brackets(said);
    if (status == 429)
        return "the server is too busy (429); " + wait_text(failure.head) + in_brackets(said);
    if (status >= 500)
        return "the server has a problem of its own " + number + "; " + wait_text(failure.head) +
               in_brackets(said);
    if (status >= 300 && status < 400)
        return "the server sends us elsewhere " + number +
               ", which an API server does not; check the server's URL";
    return "the server refuses it " + number + in_brackets(said);
}

std::string of_end(const ApiFailure& failure) {
    const ApiAccess& access = failure.access;
    const std::string& url = access.peer.url;
    const std::string why = in_brackets(one_line(failure.end.reason));
    switch (failure.end.failure) {
    case HttpFailure::none: return "the answer was not understood";
    case HttpFailure::unresolved:
        return "the name in " + url + " leads nowhere" + why +
               "; check the name and this node's resolver";
    case HttpFailure::unconnected:
        return "no connection to " + url + why +
               "; check that the API server runs and that this node reaches it";
    case HttpFailure::untrusted:
        return "the certificate of " + url + " was not signed by " + authorities_of(access) + why +
               "; give the cluster's CA";
    case HttpFailure::other_name:
        return "the certificate of " + url + " is for other names" + why +
               "; use a name that it has, or set tls-server-name to one";
    case HttpFailure::other_time:
        return "the certificate of " + url + " is not valid at this time" + why +
               "; renew it, or set this node's clock";
    case HttpFailure::tls:
        return "no TLS with " + url + why + "; check the URL's scheme and port, the CA in " +
               authorities_of(access) + " and the client certificate";
    case HttpFailure::timed_out:
        return "no whole answer from " + url + " in time" + why + "; it is tried again";
    case HttpFailure::cut:
        return "the connection to " + url + " was lost" + why + "; it is tried again";
    case HttpFailure::proxy:
        return "the proxy " + access.peer.proxy + " does not lead to " + url + why +
               "; check proxy-url";
    case HttpFailure::other: break;
    }
    return "no answer from " + url + why + "; check the server's URL";
}

}  // namespace

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text.substr(0, line_octets_max))
        line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    while (line.ends_with(' ') || line.ends_with('.')) line.pop_back();
    if (text.size() > line_octets_max) line += " ...";
    return line;
}

ApiStatus status_of(std::string_view body) {
    const Tree tree = read_json(body);
    if (tree.fault() != nullptr) return {};
    const Value root = tree.root();
    if (root.find("kind").text() != "Status") return {};
    return {.is_status = true,
            .message = one_line(root.find("message").text()),
            .reason = one_line(root.find("reason").text())};
}

std::string explain(const ApiFailure& failure) {
    const bool refused = failure.head.status != 0 && failure.head.status / 100 != 2;
    return std::string{failure.what} + ": " + (refused ? of_status(failure) : of_end(failure));
}

}  // namespace nameplane::kube
