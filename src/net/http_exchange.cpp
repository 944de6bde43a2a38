#include "net/http_exchange.hpp"

#include "net/http_failure.hpp"
#include <nameplane/base/check.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace nameplane::net {
namespace {

// A connection whose packets are dropped without a word is noticed by the kernel within
// idle + interval * probes = 25 s when nothing is sent, within 20 s when something is.
constexpr int keepalive_idle_s = 10;
constexpr int keepalive_interval_s = 5;
constexpr int keepalive_probes = 3;
constexpr int unacknowledged_ms_max = 20'000;

int on_socket(void*, curl_socket_t fd, curlsocktype) {
    const auto set_int = [fd](int level, int option, int value) {
        // What a kernel lacks makes the connection slower to fail, not worse.
        static_cast<void>(::setsockopt(fd, level, option, &value, sizeof value));
    };
    set_int(SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_s);
    set_int(IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_s);
    set_int(IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
    set_int(IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms_max);
    return CURL_SOCKOPT_OK;
}

void set_pem(CURL* easy, const Pem& pem, CURLoption file, CURLoption blob) {
    if (!pem.file.empty()) return set(easy, file, pem.file.c_str());
    if (pem.text.empty()) return;
    // libcurl does not write to it; CURL_BLOB_COPY makes it keep its own.
    curl_blob text{const_cast<char*>(pem.text.data()), pem.text.size(), CURL_BLOB_COPY};
    set(easy, blob, &text);
}

/// "https://host:port/prefix" in its parts; the port with its colon, or empty.
struct UrlParts {
    std::string scheme;
    std::string host;  ///< an IPv6 address in its brackets
    std::string port;
    std::string rest;
};

UrlParts parts_of(const std::string& url) {
    UrlParts parts;
    const std::size_t scheme_end = url.find("://");
    const std::size_t begin = scheme_end == std::string::npos ? 0 : scheme_end + 3;
    parts.scheme = url.substr(0, begin);
    const std::size_t path = std::min(url.find('/', begin), url.size());
    const std::string authority = url.substr(begin, path - begin);
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    const bool has_port =
        colon != std::string::npos &&
        (bracket == std::string::npos ? authority.find(':') == colon : colon > bracket);
    parts.host = has_port ? authority.substr(0, colon) : authority;
    if (has_port) parts.port = authority.substr(colon);
    parts.rest = url.substr(path);
    return parts;
}

std::string in_brackets(const std::string& name) {
    return name.find(':') == std::string::npos || name.starts_with('[') ? name : '[' + name + ']';
}

bool is_name(std::string_view line, std::string_view name) noexcept {
    return line.size() > name.size() && line[name.size()] == ':' &&
           std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
               return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
}

std::string_view value_of(std::string_view line) noexcept {
    line.remove_prefix(std::min(line.find(':') + 1, line.size()));
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    return line;
}

std::optional<std::chrono::seconds> seconds_of(std::string_view text) noexcept {
    std::uint32_t seconds = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
    return std::chrono::seconds{seconds};
}

}  // namespace

Exchange::Exchange(const HttpPeer& peer, HttpRequest request, HttpCallbacks callbacks,
                   ExchangeOwner& owner)
    : easy_{curl_easy_init()}, request_{std::move(request)},
      callbacks_{std::move(callbacks)}, owner_{&owner}, through_proxy_{!peer.proxy.empty()} {
    NP_CHECK(easy_ != nullptr, "there is memory");
    set_up();
    set_up_connection(peer);
    set_up_trust(peer);
    address(peer);
    for (const std::string& line : request_.headers) append(headers_, line);
    set(easy(), CURLOPT_HTTPHEADER, headers_.get());
}

void Exchange::set_up() {
    CURL* const e = easy();
    set(e, CURLOPT_PRIVATE, this);
    set(e, CURLOPT_ERRORBUFFER, error_.data());
    set(e, CURLOPT_NOSIGNAL, 1L);
    // Else a cancelled look-up of a name would be waited for.
    set(e, CURLOPT_QUICK_EXIT, 1L);
    set(e, CURLOPT_PROTOCOLS_STR, "http,https");
    set(e, CURLOPT_FOLLOWLOCATION, 0L);
    set(e, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(e, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(e, CURLOPT_HEADERDATA, this);
    set(e, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(e, CURLOPT_WRITEDATA, this);
    set(e, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.time_max.count()));
    if (request_.compressed) set(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    if (!request_.post) return;
    set(e, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.post->size()));
    set(e, CURLOPT_POSTFIELDS, request_.post->data());
    append(headers_, "Expect:");  // else a large body waits for a 100 that few servers send
}

void Exchange::set_up_connection(const HttpPeer& peer) {
    CURL* const e = easy();
    set(e, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    // Without TLS, whether a connection can be shared shows with its first answer only.
    set(e, CURLOPT_BUFFERSIZE, static_cast<long>(exchange_buffer_octets));
    set(e, CURLOPT_PIPEWAIT, peer.url.starts_with("https:") ? 1L : 0L);
    set(e, CURLOPT_CONNECTTIMEOUT, static_cast<long>(http_connect_time_max.count()));
    set(e, CURLOPT_SOCKOPTFUNCTION, &on_socket);
    // An empty string is "none", whatever the environment says.
    set(e, CURLOPT_PROXY, peer.proxy.c_str());
    set(e, CURLOPT_NOPROXY, "");
}

void Exchange::set_up_trust(const HttpPeer& peer) {
    CURL* const e = easy();
    set(e, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(e, CURLOPT_SSL_VERIFYPEER, peer.verify ? 1L : 0L);
    set(e, CURLOPT_SSL_VERIFYHOST, peer.verify ? 2L : 0L);
    // Files are read for each new connection, and a resumed session would prove nothing anew:
    // neither the server's certificate nor ours.
    set(e, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    set(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    if (!peer.authorities.empty()) {
        // Else the system's authorities would be trusted beside ours.
        set<char*>(e, CURLOPT_CAPATH, nullptr);
        set<char*>(e, CURLOPT_CAINFO, nullptr);
        set_pem(e, peer.authorities, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB);
    }
    set_pem(e, peer.certificate, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB);
    set_pem(e, peer.key, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB);
    // An encrypted key is an error; without this, OpenSSL would ask at the terminal.
    set(e, CURLOPT_KEYPASSWD, "");
}

void Exchange::address(const HttpPeer& peer) {
    const UrlParts url = parts_of(peer.url);
    const bool renamed = url.scheme == "https://" && !peer.server_name.empty() &&
                         in_brackets(peer.server_name) != url.host;
    if (!renamed) {
        set(easy(), CURLOPT_URL, (peer.url + request_.target).c_str());
        return;
    }
    // libcurl verifies the name in the URL; so that one is what must be proven, and the connection
    // goes to where it went before.
    const std::string name = in_brackets(peer.server_name);
    const std::string port = url.port.empty() ? ":443" : url.port;
    append(connect_to_, name + port + ':' + url.host + port);
    append(headers_, "Host: " + url.host + url.port);
    set(easy(), CURLOPT_CONNECT_TO, connect_to_.get());
    set(easy(), CURLOPT_URL, (url.scheme + name + port + url.rest + request_.target).c_str());
}

void Exchange::cancel() noexcept {
    account();
    owner_ = nullptr;
    cancelled_ = true;
    if (!telling_) const HttpCallbacks gone = std::exchange(callbacks_, {});
}

void Exchange::account() noexcept {
    if (owner_ == nullptr) return;
    curl_off_t octets = 0;
    long connections = 0;
    curl_easy_getinfo(easy(), CURLINFO_SIZE_DOWNLOAD_T, &octets);
    curl_easy_getinfo(easy(), CURLINFO_NUM_CONNECTS, &connections);
    const auto octets_now = std::max(static_cast<std::uint64_t>(octets), octets_counted_);
    const auto connections_now =
        std::max(static_cast<std::uint64_t>(connections), connections_counted_);
    owner_->account(octets_now - std::exchange(octets_counted_, octets_now),
                    connections_now - std::exchange(connections_counted_, connections_now));
}

bool Exchange::connected() const noexcept {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy(), CURLINFO_PRETRANSFER_TIME_T, &microseconds);
    return microseconds > 0;
}

HttpEnd Exchange::end_of(CURLcode code) const {
    return end_of_exchange(easy(), code, {error_.data()}, through_proxy_);
}

template <class F> void Exchange::tell(F call) {
    if (cancelled_) return;
    telling_ = true;
    call();
    telling_ = false;
    if (cancelled_) const HttpCallbacks gone = std::exchange(callbacks_, {});
}

void Exchange::finish(const HttpEnd& end) {
    account();
    tell([&] {
        if (callbacks_.end) callbacks_.end(end);
    });
    cancel();
}

std::size_t Exchange::on_header(char* text, std::size_t size, std::size_t count, void* self) {
    static_cast<Exchange*>(self)->header({text, size * count});
    return size * count;
}

void Exchange::header(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (cancelled_ || muted_ || head_told_) return;  // told: trailers
    if (is_name(line, "retry-after")) head_.retry_after = seconds_of(value_of(line));
    if (is_name(line, "content-type")) head_.content_type = value_of(line);
    if (!line.empty()) return;
    long status = 0;
    long version = 0;
    curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy(), CURLINFO_HTTP_VERSION, &version);
    if (status < 200) {  // 100 Continue and the like come before the head
        head_ = {};
        return;
    }
    head_told_ = true;
    head_.status = static_cast<int>(status);
    head_.shared = version == CURL_HTTP_VERSION_2_0;
    account();
    tell([&] {
        if (callbacks_.head) callbacks_.head(head_);
    });
}

std::size_t Exchange::on_body(char* octets, std::size_t size, std::size_t count, void* self) {
    auto* const exchange = static_cast<Exchange*>(self);
    exchange->account();
    // What is not wanted is taken all the same: an error would count against the connection.
    if (exchange->muted_) return size * count;
    exchange->tell([&] {
        if (exchange->callbacks_.body) exchange->callbacks_.body({octets, size * count});
    });
    return size * count;
}

}  // namespace nameplane::net
