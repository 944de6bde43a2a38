#include "base/fd.hpp"
#include "support/stderr_of.hpp"
#include <nameplane/base/log.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace nameplane {
namespace {

using test::stderr_of;

/// The line without its time, which stands before it as "2026-01-31T23:59:59.123+01:00 ".
std::string line_of(const std::string& printed) {
    constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd.ddd+dd:dd ";
    const auto fits = [](char is, char expected) {
        if (expected == 'd') return is >= '0' && is <= '9';
        return is == expected || (is == '-' && expected == '+');
    };
    REQUIRE(printed.size() > shape.size());
    CHECK(std::ranges::equal(printed.substr(0, shape.size()), shape, fits));
    return printed.substr(shape.size());
}

TEST_CASE("a line is a time, a level, an event and its pairs", "[base][log]") {
    struct Row {
        const char* value;
        const char* written;
    };
    const std::vector<Row> rows = {
        {"plain", "plain"},
        {"10.0.0.1:53", "10.0.0.1:53"},
        {"", R"("")"},
        {"two words", R"("two words")"},
        {"a=b", R"("a=b")"},
        {R"(say "hi")", R"("say \"hi\"")"},
        {"two\nlines", R"("two\nlines")"},
        {R"(C:\ with space)", R"("C:\\ with space")"},
    };
    for (const Row& row : rows) {
        const std::string printed =
            stderr_of([&] { NP_LOG_WARNING("test.event", "key", row.value); });
        CHECK(line_of(printed) == "warning test.event key=" + std::string{row.written} + "\n");
    }
    const std::string printed = stderr_of([] {
        NP_LOG_INFO("test.values", "number", 7, "truth", true, "ip", IpAddress::v4(10, 0, 0, 1),
                    "address", (SocketAddress{IpAddress::v4(10, 0, 0, 1), 53}), "error",
                    (Error{Errc::io, "it broke"}));
    });
    CHECK(line_of(printed) ==
          "info test.values number=7 truth=true ip=10.0.0.1 address=10.0.0.1:53 "
          "error=\"it broke\"\n");
}

TEST_CASE("lines below the level are dropped, and cost nothing", "[base][log]") {
    int evaluated = 0;
    const auto value = [&] { return ++evaluated; };
    const std::string printed = stderr_of([&] {
        log::set_level(log::Level::error);
        NP_LOG_WARNING("test.dropped", "value", value());
        NP_LOG_ERROR("test.kept");
        log::set_level(log::Level::off);
        NP_LOG_ERROR("test.dropped", "value", value());
        log::set_level(log::Level::info);
        NP_LOG_DEBUG("test.dropped", "value", value());
    });
    CHECK(line_of(printed) == "error test.kept\n");
    CHECK(evaluated == 0);
    CHECK(log::enabled(log::Level::info));
    CHECK_FALSE(log::enabled(log::Level::debug));
}

TEST_CASE("levels are read by name", "[base][log]") {
    CHECK(log::parse_level("debug") == log::Level::debug);
    CHECK(log::parse_level("info") == log::Level::info);
    CHECK(log::parse_level("warning") == log::Level::warning);
    CHECK(log::parse_level("error") == log::Level::error);
    CHECK(log::parse_level("off") == log::Level::off);
    for (const char* wrong : {"", "warn", "INFO", "info "}) {
        CHECK_FALSE(log::parse_level(wrong).has_value());
    }
}

TEST_CASE("threads write whole lines", "[base][log][threads]") {
    const std::string printed = stderr_of([] {
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([t] {
                for (int i = 0; i < 50; ++i) NP_LOG_INFO("test.line", "thread", t, "line", i);
            });
        }
        for (std::thread& thread : threads) thread.join();
    });
    std::set<std::string> lines;
    std::istringstream text{printed};
    for (std::string line; std::getline(text, line);) lines.insert(line_of(line));
    CHECK(lines.size() == 150);
    CHECK(lines.contains("info test.line thread=2 line=49"));
    for (const std::string& line : lines)
        CHECK_THAT(line, Catch::StartsWith("info test.line thread="));
}

TEST_CASE("a descriptor has one owner, who closes it", "[base]") {
    const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) != -1; };
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    UniqueFd reading{ends[0]};
    {
        UniqueFd writing{ends[1]};
        UniqueFd moved = std::move(writing);
        CHECK_FALSE(writing);  // NOLINT(bugprone-use-after-move): a moved one is empty
        CHECK(moved.get() == ends[1]);
        CHECK(is_open(ends[1]));
    }
    CHECK_FALSE(is_open(ends[1]));
    UniqueFd& same = reading;
    reading = std::move(same);
    CHECK(is_open(ends[0]));
    const int released = reading.release();
    CHECK_FALSE(reading);
    CHECK(is_open(released));
    reading.reset(released);
    reading.reset();
    CHECK_FALSE(is_open(ends[0]));
}

}  // namespace
}  // namespace nameplane
