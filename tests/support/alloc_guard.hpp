#pragma once
// alloc_guard: counts what a test program takes from the heap by operator new. Linking
// alloc_guard.cpp replaces the operators for the whole program.

#include <cstddef>

namespace nameplane::test {

/// How often operator new, in whatever form, was called so far by any thread.
std::size_t allocations() noexcept;

}  // namespace nameplane::test
