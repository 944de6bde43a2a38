#include "net/http_call.hpp"

#include "net/http_library.hpp"
#include <nameplane/base/check.hpp>

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <memory>

namespace nameplane::net {

namespace {

struct FreeEasy {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeSlist {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
struct FreeUrl {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Slist = std::unique_ptr<curl_slist, FreeSlist>;
using Url = std::unique_ptr<CURLU, FreeUrl>;

template <class T> void set(const Easy& easy, CURLoption option, T value) {
    NP_CHECK(curl_easy_setopt(easy.get(), option, value) == CURLE_OK, "libcurl 7.88 knows it");
}

void add(Slist& list, const std::string& line) {
    curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
    NP_CHECK(longer != nullptr, "there is memory");
    static_cast<void>(list.release());
    list.reset(longer);
}

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
    for (const std::string& line : call.headers) add(headers, line);
    set(easy, CURLOPT_ERRORBUFFER, reason.data());
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_URL, call.url.c_str());
    set(easy, CURLOPT_HTTPHEADER, headers.get());
    set(easy, CURLOPT_USERAGENT, "nameplane/" NAMEPLANE_VERSION);
    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(call.time_max.count()));
    set(easy, CURLOPT_WRITEFUNCTION, on_body);
    set(easy, CURLOPT_WRITEDATA, &body);
    set(easy, CURLOPT_NOPROGRESS, 0L);
    set(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    set(easy, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&stop));
    if (!call.authorities.empty()) set(easy, CURLOPT_CAINFO, call.authorities.c_str());
    if (!call.addresses.empty()) {
        add(addresses, resolved(call));
        set(easy, CURLOPT_RESOLVE, addresses.get());
    }
    if (call.method == "HEAD") {
        set(easy, CURLOPT_NOBODY, 1L);
    } else if (call.method == "POST") {
        set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
        set(easy, CURLOPT_COPYPOSTFIELDS, call.body.c_str());
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
