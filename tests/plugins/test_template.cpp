#include "stage.hpp"

#include <catch2/catch.hpp>

#include <source_location>

using namespace nameplane;
using namespace nameplane::test;

namespace {

struct TemplateCase {
    std::string lines;
    std::string name;
    std::string type;
    std::string rcode;  ///< or "next"
    std::string answers = {};
    std::source_location at = std::source_location::current();
};

/// The strings of the one TXT record of an answer about "A.example.", behind each other.
std::string text_of(const StageAnswer& answer) {
    constexpr std::size_t before = 12 + 11 + 4 + 2 + 8;  // header, question, owner to TTL
    REQUIRE(answer.wire.size() > before + 2);
    std::size_t left = std::size_t{answer.wire[before]} * 256 + answer.wire[before + 1];
    std::string text;
    for (std::size_t at = before + 2; left > 0;) {
        const std::size_t size = answer.wire[at];
        REQUIRE(size < left);
        text.append(answer.wire.begin() + std::ptrdiff_t(at + 1),
                    answer.wire.begin() + std::ptrdiff_t(at + 1 + size));
        at += size + 1;
        left -= size + 1;
    }
    return text;
}

}  // namespace

TEST_CASE("template: which rule answers what") {
    const std::string ip = R"(template IN A example {
        match ^ip-10-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
        answer "{{ .Name }} 60 IN A 10.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
        fallthrough
    })";
    const TemplateCase cases[] = {
        {"template ANY ANY {\n rcode NXDOMAIN\n}", "a.example.", "MX", "NXDOMAIN"},
        {"template ANY AAAA {\n}", "a.example.", "AAAA", "NOERROR"},
        {"template ANY AAAA {\n}", "a.example.", "A", "next"},
        {"template IN A b.example {\n}", "a.example.", "A", "next"},
        {"template ANY A {\n rcode SERVFAIL\n answer \"{{ .Name }} A 10.0.0.1\"\n}", "a.example.",
         "A", "SERVFAIL"},
        {"template ANY A {\n answer \"{{ .Name }} 60 IN A 10.0.0.1\"\n}", "A.example.", "A",
         "NOERROR", "A.example. 60 IN A 10.0.0.1"},
        {"template ANY A {\n answer \"{{ .Name }} A 10.0.0.1\" \"b.example. 5 A 10.0.0.2\"\n}",
         "a.example.", "A", "NOERROR", "a.example. 3600 IN A 10.0.0.1; b.example. 5 IN A 10.0.0.2"},
        {ip, "ip-10-1-2-3.example.", "A", "NOERROR", "ip-10-1-2-3.example. 60 IN A 10.1.2.3"},
        {ip, "ip-10-1-2-3.example.", "ANY", "NOERROR", "ip-10-1-2-3.example. 60 IN A 10.1.2.3"},
        {ip, "other.example.", "A", "next"},
        {ip, "ip-10-1-2-999.example.", "A", "SERVFAIL"},
        {"template IN A example {\n match zz\n}", "a.example.", "A", "SERVFAIL"},
        {"template IN A example {\n match zz\n fallthrough b.example\n}", "a.example.", "A",
         "SERVFAIL"},
        {"template IN A example {\n match zz\n fallthrough a.example\n}", "a.example.", "A",
         "next"},
        {"template IN A example {\n match zz ^a yy\n}", "a.example.", "A", "NOERROR"},
        {"template IN A example {\n match zz\n fallthrough\n}\n"
         "template IN A example {\n answer \"{{ .Name }} 1 IN A 10.0.0.9\"\n}",
         "a.example.", "A", "NOERROR", "a.example. 1 IN A 10.0.0.9"},
        {R"(template IN A example {
            match ^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$
            answer "{{ .Name }} 3600 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}"
        })",
         "ip0a5f2c09.example.", "A", "NOERROR", "ip0a5f2c09.example. 3600 IN A 10.95.44.9"},
        {R"(template ANY TXT {
            match ^(a).*
            answer "{{ .Name }} 1 IN TXT {{ .Zone }} {{ .Class }} {{ .Type }} {{ .Remote }} {{ printf `%q` .Regex }} {{ index .Group `1` }} {{ .Question.Name }} {{ .Question.Qtype }} {{ .Message.Id }}"
        })",
         "a.example.", "TXT", "NOERROR",
         R"(a.example. 1 IN TXT "." "IN" "TXT" "192.0.2.1" "^(a).*" "a" "a.example." "16" "20048")"},
        {"template ANY A {\n answer \"{{ .Grup.d }}\"\n}", "a.example.", "A", "SERVFAIL"},
        {"template ANY A {\n answer \"{{ .Name }} nonsense\"\n}", "a.example.", "A", "SERVFAIL"},
        {"template ANY MX {\n answer \"{{ .Name }} 60 IN MX 10 {{ .Name }}\"\n}", "a.example.",
         "MX", "NOERROR", "a.example. 60 IN MX 10 a.example."},
    };
    for (const TemplateCase& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.lines);
        Stage stage{row.lines};
        const StageAnswer answer = stage.ask(row.name, row.type);
        CHECK((stage.heard() ? "next" : answer.rcode) == row.rcode);
        CHECK(answer.answers() == row.answers);
        if (row.rcode == "NOERROR") CHECK(answer.message.authoritative);
    }
}

