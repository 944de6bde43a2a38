#pragma once
// NP_CHECK: what cannot happen, checked in every build. A broken invariant ends the process with
// one line; it is never used for input, which is reported by Result.

namespace nameplane {

/// Prints the failed condition, why it should hold and where; then aborts.
[[noreturn]] void check_failed(const char* condition, const char* why, const char* file,
                               int line) noexcept;

}  // namespace nameplane

#define NP_CHECK(condition, why)                                                                   \
    (static_cast<bool>(condition)                                                                  \
         ? static_cast<void>(0)                                                                    \
         : ::nameplane::check_failed(#condition, why, __FILE__, __LINE__))
