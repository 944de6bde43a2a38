#include "base/fd.hpp"
#include <nameplane/base/line_log.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace nameplane {
namespace {

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        from = UniqueFd{ends[0]};
        to = UniqueFd{ends[1]};
    }
    /// Until the other end is closed.
    std::string read_all() const {
        std::string text;
        std::array<char, 4096> part;
        for (;;) {
            const ssize_t octets = ::read(from.get(), part.data(), part.size());
            if (octets <= 0) return text;
            text.append(part.data(), static_cast<std::size_t>(octets));
        }
    }
    UniqueFd from;
    UniqueFd to;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t at = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', at)) {
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    CHECK(at == text.size());
    return lines;
}

TEST_CASE("lines come whole and in the order of each worker", "[base][line_log]") {
    constexpr std::size_t workers = 3;
    constexpr int each = 20'000;
    Pipe pipe;
    metrics::Counter dropped{workers};
    std::string text;
    std::thread reader{[&] { text = pipe.read_all(); }};
    {
        LineLog lines{workers, pipe.to.get(), dropped};
        lines.start();
        std::vector<std::thread> threads;
        for (std::size_t worker = 0; worker < workers; ++worker) {
            threads.emplace_back([&lines, worker] {
                for (int i = 0; i < each; ++i) {
                    lines.put(worker, std::to_string(worker) + " " + std::to_string(i) +
                                          std::string(static_cast<std::size_t>(i % 100), '.'));
                }
            });
        }
        for (int i = 0; i < 100; ++i) lines.put_shared("9 " + std::to_string(i));
        for (std::thread& thread : threads) thread.join();
    }
    pipe.to.reset();
    reader.join();
    const std::vector<std::string> got = lines_of(text);
    CHECK(got.size() + dropped.value() == workers * each + 100);
    std::map<char, int> last{{'0', -1}, {'1', -1}, {'2', -1}, {'9', -1}};
    bool whole = true;
    for (const std::string& line : got) {
        REQUIRE(line.size() > 2);
        const int number = std::stoi(line.substr(2));
        const std::size_t dots = line[0] == '9' ? 0 : static_cast<std::size_t>(number % 100);
        whole = whole && number > last.at(line[0]) &&
                line.substr(2) == std::to_string(number) + std::string(dots, '.');
        last.at(line[0]) = number;
    }
    CHECK(whole);
}

TEST_CASE("what nobody takes is dropped and counted, the rest stays whole", "[base][line_log]") {
    Pipe pipe;
    metrics::Counter dropped{1};
    std::string text;
    const std::string line(1023, 'x');
    const std::size_t fit = LineLog::ring_octets / 1024;
    auto lines = std::make_unique<LineLog>(1, pipe.to.get(), dropped);
    for (std::size_t i = 0; i < fit + 7; ++i) lines->put(0, line);
    CHECK(dropped.value() == 7);
    std::thread reader{[&] { text = pipe.read_all(); }};
    lines->start();
    // Once some have been taken there is room again.
    std::uint64_t before = 0;
    do {
        before = dropped.value();
        lines->put(0, "last");
        std::this_thread::yield();
    } while (dropped.value() != before);
    const std::uint64_t in_all = dropped.value();
    lines->put(0, std::string(LineLog::line_octets_max + 1, 'y'));
    CHECK(dropped.value() == in_all + 1);
    lines.reset();
    pipe.to.reset();
    reader.join();
    std::vector<std::string> expected(fit, line);
    expected.emplace_back("last");
    CHECK(lines_of(text) == expected);
}

}  // namespace
}  // namespace nameplane
