#pragma once
// http_library: what all requests by libcurl share. Internal to src/net.

#include <nameplane/base/check.hpp>

#include <curl/curl.h>

#include <memory>
#include <string>

namespace nameplane::net {

struct FreeEasy {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeList {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

/// From any thread and any number of times.
void init_http_library();

template <class T> void set(CURL* easy, CURLoption option, T value) {
    NP_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK,
             "libcurl 7.88 with OpenSSL knows the option");
}

inline void append(std::unique_ptr<curl_slist, FreeList>& list, const std::string& line) {
    curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
    NP_CHECK(longer != nullptr, "there is memory");
    static_cast<void>(list.release());
    list.reset(longer);
}

}  // namespace nameplane::net
