#include "kube/api_access.hpp"

#include "kube/folder.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace nameplane::kube {
namespace {

constexpr std::string_view base64_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_port(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 5 &&
           std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) &&
           std::atoi(std::string{text}.c_str()) <= 65535;
}

bool is_host(std::string_view host) noexcept {
    if (host.starts_with('[')) return host.ends_with(']') && host.size() > 2;
    return !host.empty() && host.find_first_of("[]:@ \t\r\n?#%\"<>\\^`{|}") == host.npos;
}

std::string joined(const std::string& host, const std::string& port) {
    return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' + port;
}

}  // namespace

std::string environment_of_process(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string{} : std::string{value};
}

Result<std::string> checked_url(std::string_view url) {
    const Error wrong{Errc::invalid, "'" + std::string{url} +
                                         "' is no URL of a server, expected one such as "
                                         "https://10.96.0.1:443"};
    std::string_view rest = url;
    if (rest.starts_with("https://"))
        rest.remove_prefix(8);
    else if (rest.starts_with("http://"))
        rest.remove_prefix(7);
    else
        return wrong;
    if (rest.find_first_of(" \t\r\n?#\"<>\\^`{|}") != rest.npos) return wrong;
    std::string_view authority = rest.substr(0, rest.find('/'));
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    if (colon != authority.npos && (bracket == authority.npos || colon > bracket)) {
        if (!is_port(authority.substr(colon + 1))) return wrong;
        authority = authority.substr(0, colon);
    }
    if (!is_host(authority)) return wrong;
    while (url.ends_with('/')) url.remove_suffix(1);
    return std::string{url};
}

Result<ApiAccess> in_cluster_access(const Environment& environment, const std::string& folder) {
    const std::string host = environment("KUBERNETES_SERVICE_HOST");
    const std::string port = environment("KUBERNETES_SERVICE_PORT");
    if (host.empty() || port.empty())
        return Error{Errc::not_found,
                     "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is "
                     "no Pod of a cluster; expected them, or a kubeconfig file"};
    auto url = checked_url("https://" + joined(host, port));
    if (!url)
        return std::move(url).error().within("KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT");
    ApiAccess access{.origin = "the service account in " + folder};
    access.peer.url = std::move(*url);
    access.peer.authorities.file = folder + "/ca.crt";
    access.token_file = folder + "/token";
    for (const std::string& file : {access.token_file, access.peer.authorities.file}) {
        const auto text = read_file(file);
        if (!text)
            return Error{text.error().code, file + ": " + text.error().text +
                                                ", expected what a Pod gets of its service account "
                                                "(is automountServiceAccountToken false?)"};
    }
    return access;
}

Result<ApiAccess> endpoint_access(const EndpointOptions& options) {
    const bool tls = !options.certificate.empty() || !options.authorities.empty();
    std::string text = options.endpoint;
    if (text.find("://") == std::string::npos) text = (tls ? "https://" : "http://") + text;
    auto url = checked_url(text);
    if (!url) return std::move(url).error().within("endpoint");
    if (options.certificate.empty() != options.key.empty())
        return Error{Errc::invalid, "tls has a certificate or a key, expected both or none"};
    ApiAccess access{.origin = "the endpoint " + *url};
    access.peer.url = std::move(*url);
    access.peer.certificate.file = options.certificate;
    access.peer.key.file = options.key;
    access.peer.authorities.file = options.authorities;
    for (const std::string& file : {options.certificate, options.key, options.authorities}) {
        if (file.empty()) continue;
        const auto content = read_file(file);
        if (!content)
            return Error{content.error().code,
                         "tls: " + file + ": " + content.error().text + ", expected a PEM file"};
    }
    return access;
}

Result<ApiAccess> with_master(ApiAccess access, const std::string& url) {
    std::string text = url;
    if (text.find("://") == std::string::npos)
        text = (access.peer.authorities.empty() ? "http://" : "https://") + text;
    auto checked = checked_url(text);
    if (!checked) return std::move(checked).error().within("master");
    access.peer.url = std::move(*checked);
    return access;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string octets;
    std::uint32_t bits = 0;
    int count = 0;
    int padding = 0;
    for (const char c : text) {
        if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
        const std::size_t value = c == '=' ? 0 : base64_letters.find(c);
        if (value == base64_letters.npos || (padding != 0 && c != '=')) return std::nullopt;
        padding += c == '=' ? 1 : 0;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (++count % 4 != 0) continue;
        for (const int shift : {16, 8, 0}) octets += static_cast<char>(bits >> shift & 0xff);
        if (padding > 2) return std::nullopt;
    }
    if (count % 4 != 0) return std::nullopt;
    octets.resize(octets.size() - static_cast<std::size_t>(std::min(padding, 2)));
    return octets;
}

std::string to_base64(std::string_view octets) {
    std::string text;
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k)
            bits = bits << 8 |
                   (i + k < octets.size() ? static_cast<unsigned char>(octets[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            text += i + k > octets.size() ? '=' : base64_letters[bits >> (18 - 6 * k) & 63];
    }
    return text;
}

}  // namespace nameplane::kube
