#include "captured_lines.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace nameplane;
using namespace nameplane::test;

namespace {

/// Asks for names that fail with the given errors.
void fail(Stage& stage, const std::vector<std::string>& errors) {
    for (const std::string& error : errors) {
        stage.behind("a.example.", "A", {.error = error});
        CHECK(stage.ask("a.example.", "A").rcode == "SERVFAIL");
    }
}

}  // namespace

TEST_CASE("errors says why a query failed") {
    CapturedLines lines;
    {
        Stage stage{"errors", {.line_log = lines.log()}};
        fail(stage, {"read udp 10.0.0.1:5->10.0.0.2:53: i/o timeout"});
        stage.ask("b.example.", "A");  // NXDOMAIN is no error
        stage.behind("c.example.", "MX", {.rcode = dns::Rcode::serv_fail});
        stage.ask("c.example.", "MX");  // fails without a reason
    }
    CHECK(lines.rest() ==
          std::vector<std::string>{"[ERROR] plugin/errors: 2 a.example. A: read udp "
                                   "10.0.0.1:5->10.0.0.2:53: i/o timeout"});
}

TEST_CASE("errors counts what is alike and tells of it when its time is over") {
    CapturedLines lines;
    Background background;
    {
        Stage stage{"errors {\n stacktrace\n consolidate 10ms \".* timeout$\" warning\n"
                    " consolidate 1h ^refused\n}",
                    {.background = &background, .line_log = lines.log()}};
        fail(stage, {"a timeout", "b timeout", "other", "refused by x"});
        CHECK(lines.next() == "[ERROR] plugin/errors: 2 a.example. A: other");
        CHECK(lines.next() ==
              "[WARNING] plugin/errors: 2 errors like '.* timeout$' occurred in last 10ms");
    }
    // What is not due is told of at the end.
    CHECK(lines.rest() == std::vector<std::string>{"[ERROR] plugin/errors: 1 errors like "
                                                   "'^refused' occurred in last 1h0m0s"});
}

TEST_CASE("errors with show_first tells of the first at once, and of one alone only then") {
    CapturedLines lines;
    {
        Stage stage{"errors {\n consolidate 90s timeout info show_first\n"
                    " consolidate 1500ms refused show_first\n consolidate 1m silent debug\n}",
                    {.line_log = lines.log()}};
        fail(stage, {"1 timeout", "2 timeout", "3 timeout", "refused", "silent"});
    }
    CHECK(lines.rest() ==
          std::vector<std::string>{
              "[INFO] plugin/errors: 2 a.example. A: 1 timeout",
              "[ERROR] plugin/errors: 2 a.example. A: refused",
              "[INFO] plugin/errors: 3 errors like 'timeout' occurred in last 1m30s"});
}

TEST_CASE("errors: what is wrong is said") {
    CHECK(mistakes_in("errors {\n consolidate\n consolidate 1 .*\n consolidate 1m ())\n"
                      " consolidate 1m a b\n consolidate 1m a show_first info\n"
                      " consolidate 1m a info debug\n consolidate 1m a off\n}") ==
          "Corefile:2: consolidate: 0 words, expected DURATION PATTERN [LEVEL] [show_first]\n"
          "Corefile:3: consolidate: '1', expected a duration such as '30s'\n"
          "Corefile:4: consolidate: '())', expected a pattern (unexpected ): ()))\n"
          "Corefile:5: consolidate: 'b', expected 'error', 'warning', 'info' or 'debug', and "
          "'show_first' behind it\n"
          "Corefile:6: consolidate: 'info', expected 'error', 'warning', 'info' or 'debug', and "
          "'show_first' behind it\n"
          "Corefile:7: consolidate: 'debug', expected 'error', 'warning', 'info' or 'debug', and "
          "'show_first' behind it\n"
          "Corefile:8: consolidate: 'off', expected 'error', 'warning', 'info' or 'debug', and "
          "'show_first' behind it");
    CHECK(mistakes_in("errors stdout") == "");
    for (const char* const lines :
         {"errors errors.txt", "errors a b", "errors\nerrors", "errors {\n log\n}"}) {
        INFO(lines);
        CHECK(mistakes_in(lines) != "");
    }
}
