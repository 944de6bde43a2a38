#include "captured_lines.hpp"
#include "stage.hpp"
#include <nameplane/query_format.hpp>

#include <catch2/catch.hpp>

#include <regex>
#include <source_location>

using namespace nameplane;
using namespace nameplane::test;
using query_format::Asked;
using query_format::Format;
using query_format::Line;

namespace {

struct FormatCase {
    std::string format;
    std::string line;
    std::source_location at = std::source_location::current();
};

/// One query and its answer through a format.
std::string written(std::string_view format) {
    Arena arena{4096};
    const dns::Name name = *dns::Name::parse("a\\.b.example.org.");
    Query query{{.name = name,
                 .asked = name,
                 .checking_disabled = true,
                 .id = 29008,
                 .octets = 41,
                 .client = *SocketAddress::parse("[2001:db8::1]:50759"),
                 .server = *SocketAddress::parse("192.0.2.53:53"),
                 .arena = &arena}};
    Reply reply{arena};
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    reply.truncated = true;
    reply.recursion_available = true;
    reply.answer(name, 5, IpAddress::v4(10, 0, 0, 1));
    const Asked asked{.name = name,
                      .type = static_cast<dns::Type>(65280),
                      .dnssec_ok = true,
                      .recursion_desired = true,
                      .udp_size = 4096};
    Line line;
    Format{format}.write(asked, query, reply, std::chrono::microseconds{37990}, line);
    return std::string{line.text()};
}

}  // namespace

TEST_CASE("log: placeholders") {
    // 12 for the header, 17 + 4 for the question, 17 + 10 + 4 for the record.
    const FormatCase cases[] = {
        {"{type}", "TYPE65280"},
        {"{class}", "IN"},
        {"{name}", "a\\.b.example.org."},
        {"{proto}", "udp"},
        {"{size}", "41"},
        {"{remote}:{port}", "[2001:db8::1]:50759"},
        {"{local}", "192.0.2.53"},
        {"{>id} {>opcode}", "29008 0"},
        {"{>do} {>bufsize}", "true 4096"},
        {"{rcode} {rsize}", "NOERROR 64"},
        {"{duration}", "0.03799s"},
        {"{>rflags}", "qr,aa,tc,rd,ra,cd"},
        {"{/forward/upstream}", "-"},
        {"", ""},
        {"text", "text"},
        {"{ {type} }", "{ TYPE65280 }"},
        {"} {type}", "} TYPE65280"},
        {"{when} {type", "{when} {type"},
        {"a{}b", "a{}b"},
        {"{{type}}", "{TYPE65280}"},
        {"{common}",
         "[2001:db8::1]:50759 - 29008 \"TYPE65280 IN a\\.b.example.org. udp 41 true 4096\" "
         "NOERROR qr,aa,tc,rd,ra,cd 64 0.03799s"},
        {"{combined}|",
         "[2001:db8::1]:50759 - 29008 \"TYPE65280 IN a\\.b.example.org. udp 41 true 4096\" "
         "NOERROR qr,aa,tc,rd,ra,cd 64 0.03799s \"0\"|"},
    };
    for (const FormatCase& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.format);
        CHECK(written(row.format) == row.line);
    }
    CHECK(written(std::string(5000, 'x')) == std::string(4096, 'x'));
}

TEST_CASE("log: a line as CoreDNS writes it, of the query as the client sent it") {
    CapturedLines lines;
    Stage stage{"log\nrewrite name a.example b.example", {.line_log = lines.log()}};
    stage.behind("b.example.", "A", {.answers = {"b.example. 5 IN A 10.0.0.1"}});
    stage.ask("A.example.", "A", {.client = "[::1]:50759"});
    const std::regex expected{
        R"(\[INFO\] \[::1\]:50759 - 20048 "A IN a\.example\. udp 27 false 512" NOERROR qr,rd )"
        R"(52 0\.\d+s)"};
    const std::string line = lines.next();
    INFO(line);
    CHECK(std::regex_match(line, expected));
}

TEST_CASE("log: the first rule with the name's zone decides, classes filter") {
    struct Case {
        std::string lines;
        std::vector<std::string> names;  ///< of ok, denied and failing names; what is logged
    };
    const Case cases[] = {
        {"log . {name}", {"ok.example.", "none.example.", "bad.example.", "ok.other."}},
        {"log example {name} {\n class denial\n}", {"none.example."}},
        {"log example {name} {\n class denial error\n}", {"none.example.", "bad.example."}},
        {"log example {name} {\n class success\n class error\n}", {"ok.example.", "bad.example."}},
        {"log example {name} {\n class denial\n class all\n}",
         {"ok.example.", "none.example.", "bad.example."}},
        {"log ok.example {name} {\n class error\n}\nlog . {name}",
         {"none.example.", "bad.example.", "ok.other."}},
        {"log other ok.example {name}", {"ok.example.", "ok.other."}},
        {"log . \"{name}{/log/class}\"",
         {"ok.example.-", "none.example.-", "bad.example.-", "ok.other.-"}},
        {"log {combined}", {}},  // one word is a zone, as in CoreDNS
    };
    for (const Case& row : cases) {
        INFO(row.lines);
        CapturedLines lines;
        {
            Stage stage{row.lines, {.line_log = lines.log()}};
            stage.behind("ok.example.", "A", {.answers = {"ok.example. 5 IN A 10.0.0.1"}});
            stage.behind("bad.example.", "A", {.rcode = dns::Rcode::serv_fail});
            stage.behind("ok.other.", "A", {.answers = {"ok.other. 5 IN A 10.0.0.1"}});
            for (const char* const name :
                 {"ok.example.", "none.example.", "bad.example.", "ok.other."}) {
                stage.ask(name, "A");
            }
        }
        std::vector<std::string> expected;
        for (const std::string& name : row.names) expected.push_back("[INFO] " + name);
        CHECK(lines.rest() == expected);
    }
}

TEST_CASE("log: what is wrong is said") {
    CHECK(mistakes_in("log {\n class abracadabra\n class\n unknown\n}\nlog a..b") ==
          "Corefile:2: log: class: 'abracadabra', expected 'success', 'denial', 'error' or 'all'\n"
          "Corefile:3: log: class: nothing, expected 'success', 'denial', 'error' or 'all'\n"
          "Corefile:4: log: 'unknown', expected 'class'\n"
          "Corefile:6: log: 'a..b', expected a domain name");
}