TEST_CASE("template fills all sections and says why") {
    Stage stage{R"x(template ANY ANY invalid {
        rcode NXDOMAIN
        authority "invalid. 60 {{ .Class }} SOA ns.invalid. hostmaster.invalid. (1 60 60 60 60)"
        additional "ns.invalid 60 IN A 203.0.113.8"
        ederror 21 "Blocked according to RFC2606"
    })x"};
    const StageAnswer answer = stage.ask("a.invalid.", "A", {.edns_size = 1232});
    CHECK(answer.rcode == "NXDOMAIN");
    CHECK(answer.message.authorities ==
          std::vector<std::string>{
              "invalid. 60 IN SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60"});
    CHECK(answer.message.additionals ==
          std::vector<std::string>{"ns.invalid. 60 IN A 203.0.113.8"});
    const std::string reason = "Blocked according to RFC2606";
    std::vector<std::uint8_t> option{0, 15, 0, static_cast<std::uint8_t>(2 + reason.size()), 0, 21};
    option.insert(option.end(), reason.begin(), reason.end());
    CHECK(answer.edns_options == option);
}

TEST_CASE("template looks the target of an alias up") {
    Stage stage{"template IN ANY example {\n match ^a\n"
                " answer \"{{ .Name }} 60 IN CNAME Real.other.\"\n fallthrough\n}"};
    stage.behind("real.other.", "A", {.answers = {"real.other. 5 IN A 10.0.0.1"}});
    CHECK(stage.ask("a.example.", "A").answers() ==
          "a.example. 60 IN CNAME Real.other.; Real.other. 5 IN A 10.0.0.1");
    CHECK(stage.heard()->name == "real.other.");
    CHECK(stage.ask("a.example.", "AAAA").answers() == "a.example. 60 IN CNAME Real.other.");
    CHECK(stage.ask("a.example.", "AAAA").rcode == "NOERROR");
    stage.ask("a.example.", "MX");
    CHECK_FALSE(stage.heard());
}

TEST_CASE("template counts matches and what could not be made") {
    Stage stage{"template IN ANY a.example b.example {\n answer \"{{ .Name }} 5 IN A {{ index "
                ".Match 0 }}\"\n}\ntemplate IN A c.example {\n answer \"{{ .None }}\"\n}"};
    stage.ask("x.a.example.", "A");
    stage.ask("x.a.example.", "TYPE65280");
    stage.ask("c.example.", "A");
    const auto matches = [&](const std::string& zone, const std::string& type) {
        return stage.count(
            "coredns_template_matches_total",
            {{"server", "dns://:53"}, {"zone", zone}, {"class", "IN"}, {"type", type}});
    };
    CHECK(matches("a.example.", "A") == 1);
    CHECK(matches("a.example.", "") == 1);
    CHECK(matches("b.example.", "A") == 0);
    CHECK(matches("c.example.", "A") == 1);
    CHECK(stage.count("coredns_template_rr_failures_total",
                      {{"zone", "a.example."}, {"section", "answer"}, {"type", "A"}}) == 1);
    CHECK(stage.count("coredns_template_template_failures_total",
                      {{"zone", "c.example."}, {"template", "{{ .None }}"}}) == 1);
}

