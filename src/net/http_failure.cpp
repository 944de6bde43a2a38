#include "net/http_failure.hpp"

#include <algorithm>

namespace nameplane::net {
namespace {

// X509_V_ERR_* of OpenSSL's <openssl/x509_vfy.h>, which libcurl hands through as numbers.
constexpr long verify_ok = 0;
constexpr long verify_undecided = 1;  // what libcurl begins with
constexpr long verify_not_yet_valid = 9;
constexpr long verify_expired = 10;

long long_info(CURL* easy, CURLINFO info) {
    long value = 0;
    curl_easy_getinfo(easy, info, &value);
    return value;
}

curl_off_t time_info(CURL* easy, CURLINFO info) {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy, info, &microseconds);
    return microseconds;
}

HttpFailure of_verification(CURL* easy) {
    const long result = long_info(easy, CURLINFO_SSL_VERIFYRESULT);
    // Nothing was wrong with the chain: then it was the name.
    if (result == verify_ok || result == verify_undecided) return HttpFailure::other_name;
    if (result == verify_not_yet_valid || result == verify_expired) return HttpFailure::other_time;
    return HttpFailure::untrusted;
}

bool refused_by_proxy(CURL* easy) {
    const long status = long_info(easy, CURLINFO_HTTP_CONNECTCODE);
    return status != 0 && status / 100 != 2;
}

/// libcurl has one code for all its time limits.
HttpFailure of_time(CURL* easy, std::string_view text, bool through_proxy) {
    if (time_info(easy, CURLINFO_PRETRANSFER_TIME_T) > 0) return HttpFailure::timed_out;
    if (text.starts_with("Resolving"))
        return through_proxy ? HttpFailure::proxy : HttpFailure::unresolved;
    const bool tunnelled = long_info(easy, CURLINFO_HTTP_CONNECTCODE) / 100 == 2;
    return through_proxy && !tunnelled ? HttpFailure::proxy : HttpFailure::unconnected;
}

/// With TLS 1.3 a server refuses our certificate when we believe to be connected already.
bool is_alert(std::string_view text) {
    return text.find("SSL") != std::string_view::npos &&
           text.find(" alert ") != std::string_view::npos;
}

HttpFailure failure_of(CURL* easy, CURLcode code, std::string_view text, bool through_proxy) {
    // Only the codes that are told apart; libcurl has a hundred.
    switch (static_cast<int>(code)) {
    case CURLE_OK: return HttpFailure::none;
    case CURLE_COULDNT_RESOLVE_HOST: return HttpFailure::unresolved;
    case CURLE_COULDNT_CONNECT:
        return through_proxy ? HttpFailure::proxy : HttpFailure::unconnected;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY: return HttpFailure::proxy;
    case CURLE_PEER_FAILED_VERIFICATION: return of_verification(easy);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED: return HttpFailure::tls;
    case CURLE_OPERATION_TIMEDOUT: return of_time(easy, text, through_proxy);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        if (refused_by_proxy(easy)) return HttpFailure::proxy;
        return is_alert(text) ? HttpFailure::tls : HttpFailure::cut;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return HttpFailure::cut;
    default: return HttpFailure::other;
    }
}

}  // namespace

HttpEnd end_of_exchange(CURL* easy, CURLcode code, std::string_view text, bool through_proxy) {
    HttpEnd end{.failure = failure_of(easy, code, text, through_proxy), .reason = {}};
    if (end.failure == HttpFailure::none) return end;
    end.reason = text.empty() ? curl_easy_strerror(code) : text;
    return end;
}

}  // namespace nameplane::net
