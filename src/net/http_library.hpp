#pragma once
// http_library: what libcurl needs once in a process.

namespace nameplane::net {

/// From any thread and any number of times.
void init_http_library();

}  // namespace nameplane::net
