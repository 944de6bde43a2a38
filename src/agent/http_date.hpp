#pragma once
// http_date: the time as HTTP's header Date has it (RFC 9110 5.6.7).

#include <string>

namespace nameplane::agent {

/// "Thu, 26 Nov 2026 12:00:00 GMT". Any thread.
std::string http_date();

}  // namespace nameplane::agent