TEST_CASE("template: what is wrong is said") {
    CHECK(mistakes_in("template") ==
          "Corefile:1: template: 0 words, expected CLASS TYPE [ZONES...]");
    CHECK(mistakes_in("template X A") ==
          "Corefile:1: template: 'X', expected a class such as 'IN' or 'ANY'");
    CHECK(mistakes_in("template ANY X") ==
          "Corefile:1: template: 'X', expected a type such as 'AAAA' or 'ANY'");
    CHECK(mistakes_in("template ANY ANY {\n answer\n rcode\n rcode UNDEFINED\n answer \"{{\"\n"
                      " authority \"{{ notAFunction }}\"\n match (\n ederror x\n ederror 1 2 3\n"
                      " notavailable x\n fallthrough a..b\n}") ==
          "Corefile:2: template: 'answer', expected more behind it\n"
          "Corefile:3: template: 'rcode', expected more behind it\n"
          "Corefile:4: template: rcode: 'UNDEFINED', expected one such as 'NXDOMAIN'\n"
          "Corefile:5: template: answer: '{{' is not closed, expected '}}'\n"
          "Corefile:6: template: authority: 'notAFunction', expected a function such as 'index' or "
          "'parseInt'\n"
          "Corefile:7: template: match: '(', expected a pattern (missing ): ()\n"
          "Corefile:8: template: ederror: expected a code of RFC 8914 and perhaps a reason\n"
          "Corefile:9: template: ederror: expected a code of RFC 8914 and perhaps a reason\n"
          "Corefile:10: template: 'notavailable', expected 'match', 'var', 'expr', 'answer', "
          "'additional', 'authority', 'rcode', 'ederror' or 'fallthrough'\n"
          "Corefile:11: template: 'a..b', expected a zone");
}

TEST_CASE("template: variables and conditions") {
    const TemplateCase cases[] = {
        {"template IN A {\n var a 1\n var b a + 1\n var c b * 10\n answer \"{{ .Name }} 60 IN A "
         "10.{{ .Var.a }}.{{ .Var.b }}.{{ .Var.c }}\"\n}",
         "a.example.", "A", "NOERROR", "a.example. 60 IN A 10.1.2.20"},
        {"template IN A {\n match ^(?P<a>[0-9]+)-([0-9]+)[.]\n var a group('a')\n var b group(2)\n"
         " var w group(0)\n answer \"{{ .Var.w }}x 60 IN A 10.0.{{ .Var.a }}.{{ .Var.b }}\"\n}",
         "12-34.example.", "A", "NOERROR", "12-34.x. 60 IN A 10.0.12.34"},
        {"template IN TXT {\n match ^(?P<a>[a-z]+)[.]\n var m group('none') + group(9)\n"
         " answer \"{{ .Name }} 60 IN TXT empty={{ eq .Var.m `` }}\"\n}",
         "a.example.", "TXT", "NOERROR", "a.example. 60 IN TXT \"empty=true\""},
        {"template IN A {\n var l incidr(client_ip(), '192.0.2.0/24')\n answer \"{{ .Name }} 60 IN "
         "A {{ if .Var.l }}10.0.0.1{{ else }}10.0.0.2{{ end }}\"\n}",
         "a.example.", "A", "NOERROR", "a.example. 60 IN A 10.0.0.1"},
        {"template IN A {\n expr name() == 'a.example.'\n expr type() == 'A' and proto() == 'udp'\n"
         " expr do() == false && id() > 0 && size() == 27 && bufsize() == 512\n"
         " expr class() == 'IN' && port() == '4242' && server_port() == '53'\n"
         " expr server_ip() == '192.0.2.53' && opcode() == 0 && metadata('a/b') == ''\n}",
         "a.example.", "A", "NOERROR"},
        {"template IN A {\n expr name() == 'b.example.'\n}", "a.example.", "A", "SERVFAIL"},
        {"template IN A {\n expr name() == 'b.example.'\n fallthrough\n}", "a.example.", "A",
         "next"},
        {"template IN A {\n expr name() == 'b.example.'\n fallthrough other\n}", "a.example.", "A",
         "SERVFAIL"},
        {"template IN A {\n expr 1\n fallthrough\n}", "a.example.", "A", "next"},
        {"template IN A {\n match ^(?P<n>[a-z0-9]+)[.]\n var num int(group('n'))\n expr num > 1\n"
         " answer \"{{ .Name }} 60 IN A 10.0.0.{{ .Var.num }}\"\n fallthrough\n}",
         "2.example.", "A", "NOERROR", "2.example. 60 IN A 10.0.0.2"},
        {"template IN A {\n match ^(?P<n>[a-z0-9]+)[.]\n var num int(group('n'))\n fallthrough\n}",
         "x.example.", "A", "SERVFAIL"},
        {"template IN A {\n expr incidr(name(), '10.0.0.0/8')\n fallthrough\n}", "x.example.", "A",
         "SERVFAIL"},
        {"template IN TXT {\n answer \"{{ .Name }} 60 IN TXT {{ .Var.none }}\"\n}", "a.example.",
         "TXT", "NOERROR", "a.example. 60 IN TXT \"<no\" \"value>\""},
    };
    for (const TemplateCase& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.lines);
        Stage stage{row.lines};
        const StageAnswer answer = stage.ask(row.name, row.type);
        CHECK((stage.heard() ? "next" : answer.rcode) == row.rcode);
        CHECK(answer.answers() == row.answers);
    }
}

