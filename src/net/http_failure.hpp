#pragma once
// What libcurl's end of a transfer means to us.

#include "net/http_client.hpp"

#include <curl/curl.h>

#include <string_view>

namespace nameplane::net {

/// `text` is what the library wrote about it, maybe nothing.
HttpEnd end_of_exchange(CURL* easy, CURLcode code, std::string_view text, bool through_proxy);

}  // namespace nameplane::net
