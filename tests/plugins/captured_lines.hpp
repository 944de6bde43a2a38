#pragma once
// CapturedLines: a LineLog whose lines a test reads.

#include "base/fd.hpp"
#include <nameplane/base/line_log.hpp>
#include <nameplane/base/metrics.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::test {

class CapturedLines {
public:
    CapturedLines() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        from_ = UniqueFd{ends[0]};
        to_ = UniqueFd{ends[1]};
        log_.emplace(1, to_.get(), dropped_);
    }
    LineLog* log() { return &*log_; }

    /// The next line, waited for.
    std::string next() {
        while (text_.find('\n') == std::string::npos) {
            std::array<char, 4096> part;
            const ssize_t octets = ::read(from_.get(), part.data(), part.size());
            if (octets <= 0) return "(the end)";
            text_.append(part.data(), static_cast<std::size_t>(octets));
        }
        const std::string line = text_.substr(0, text_.find('\n'));
        text_.erase(0, line.size() + 1);
        return line;
    }
    /// All lines that are left. Nothing can be written afterwards.
    std::vector<std::string> rest() {
        log_.reset();
        to_.reset();
        std::vector<std::string> lines;
        for (std::string line = next(); line != "(the end)"; line = next()) lines.push_back(line);
        return lines;
    }

private:
    UniqueFd from_;
    UniqueFd to_;
    metrics::Counter dropped_{1};
    std::optional<LineLog> log_;
    std::string text_;
};

}  // namespace nameplane::test