TEST_CASE("template: variables and conditions that are none say why") {
    CHECK(mistakes_in("template ANY ANY {\n var\n var a\n var 1a 1\n var name 1\n var len 1\n"
                      " var a 1 +\n var a b + 1\n var a 1\n var a 2\n var c 'x' + a\n expr\n"
                      " expr name() ==\n expr invalid expression\n}") ==
          "Corefile:2: template: 'var', expected more behind it\n"
          "Corefile:3: template: var: 'a', expected an expression behind it\n"
          "Corefile:4: template: var: '1a', expected letters, digits and '_'\n"
          "Corefile:5: template: var: 'name', expected a name that means nothing yet\n"
          "Corefile:6: template: var: 'len', expected a name that means nothing yet\n"
          "Corefile:7: template: var: the end, expected a value\n"
          "Corefile:8: template: var: 'b', expected a variable or a function\n"
          "Corefile:10: template: var: 'a', expected a name that means nothing yet\n"
          "Corefile:11: template: var: '+' of string and int, expected types that go together\n"
          "Corefile:12: template: 'expr', expected more behind it\n"
          "Corefile:13: template: expr: the end, expected a value\n"
          "Corefile:14: template: expr: 'invalid', expected a variable or a function");
}

// What CoreDNS 1.14.7 answers; tests/peers asks both.
TEST_CASE("template: a message and its parts are printed, compared and told apart as in Go") {
    struct Row {
        std::string text;
        std::string plain;  ///< of a query without EDNS; "fails" is SERVFAIL
        std::string edns;   ///< of one with DO, size 1400 and options
        std::source_location at = std::source_location::current();
    };
    const std::string header = ";; opcode: QUERY, status: NOERROR, id: 20048\n;; flags: rd;";
    const std::string fields = "{20048 false 0 false false true false false false false 0}";
    const std::string asked = ";A.example.\tIN\t TXT";
    const std::string option =
        "\n;; OPT PSEUDOSECTION:\n; EDNS: version 0; flags: do; udp: 1400\n; NSID: 6162  (a)(b)\n"
        "; SUBNET: 10.1.2.0/24/0\n; SUBNET: [2001:db8::]/32/0\n; COOKIE: 3132333435363738\n"
        "; PADDING: 000A\n; KEEPALIVE: use tcp keep-alive, timeout 500ms\n"
        "; KEEPALIVE: use tcp keep-alive, timeout omitted\n; EXPIRE: \n; EXPIRE: 258\n"
        "; LOCAL OPT: 65001:0x01ff";
    const std::string option_header = ";.\t32768\tCLASS1400\tOPT\t";
    const std::string question = "\n\n;; QUESTION SECTION:\n" + asked + "\n";
    const std::string plain_message =
        header + " QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0" + question;
    const std::string edns_message =
        header + " QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1\n" + option + question;
    const auto both = [](std::string text, const std::string& expected,
                         std::source_location at = std::source_location::current()) {
        return Row{std::move(text), expected, expected, at};
    };
    const std::vector<Row> rows{
        {".Message", plain_message, edns_message},
        {"print .Message", plain_message, edns_message},
        {"printf `%s` .Message", plain_message, edns_message},
        {".Message.String", plain_message, edns_message},
        both("len .Message.MsgHdr.String", std::to_string(header.size())),
        both(".Message.MsgHdr", header),
        both("print .Message.MsgHdr", fields),
        both("printf `%+v` .Message.MsgHdr",
             "{Id:20048 Response:false Opcode:0 Authoritative:false Truncated:false "
             "RecursionDesired:true RecursionAvailable:false Zero:false AuthenticatedData:false "
             "CheckingDisabled:false Rcode:0}"),
        both(".Question", asked),
        both("print .Question", asked),
        both("printf `%30s|%.3s` .Question .Question", "           " + asked + "|;A."),
        both("printf `%d %+d` .Question .Question",
             "&{%!d(string=A.example.) 16 1} &{%!d(string=A.example.) +16 +1}"),
        both(".Message.Question", "[{A.example. 16 1}]"),
        both("printf `%+v` .Message.Question", "[{Name:A.example. Qtype:16 Qclass:1}]"),
        both("index .Message.Question 0", asked),
        both("print (index .Message.Question 0)", "{A.example. 16 1}"),
        both("print .Message.Question .Message.Answer", "[{A.example. 16 1}] []"),
        both(
            "printf `%T %T %T %T %T %T %T %T` .Message .Message.MsgHdr .Question .Message.Question "
            "(index .Message.Question 0) .Message.Extra .Message.Ns .Message.IsEdns0",
            "*dns.Msg dns.MsgHdr *dns.Question []dns.Question dns.Question []dns.RR []dns.RR "
            "*dns.OPT"),
        {".Message.Extra", "[]", "[" + option + "]"},
        {"index .Message.Extra 0", "fails", option},
        {".Message.IsEdns0", "<nil>", option},
        {"print .Message.IsEdns0", "<nil>", option},
        {".Message.IsEdns0.UDPSize", "fails", "1400"},
        {".Message.IsEdns0.Hdr", "fails", option_header},
        {"print .Message.IsEdns0.Hdr", "fails", "{. 41 1400 32768 75}"},
        {"print .Message.IsEdns0.Header", "fails", option_header},
        {"printf `%d` .Message.IsEdns0.Header", "fails", "&{%!d(string=.) 41 1400 32768 75}"},
        {".Message.IsEdns0.Hdr.Ttl", "fails", "32768"},
        {"with .Message.IsEdns0 }}{{ .Do }}{{ else }}no{{ end", "no", "true"},
        {"eq .Message.IsEdns0 nil", "true", "false"},
        {"eq .Message.Extra nil", "true", "false"},
        both("eq .Message.Answer nil", "true"),
        both("ne nil .Message.Ns", "false"),
        both("eq (slice .Message.Answer 0 0) nil", "true"),
        both("eq (slice .Match 0 0) nil", "false"),
        both("eq .Message.Question nil", "false"),
        both("eq .Group nil", "false"),
        both("eq .Name nil", "false"),
        both("eq .Message.MsgHdr nil", "false"),
        both("eq .Message .Message", "true"),
        both("eq .Message.MsgHdr .Message.MsgHdr", "true"),
        both("eq .Question .Message", "false"),
        both("eq .Message.Answer .Message.Ns", "true"),
        both("eq .Message.MsgHdr (index .Message.Question 0)", "false"),
        both("eq .Question (index .Message.Question 0)", "fails"),
        both("eq .Message.Question .Message.Question", "fails"),
        both("eq .Match .Match", "fails"),
        both("eq .Match .Message", "fails"),
        both("eq .Message.Answer 1", "fails"),
        both("printf `%#v` .Question", "fails"),
        both("printf `%p` .Question", "fails"),
        both("printf `%d` .Message.Extra }}{{ .Message.Question.String", "fails"),
    };
    const std::vector<std::uint8_t> options{
        0,  3,  0, 2,   'a', 'b', 0,   8,   0,   7,    0,    1, 24,   0,    10,
        1,  2,  0, 8,   0,   8,   0,   2,   32,  0,    0x20, 1, 0x0d, 0xb8, 0,
        10, 0,  8, '1', '2', '3', '4', '5', '6', '7',  '8',  0, 12,   0,    2,
        0,  10, 0, 11,  0,   2,   0,   5,   0,   11,   0,    0, 0,    9,    0,
        0,  0,  9, 0,   4,   0,   0,   1,   2,   0xfd, 0xe9, 0, 2,    1,    0xff};
    for (const Row& row : rows) {
        INFO("row at line " << row.at.line() << ": " << row.text);
        Stage stage{"template IN TXT {\n answer \"{{ .Name }} 5 IN TXT \\\"{{ " + row.text +
                    " }}\\\"\"\n}"};
        const auto said = [&](const StageAsk& how) {
            const StageAnswer answer = stage.ask("A.example.", "TXT", how);
            return answer.rcode == "NOERROR" ? text_of(answer) : std::string{"fails"};
        };
        CHECK(said({}) == row.plain);
        CHECK(said({.dnssec_ok = true, .edns_size = 1400, .edns_options = options}) == row.edns);
    }
}
