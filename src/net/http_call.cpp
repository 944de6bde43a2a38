#include "net/http_call.hpp"

#include "net/http_library.hpp"
#include <nameplane/base/check.hpp>

#include <strings.h>

#include <algorithm>
#include <array>
#include <memory>

namespace nameplane::net {

namespace {

struct FreeUrl {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Slist = std::unique_ptr<curl_slist, FreeList>;
using Url = std::unique_ptr<CURLU, FreeUrl>;

struct Body {
    std::string text;
    std::size_t octets_max;
};

std::size_t on_body(char* data, std::size_t, std::size_t octets, void* into) {
    auto& body = *static_cast<Body*>(into);
    if (octets > body.octets_max - body.text.size()) return 0;
    body.text.append(data, octets);
    return octets;
}

int on_progress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::atomic<bool>*>(stop)->load(std::memory_order_relaxed) ? 1 : 0;
}

std::string part_of(const Url& url, CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(url.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    std::string copy{text};
    curl_free(text);
    return copy;
}

// "host:port:address,address" as CURLOPT_RESOLVE takes it; empty where the URL is none.
std::string resolved(const HttpCall& call) {
    const Url url{curl_url()};
    if (curl_url_set(url.get(), CURLUPART_URL, call.url.c_str(), 0) != CURLUE_OK) return {};
    std::string line = part_of(url, CURLUPART_HOST) + ':' + part_of(url, CURLUPART_PORT);
    char before = ':';
    for (const IpAddress& address : call.addresses) {
        line += before + address.to_string();
        before = ',';
    }
    return line;
}

std::vector<std::pair<std::string, std::string>> headers_of(const Easy& easy) {
    std::vector<std::pair<std::string, std::string>> all;
    curl_header* at = nullptr;
    while ((at = curl_easy_nextheader(easy.get(), CURLH_HEADER, -1, at)) != nullptr) {
        all.emplace_back(at->name, at->value);
    }
    return all;
}

}  // namespace

std::string_view HttpReply::header(std::string_view name) const noexcept {
    const auto found = std::ranges::find_if(headers, [&](const auto& each) {
        return each.first.size() == name.size() &&
               ::strncasecmp(each.first.data(), name.data(), name.size()) == 0;
    });
    return found == headers.end() ? std::string_view{} : std::string_view{found->second};
}

Result<HttpReply> http_call(const HttpCall& call, const std::atomic<bool>& stop) {
    init_http_library();
    const Easy easy{curl_easy_init()};
    NP_CHECK(easy != nullptr, "there is memory");
    std::array<char, CURL_ERROR_SIZE> reason{};
    Body body{{}, call.octets_max};
    Slist headers;
    Slist addresses;
    for (const std::string& line : call.headers) append(headers, line);
    set(easy.get(), CURLOPT_ERRORBUFFER, reason.data());
    set(easy.get(), CURLOPT_NOSIGNAL, 1L);
    set(easy.get(), CURLOPT_QUICK_EXIT, 1L);
    set(easy.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy.get(), CURLOPT_URL, call.url.c_str());
    set(easy.get(), CURLOPT_HTTPHEADER, headers.get());
    set(easy.get(), CURLOPT_USERAGENT, "nameplane/" NAMEPLANE_VERSION);
    set(easy.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(call.time_max.count()));
    set(easy.get(), CURLOPT_WRITEFUNCTION, on_body);
    set(easy.get(), CURLOPT_WRITEDATA, &body);
    set(easy.get(), CURLOPT_NOPROGRESS, 0L);
    set(easy.get(), CURLOPT_XFERINFOFUNCTION, on_progress);
    set(easy.get(), CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&stop));
    if (!call.authorities.empty()) set(easy.get(), CURLOPT_CAINFO, call.authorities.c_str());
    if (!call.addresses.empty()) {
        append(addresses, resolved(call));
        set(easy.get(), CURLOPT_RESOLVE, addresses.get());
    }
    if (call.method == "HEAD") {
        set(easy.get(), CURLOPT_NOBODY, 1L);
    } else if (call.method == "POST") {
        set(easy.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
        set(easy.get(), CURLOPT_COPYPOSTFIELDS, call.body.c_str());
    }
    const CURLcode code = curl_easy_perform(easy.get());
    if (code == CURLE_ABORTED_BY_CALLBACK) return Error{Errc::again, "stopped"};
    if (code == CURLE_WRITE_ERROR) {
        return Error{Errc::io,
                     call.url + ": more than " + std::to_string(call.octets_max) + " octets came"};
    }
    if (code != CURLE_OK) {
        return Error{Errc::io, call.url + ": " +
                                   (reason[0] != '\0' ? reason.data() : curl_easy_strerror(code))};
    }
    HttpReply reply{
        .status = 0, .headers = headers_of(easy), .body = std::move(body.text), .retry_after = {}};
    long status = 0;
    curl_off_t wait = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &wait);
    reply.status = static_cast<int>(status);
    if (wait > 0) reply.retry_after = std::chrono::seconds{wait};
    return reply;
}

}  // namespace nameplane::net
