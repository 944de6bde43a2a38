// Which headers name a client's span, and which are as good as none.

#include "net/b3_headers.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace nameplane;
using net::B3Headers;

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

std::optional<TraceContext> read(const Lines& lines) {
    B3Headers headers;
    for (const auto& [name, value] : lines) headers.take(name, value);
    return headers.context();
}

std::optional<TraceContext> read_single(std::string value) {
    return read({{"b3", std::move(value)}});
}

const Lines ids{{"X-B3-TraceId", "463ac35c9f6413ad48485a3953bb6124"},
                {"X-B3-SpanId", "a2fb4a1d1a96d312"}};
const TraceContext of_ids{
    .trace_high = 0x463ac35c9f6413ad, .trace = 0x48485a3953bb6124, .span = 0xa2fb4a1d1a96d312};

Lines with(std::string name, std::string value) {
    Lines lines = ids;
    lines.emplace_back(std::move(name), std::move(value));
    return lines;
}

}  // namespace

TEST_CASE("B3: several headers name a span, in any case and any order") {
    CHECK(read({{"Host", "a"}, {"x-b3", "1"}}) == std::nullopt);
    CHECK(read(ids) == of_ids);
    CHECK(read({{"x-b3-SPANID", "7"}, {"x-b3-traceid", "00000000000000000000000000000000000f"}}) ==
          TraceContext{.trace = 15, .span = 7});
    TraceContext expected = of_ids;
    expected.parent = 0x20;
    CHECK(read(with("X-B3-ParentSpanId", "0000000000000020")) == expected);
    expected.parent.reset();
    for (const auto& [said, sampled] : {std::pair{"1", true}, {"tRue", true}, {"0", false}}) {
        expected.sampled = sampled;
        CHECK(read(with("X-B3-Sampled", said)) == expected);
        CHECK(read(with("X-B3-Sampled", said))->is_wanted() == sampled);
    }
    CHECK(read({{"X-B3-Sampled", "False"}}) == TraceContext{.sampled = false});
}

TEST_CASE("B3: debug goes before what is said of sampling") {
    Lines lines = with("X-B3-Flags", "1");
    lines.emplace_back("X-B3-Sampled", "0");
    const auto context = read(lines);
    REQUIRE(context);
    CHECK(context->debug);
    CHECK(context->sampled == std::nullopt);
    CHECK(context->is_wanted());
    CHECK(read(with("X-B3-Flags", "2")) == of_ids);
}

TEST_CASE("B3: of several headers of one name the first counts, an empty one as well") {
    CHECK(read(with("X-B3-TraceId", "1")) == of_ids);
    CHECK(read({{"X-B3-Sampled", ""}, {"X-B3-Sampled", "0"}}) == std::nullopt);
}

TEST_CASE("B3: what is wrong in one header makes all of them nothing") {
    for (const auto& [name, value] : Lines{{"X-B3-Sampled", "yes"},
                                           {"X-B3-ParentSpanId", "x"},
                                           {"X-B3-ParentSpanId", "-1"},
                                           {"X-B3-ParentSpanId", "10000000000000000"},
                                           {"X-B3-ParentSpanId", "0x1"}}) {
        INFO(name << value);
        CHECK(read(with(name, value)) == std::nullopt);
    }
    CHECK(read({ids[0]}) == std::nullopt);
    CHECK(read({ids[1]}) == std::nullopt);
    CHECK(read({{"X-B3-ParentSpanId", "1"}}) == std::nullopt);
    CHECK(read({{"X-B3-TraceId", std::string(33, '1')}, ids[1]}) == std::nullopt);
    CHECK(read({{"X-B3-TraceId", "1_1"}, ids[1]}) == std::nullopt);
    CHECK(read({ids[0], {"X-B3-SpanId", "0"}}) == std::nullopt);  // a collector takes no such span
}

TEST_CASE("B3: all in one header, which goes before the others unless it is wrong") {
    const std::string span = "48485a3953bb6124-a2fb4a1d1a96d312";
    TraceContext expected{.trace = of_ids.trace, .span = of_ids.span};
    CHECK(read_single(span) == expected);
    CHECK(read_single("463ac35c9f6413ad" + span) == of_ids);
    expected.debug = true;
    CHECK(read_single(span + "-d") == expected);
    expected = {.trace = of_ids.trace, .span = of_ids.span, .parent = 5, .sampled = true};
    CHECK(read_single(span + "-1-0000000000000005") == expected);
    CHECK(read_single("0") == TraceContext{.sampled = false});
    for (const std::string& wrong :
         {std::string{"2"}, std::string{"-"}, std::string(16, 'a'), std::string(32, 'a'),
          std::string(33, 'a'), std::string(4000, 'a'), span + "-", span + "-x", span + "-1-",
          span + "-1-5", span + "-0000000000000005", span + "--0000000000000005",
          span + "-1-0000000000000005-", "x" + span.substr(1), span.substr(0, 32)}) {
        INFO(wrong);
        CHECK(read_single(wrong) == std::nullopt);
        Lines lines = ids;
        lines.emplace_back("b3", wrong);
        CHECK(read(lines) == of_ids);
    }
}
