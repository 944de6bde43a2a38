#pragma once
// stderr_of: what the log prints while something runs.

#include "base/fd.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace nameplane::test {

/// What `write` makes the process print to standard error.
template <class Write> std::string stderr_of(Write write) {
    std::FILE* file = std::tmpfile();
    REQUIRE(file != nullptr);
    std::fflush(stderr);
    const UniqueFd before{::dup(STDERR_FILENO)};
    REQUIRE(::dup2(::fileno(file), STDERR_FILENO) == STDERR_FILENO);
    write();
    std::fflush(stderr);
    ::dup2(before.get(), STDERR_FILENO);
    std::fseek(file, 0, SEEK_END);
    std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
}

}  // namespace nameplane::test
