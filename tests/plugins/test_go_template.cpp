#include "plugins/template/go_template.hpp"
#include "plugins/template/nodes.hpp"
#include "support/template_data.hpp"

#include <catch2/catch.hpp>

#include <source_location>
#include <string>

using namespace nameplane;
using namespace nameplane::plugins::templating;
using nameplane::test::TemplateData;

namespace {

std::string told(Outcome outcome) {
    switch (outcome) {
    case Outcome::good: return "(good)";
    case Outcome::wrong: return "(fails)";
    case Outcome::no_memory: return "(no memory)";
    case Outcome::too_long: return "(too long)";
    case Outcome::too_many_steps: return "(too many steps)";
    case Outcome::too_deep: return "(too deep)";
    }
    return "";
}

/// "(fails)" and the like where a run fails.
std::string run(std::string_view text, std::size_t memory = 1 << 16) {
    const Result<GoTemplate> parsed = GoTemplate::parse(text, "answer");
    INFO(text);
    if (!parsed) return "(" + parsed.error().text + ")";
    Arena arena{memory};
    std::array<char, 4096> room;
    Output out{room};
    const Outcome outcome = parsed->run(TemplateData{}, arena, out);
    return outcome == Outcome::good ? std::string{out.text()} : told(outcome);
}

struct Case {
    std::string text;
    std::string expected;
    std::source_location at = std::source_location::current();
};

void check(std::span<const Case> cases) {
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.text);
        CHECK(run(row.text) == row.expected);
    }
}

}  // namespace

TEST_CASE("templates: what they write") {
    const Case cases[] = {
        {"", ""},
        {"text", "text"},
        {"{{ .Name }} 60 IN A 10.0.0.1", "ab.c. 60 IN A 10.0.0.1"},
        {"{{.Name}}|{{ .Group.hex }}|{{ .Group.none }}", "ab.c.|ff|<no value>"},
        {"a  {{- .Name -}}  b", "aab.c.b"},
        {"{{/* a comment */}}x", "x"},
        {"{{ index .Match 1 }} {{ index .Match 0 }}", "ab ab.c."},
        {"{{ .Match }}", "[ab.c. ab 10]"},
        {"{{ len .Match }} {{ len .Name }}", "3 5"},
        {"{{ parseInt .Group.hex 16 8 }}", "255"},
        {"{{ parseInt (index .Match 2) 10 0 }}", "10"},
        {"{{ parseInt \"0x1f\" 0 64 }} {{ parseInt \"017\" 0 64 }}", "31 15"},
        {"{{ printf \"%s-%05d-%x-%X-%q-%v-%%\" \"a\" 42 255 255 \"q\" true }}",
         "a-00042-ff-FF-\"q\"-true-%"},
        {"{{ printf \"%5s|%-5s|\" \"ab\" \"ab\" }}", "   ab|ab   |"},
        {"{{ index .Match 1 | printf \"<%s>\" }}", "<ab>"},
        {"{{ print 1 2 \"x\" 3 }}", "1 2x3"},
        {"{{ slice .Name 1 3 }} {{ slice .Match 1 }}", "b. [ab 10]"},
        {"{{ .Meta \"a/b\" }}{{ .Meta \"none\" }}", "known"},
        {"{{ if eq .Name \"ab.c.\" }}yes{{ else }}no{{ end }}", "yes"},
        {"{{ if eq .Name \"x\" \"ab.c.\" }}yes{{ end }}", "yes"},
        {"{{ if ne .Name \"ab.c.\" }}1{{ else if gt 2 1 }}2{{ else }}3{{ end }}", "2"},
        {"{{ if and .Name (not false) (le 1 1) (ge 2 1) (lt 1 2) }}yes{{ end }}", "yes"},
        {"{{ or \"\" \"b\" }} {{ and \"a\" \"\" }}|", "b |"},
        {"{{ $x := index .Match 1 }}{{ $y := 3 }}{{ $x }}{{ $y }}{{ $x = \"z\" }}{{ $x }}", "ab3z"},
        {"{{ with index .Match 1 }}{{ $.Name }}{{ $.Group.hex }}{{ end }}{{ $.Name }}",
         "ab.c.ffab.c."},
        {"{{ with index .Match 1 }}{{ $ }}{{ end }}", "(fails)"},
        {"{{ with index .Match 1 }}<{{ . }}>{{ end }}{{ with \"\" }}a{{ else }}b{{ end }}",
         "<ab>b"},
        {"{{ `raw \\n` }} {{ \"a\\tb\" }} {{ 'a' }} {{ 0x10 }} {{ -3 }} {{ 1.5 }} {{ true }}",
         "raw \\n a\tb 97 16 -3 1.5 true"},
        {"{{ \"}}\" }}", "}}"},
    };
    check(cases);
}

TEST_CASE("templates: what fails when it runs") {
    const Case cases[] = {
        {"{{ .Grup.d }}", "(fails)"},
        {"{{ .Name.x }}", "(fails)"},
        {"{{ parseInt }}", "(fails)"},
        {"{{ parseInt \"x\" 10 8 }}", "(fails)"},
        {"{{ parseInt \"256\" 10 8 }}", "(fails)"},
        {"{{ parseInt \"-1\" 10 8 }}", "(fails)"},
        {"{{ index .Match 3 }}", "(fails)"},
        {"{{ index .Match -1 }}", "(fails)"},
        {"{{ eq 1 \"1\" }}", "(fails)"},
        {"{{ lt true false }}", "(fails)"},
        {"{{ len 3 }}", "(fails)"},
        {"{{ printf }}", "(fails)"},
        {"{{ printf 1 }}", "(fails)"},
        {"{{ printf \"%v\" .Message }}", "(fails)"},
        {"{{ printf \"%x\" 1.5 }}", "(fails)"},
        {"{{ printf \"%p|%p|%p|%p\" 1 \"a\" true nil }}",
         "%!p(int=1)|%!p(string=a)|%!p(bool=true)|%!p(<nil>)"},
        {"{{ printf \"%p\" .Match }}", "(fails)"},
        {"{{ nil }}", "(fails)"},
        {"{{ with nil }}{{ end }}", "(fails)"},
        {"{{ nil | print }}", "(fails)"},
        {"{{ .Message }}", "(fails)"},
        {"{{ .Messages }}", "(fails)"},
        {"{{ .Message.Id.X }}", "(fails)"},
        {"{{ .Message.Other }}", "(fails)"},
        {"{{ .Group.none.x }}|{{ .Group.none.x.y }}", "<no value>|<no value>"},
        {"{{ with $x := 1 }}{{ $x = $.Group.none }}{{ $x.Meta }}{{ $x.Meta \"a/b\" }}{{ end }}",
         "<no value><no value>"},
        {"{{ index .Group 1 }}", "(fails)"},
        {"{{ index .Match \"1\" }}", "(fails)"},
        {"{{ index nil 1 }}", "(fails)"},
        {"{{ eq .Match .Match }}", "(fails)"},
        {"{{ lt \"a\" 1 }}", "(fails)"},
        {"{{ slice .Group 1 }}", "(fails)"},
        {"{{ slice .Name 1 2 3 }}", "(fails)"},
        {"{{ and }}", "(fails)"},
        {"{{ or }}", "(fails)"},
        {"{{ and true (index .Match 9) }}", "(fails)"},
        {"{{ not }}", "(fails)"},
        {"{{ range .Name }}{{ end }}", "(fails)"},
        {"{{ range true }}{{ end }}", "(fails)"},
        {"{{ range .Message }}{{ end }}", "(fails)"},
        {"{{ range $i, $e := 3 }}{{ end }}", "(fails)"},
        {"{{ range .Match }}{{ .Name }}{{ end }}", "(fails)"},
        {"{{ with .Name }}{{ .Meta \"a/b\" }}{{ end }}", "(fails)"},
        {"{{ template \"none\" . }}", "(fails)"},
        {"{{ define \"x\" }}{{ .Name }}{{ end }}{{ template \"x\" }}", "<no value>"},
        {"{{ parseInt \"1\" .Message.Id 8 }}", "(fails)"},
        {"{{ slice .Name 3 2 }}", "(fails)"},
        {"{{ .Meta }}", "(fails)"},
        {std::string(5000, 'x'), "(too long)"},
    };
    check(cases);
}

TEST_CASE("templates: what is refused when it is read") {
    const Case cases[] = {
        {"{{", "('{{' is not closed, expected '}}')"},
        {"{{ }}", "('{{' with nothing in it, expected a value)"},
        {"{{ notAFunction }}",
         "('notAFunction', expected a function such as 'index' or 'parseInt')"},
        {"{{ if .Name }}x", "('if' without its end, expected '{{ end }}')"},
        {"{{ end }}", "('end', expected an 'if' before it)"},
        {"{{ range .Match }}x", "('range' without its end, expected '{{ end }}')"},
        {"{{ range .Match }}{{ else with .Name }}{{ end }}",
         "('else with .Name', expected 'else')"},
        {"{{ if true }}{{ else with .Name }}{{ end }}",
         "('else with .Name', expected 'else' or 'else if')"},
        {"{{ if true }}{{ else }}{{ else }}{{ end }}",
         "('if' without its end, expected '{{ end }}')"},
        {"{{ range $i, $e, $x := .Match }}{{ end }}",
         "('$i', expected a variable that is set before)"},
        {"{{ with $i, $e := .Match }}{{ end }}", "('$i', expected a variable that is set before)"},
        {"{{ range $i := .Match }}{{ end }}{{ $i }}",
         "('$i', expected a variable that is set before)"},
        {"{{ break }}", "('break', expected a 'range' around it)"},
        {"{{ range .Match }}{{ end }}{{ continue }}", "('continue', expected a 'range' around it)"},
        {"{{ range .Match }}{{ block \"x\" . }}{{ break }}{{ end }}{{ end }}",
         "('break', expected a 'range' around it)"},
        {"{{ range .Match }}{{ break 1 }}{{ end }}", "('1', expected '}}')"},
        {"{{ define x }}{{ end }}", "('define', expected a name in quotes)"},
        {"{{ define \"x\" }}a", "('define' without its end, expected '{{ end }}')"},
        {"{{ if true }}{{ define \"x\" }}a{{ end }}{{ end }}",
         "('define' in others, expected it outside of them)"},
        {"{{ define \"x\" }}a{{ end }}{{ define \"x\" }}b{{ end }}",
         "('x' again, expected one template of that name)"},
        {"{{ define \"answer\" }}a{{ end }}b",
         "('answer' again, expected one template of that name)"},
        {"{{ $x := 1 }}{{ define \"x\" }}{{ $x }}{{ end }}",
         "('$x', expected a variable that is set before)"},
        {"{{ template x }}", "('template', expected a name in quotes)"},
        {"{{ block \"x\" }}{{ end }}", "('{{' with nothing in it, expected a value)"},
        {"{{/* x }}", "('/*' is not closed, expected '*/}}')"},
        {"{{/* x */ .Name }}", "('/*' is not closed, expected '*/}}')"},
        {"{{ \"\\q\" }}", "('', expected a field, text or a function)"},
        {"{{ 'ab' }}", "('0', expected a field, text or a function)"},
        {"{{ \"a\"\"b\" }}", "('b', expected a blank before it)"},
        {"{{ .Name | 3 }}", "(a value with arguments, expected a function in front of them)"},
        {"{{ \"a\".Name }}", "('.Name', expected a value before it)"},
        {"{{ $x }}", "('$x', expected a variable that is set before)"},
        {"{{ .Name 1 }}", "(a value with arguments, expected a function in front of them)"},
        {"{{ (index .Match 1 }}", "('(' is not closed, expected ')')"},
        {"{{ \"a }}", "('{{' is not closed, expected '}}')"},
        {"{{ 1x }}", "('1x', expected a number)"},
        {"{{ .Name ) }}", "(')', expected '}}')"},
        {"{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}",
         "('$x', expected a variable that is set before)"},
    };
    check(cases);
}

TEST_CASE("templates: range") {
    const Case cases[] = {
        {"{{ range .Match }}<{{ . }}>{{ end }}", "<ab.c.><ab><10>"},
        {"{{ range $x := .Match }}<{{ $x }}>{{ end }}", "<ab.c.><ab><10>"},
        {"{{ range $i, $x := .Match }}{{ $i }}={{ $x }};{{ end }}", "0=ab.c.;1=ab;2=10;"},
        {"{{ range $k, $v := .Group }}{{ $k }}={{ $v }};{{ end }}", "0=ab.c.;hex=ff;"},
        {"{{ range .Group }}{{ . }};{{ end }}", "ab.c.;ff;"},
        {"{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}", "01201"},
        {"{{ range 0 }}x{{ else }}none{{ end }}{{ range -1 }}x{{ else }}none{{ end }}", "nonenone"},
        {"{{ range .Group.none }}x{{ else }}none{{ end }}", "none"},
        {"{{ range slice .Match 3 }}x{{ else }}{{ .Name }}{{ end }}", "ab.c."},
        {"{{ range .Messages }}{{ .Id }}{{ $.Name }};{{ end }}", "7ab.c.;7ab.c.;"},
        {"{{ range .Empty }}x{{ else }}none{{ end }}{{ .Empty }}{{ len .Messages }}", "none[]2"},
        {"{{ (index .Messages 1).Id }}", "7"},
        {"{{ range .Match }}{{ if eq . \"ab\" }}{{ break }}{{ end }}{{ . }};{{ end }}!", "ab.c.;!"},
        {"{{ range .Match }}{{ if eq . \"ab\" }}{{ continue }}{{ end }}{{ . }};{{ end }}!",
         "ab.c.;10;!"},
        {"{{ range 3 }}{{ $i := . }}{{ range 3 }}{{ if gt . $i }}{{ break }}{{ end }}{{ $i }}{{ . "
         "}} {{ end }}{{ end }}",
         "00 10 11 20 21 22 "},
        {"{{ $x := 0 }}{{ range 3 }}{{ $x = . }}{{ end }}{{ $x }}", "2"},
        {"{{ $x := 0 }}{{ range $x = .Match }}{{ end }}{{ $x }}", "10"},
        {"{{ $k := 0 }}{{ $v := 0 }}{{ range $k, $v = .Group }}{{ end }}{{ $k }}{{ $v }}", "hexff"},
        {"{{ range $x := .Empty }}{{ else }}{{ len $x }}{{ end }}", "0"},
        {"{{ with $x := .Name }}{{ $x }}{{ end }}{{ if $x := .Name }}{{ $x }}{{ end }}",
         "ab.c.ab.c."},
        {"{{ range .Message.Id }}{{ printf \"%T\" . }} {{ break }}{{ end }}", "uint16 "},
        {"{{ range $i, $x := .Match }}{{ if $i }},{{ end }}{{ $x }}{{ end }}", "ab.c.,ab,10"},
    };
    check(cases);
}

TEST_CASE("templates: define, template and block") {
    const Case cases[] = {
        {"{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" .Name }}{{ template `x` }}",
         "<ab.c.><<no value>>"},
        {"{{ template \"x\" . }}{{ define \"x\" }}{{ .Name }}{{ $.Name }}{{ end }}", "ab.c.ab.c."},
        {"{{ block \"x\" .Name }}<{{ . }}>{{ end }}{{ template \"x\" 3 }}", "<ab.c.><3>"},
        {"{{ define \"x\" }}{{ $y := . }}{{ with \"z\" }}{{ $y }}{{ . }}{{ $ }}{{ end }}{{ end }}"
         "{{ $y := 1 }}{{ template \"x\" \"a\" }}{{ $y }}",
         "aza1"},
        {"{{ define \"a\" }}a{{ template \"b\" . }}{{ end }}{{ define \"b\" }}b{{ . }}{{ end "
         "}}{{ template \"a\" 1 }}{{ template \"b\" 2 }}",
         "ab1b2"},
        // Each call has variables of its own.
        {"{{ define \"r\" }}{{ $x := . }}{{ if $x }}{{ template \"r\" (slice $x 1) }}{{ end "
         "}}<{{ $x }}>{{ end }}{{ template \"r\" \"abc\" }}",
         "<><c><bc><abc>"},
        {"{{ define \"x\" }}{{ end }}{{ define \"x\" }}a{{ end }}{{ template \"x\" }}", "a"},
        {"{{ define \"x\" }}a{{ end }}{{ define \"x\" }} {{ end }}{{ template \"x\" }}", "a"},
        {"{{ define \"answer\" }}a{{ .Name }}{{ end }} ", "aab.c."},
        {"{{ if eq .Name \"x\" }}{{ template \"answer\" . }}{{ end }}a", "a"},
        {"{{ range .Match }}{{ template \"x\" . }}{{ end }}{{ define \"x\" }}{{ . }};{{ end }}",
         "ab.c.;ab;10;"},
        {"{{ define \"x\" }}{{ range . }}{{ if eq . \"ab\" }}{{ break }}{{ end }}{{ . }}{{ end "
         "}}{{ end }}{{ range 2 }}{{ template \"x\" $.Match }}|{{ end }}",
         "ab.c.|ab.c.|"},
    };
    check(cases);
}

TEST_CASE("templates: and, or and comparisons decide as soon as they can") {
    const Case cases[] = {
        {"{{ and \"\" (index .Match 9) }}|{{ or 1 (index .Match 9) }}", "|1"},
        {"{{ and 1 2 3 }} {{ or \"\" 0 false }} {{ and 1 }} {{ or 0 }}", "3 false 1 0"},
        {"{{ (index .Match 9) | or 1 }}", "(fails)"},
        {"{{ 3 | and 1 2 }} {{ 3 | and 0 }} {{ 3 | or }}", "3 0 3"},
        {"{{ if and .Group.none .Group.none.x }}a{{ else }}b{{ end }}", "b"},
        {"{{ eq 1 1 \"a\" }} {{ eq 1 2 3 }} {{ eq .Group.none \"\" }} {{ ne .Group.none 1 }}",
         "true false false true"},
        {"{{ eq .Message.Id 7 }} {{ lt .Message.Id 8 }} {{ eq nil nil }}", "true true true"},
        {"{{ lt (parseInt \"18446744073709551615\" 10 64) 0 }} {{ parseInt "
         "\"18446744073709551615\" 10 64 }}",
         "false 18446744073709551615"},
        {"{{ le 1 1 }} {{ ge 1 2 }} {{ gt 2 1 }} {{ lt \"a\" \"b\" }}", "true false true true"},
    };
    check(cases);
}

TEST_CASE("templates: comments, blanks and what stands in quotes") {
    const Case cases[] = {
        {"a{{/* it's \"quoted */}}b", "ab"},
        {"a {{- /* }} ` */ -}} b", "ab"},
        {"a {{/* x */ -}} b", "a b"},
        {"a {{- /* x */}} b", "a b"},
        {"a {{/* x */}}{{- .Name }}", "a ab.c."},
        {"a\n{{-\n.Name\n-}}\nb", "aab.c.b"},
        {"{{ \"it's\" }}{{ '\\'' }}{{ '}' }}", "it's39125"},
        {"{{ \"\\x41\\101\\u00e9\\\\\\\"\" }}", "AA\u00e9\\\""},
        {"{{ '\u00e9' }} {{ '\\n' }} {{ `it's \\` }}", "233 10 it's \\"},
        {"{{ 0b101 }} {{ 0o17 }} {{ 017 }} {{ +5 }} {{ -0x10 }} {{ 1e3 }} {{ .5 }}",
         "5 15 15 5 -16 1000 0.5"},
        {"{{- 3 }} {{ -3 -}} x", "3 -3x"},
        {"{{ .Group.0 }}", "('.0', expected a blank before it)"},
        {"{{ index .Group \"0\" }}", "ab.c."},
        {"{{ index .Group \"hex\" }}|{{ index .Group \"none\" }}|{{ len .Group }}", "ff||2"},
        {"{{ .Group }} {{ print .Group.none }} {{ $g := .Group }}{{ $g.hex }}",
         "map[0:ab.c. hex:ff] <nil> ff"},
        {"{{ (print \"a\" 1) }}{{ with $m := .Message }}{{ $m.Id }}{{ .Id }}{{ end }}", "a177"},
    };
    check(cases);
}

TEST_CASE("templates: printf is Go's") {
    const Case cases[] = {
        {"{{ printf \"%d\" }}|{{ printf \"%d\" \"x\" }}|{{ printf \"a\" 1 \"x\" nil }}",
         "%!d(MISSING)|%!d(string=x)|a%!(EXTRA int=1, string=x, <nil>)"},
        {"{{ printf \"%s|%t|%x|%z|%!\" 1 \"a\" true 3 4 }}",
         "%!s(int=1)|%!t(string=a)|%!x(bool=true)|%!z(int=3)|%!!(int=4)"},
        {"{{ printf \"%s|%d|%v|%5d|%\" nil nil nil \"x\" }}",
         "%!s(<nil>)|%!d(<nil>)|<nil>|%!d(string=    x)|%!(NOVERB)"},
        {"{{ printf \"%5d|%-5d|%05d|%+d|% d|%x|%X|%#x|%o|%O|%b|%c|%U|%q\" 42 42 -42 42 42 255 255 "
         "255 8 8 5 65 65 65 }}",
         "   42|42   |-0042|+42| 42|ff|FF|0xff|10|0o10|101|A|U+0041|'A'"},
        {"{{ printf \"%.5d|%8.5d|%-8.5d|%.0d|%3c|%-3c|%08b\" 12 12 12 0 65 65 5 }}",
         "00012|   00012|00012   ||  A|A  |00000101"},
        {"{{ printf \"%5s|%-5s|%05s|%.1s|%5.1s|%x|% X|%#x|%q|%8q|%v\" \"ab\" \"ab\" \"ab\" "
         "\"ab\" \"ab\" \"ab\" \"ab\" \"ab\" \"a\" \"a\" \"b\" }}",
         "   ab|ab   |000ab|a|    a|6162|61 62|0x6162|\"a\"|     \"a\"|b"},
        {"{{ printf \"%q|%+q|%#q\" \"\\x00\\xff\\a\\\\\\\"\\u00e9\" \"\\u00e9\" \"a\" }}",
         "\"\\x00\\xff\\a\\\\\\\"\u00e9\"|\"\\u00e9\"|`a`"},
        {"{{ printf \"%t|%v|%5t|%-6t|\" true false true true }}", "true|false| true|true  |"},
        {"{{ printf \"%T %T %T %T %T %T %T %7T\" 1 \"a\" true .Match .Group .Message.Id nil 1 }}",
         "int string bool []string map[string]string uint16 <nil>     int"},
        {"{{ printf \"%s|%q|%d|%x|%v|%#v\" .Match .Match .Match .Match .Group .Match }}",
         "[ab.c. ab 10]|[\"ab.c.\" \"ab\" \"10\"]|[%!d(string=ab.c.) %!d(string=ab) "
         "%!d(string=10)]|[61622e632e 6162 3130]|map[0:ab.c. hex:ff]|[]string{\"ab.c.\", "
         "\"ab\", \"10\"}"},
        {"{{ printf \"%[2]d %[1]d|%[3]d|%*d|%-*d|%.*s\" 1 2 }}",
         "2 1|%!d(BADINDEX)|%!d(MISSING)|%!(BADWIDTH)%!d(MISSING)|%!(BADPREC)%!s(MISSING)"},
        {"{{ printf \"%*d|%.*s|%*d\" 4 7 1 \"ab\" \"x\" 7 }}", "   7|a|%!(BADWIDTH)7"},
        {"{{ printf \"%%|%5%|%d%%\" 3 }}", "%|%|3%"},
        {"{{ printf \"%v %g %e %.1f %6.2f|%-6.1f|%06.1f %s\" 1.5 1e6 1.5 1.25 1.5 1.5 -1.5 1.5 }}",
         "1.5 1e+06 1.500000e+00 1.2   1.50|1.5   |-001.5 %!s(float64=1.5)"},
        {"{{ 1e6 }} {{ 123456.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ print 1.5 2 }}",
         "1e+06 123456 0.0001 1e-05 1.5 2"},
        {"{{ printf \"%d\" (parseInt \"ffffffffffffffff\" 16 64) }} {{ printf \"%s\" .Message.Id "
         "}}",
         "18446744073709551615 %!s(uint16=7)"},
        {"{{ printf \"%c%c%c\" 233 8364 128512 }}|{{ printf \"%3s|\" \"\u00e9\" }}",
         "\u00e9\u20ac\U0001f600|  \u00e9|"},
        {"{{ .Group.hex | printf \"%s-%05d\" \"a\" }}", "a-%!d(string=000ff)"},
        {"{{ print nil 1 2 \"a\" true }}|{{ println 1 \"a\" }}", "<nil> 1 2atrue|1 a\n"},
    };
    check(cases);
}

TEST_CASE("templates: no text takes more than its bounds") {
    const std::string deep =
        "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}";
    const std::string through_blocks =
        "{{ define \"r\" }}{{ if 1 }}{{ if 1 }}{{ if 1 }}{{ template \"r\" . }}{{ end }}{{ end "
        "}}{{ end }}{{ end }}{{ template \"r\" . }}";
    const std::string doubling =
        "{{ define \"r\" }}{{ if lt (len .) 40 }}{{ template \"r\" (print . \"x\") }}{{ template "
        "\"r\" (print . \"x\") }}{{ end }}{{ end }}{{ template \"r\" \"\" }}";
    const Case cases[] = {
        {"{{ range 1000000000 }}{{ end }}", "(too many steps)"},
        {"{{ range 9223372036854775807 }}{{ continue }}{{ end }}", "(too many steps)"},
        {"{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}", "(too many steps)"},
        {"{{ range 100 }}{{ range 100 }}{{ break }}{{ end }}{{ end }}ok", "ok"},
        {deep, "(too deep)"},
        {through_blocks, "(too deep)"},
        {doubling, "(no memory)"},
        {"{{ template \"answer\" . }}", "(too deep)"},
        {"{{ range 5000 }}a{{ end }}", "(too long)"},
        {"{{ printf \"%5000s\" \"\" }}", "(too long)"},
        {"{{ printf \"%.5000d\" 1 }}", "(too long)"},
        {"{{ printf \"%.900U\" 1 }}", "(too long)"},
        {"{{ printf \"%.600f\" 1.5 }}", "(too long)"},
        {"{{ $x := \"a\" }}{{ range 30 }}{{ $x = print $x $x }}{{ end }}", "(too long)"},
        {"{{ range 1000 }}{{ $x := printf \"%200s\" \"\" }}{{ end }}", "(no memory)"},
    };
    check(cases);
}

TEST_CASE("templates: a full arena is no empty text") {
    const std::string text =
        "{{ $x := 1 }}{{ print .Name \"-\" $x }}{{ template \"x\" (printf \"%s\" "
        "\"abcdefgh\") }}{{ define \"x\" }}{{ $y := . }}{{ $y }}{{ end }}";
    const std::string whole = "ab.c.-1abcdefgh";
    std::size_t enough = 0;
    for (std::size_t memory = 0; enough == 0; ++memory) {
        const std::string made = run(text, memory);
        INFO(memory);
        if (made != "(no memory)") REQUIRE(made == whole);
        if (made == whole) enough = memory;
    }
    CHECK(enough > whole.size());
}

TEST_CASE("templates of constant text are known as such") {
    const auto parsed = [](std::string_view text) { return *GoTemplate::parse(text); };
    CHECK(*parsed("a 60 IN A 10.0.0.1").constant() == "a 60 IN A 10.0.0.1");
    CHECK(parsed("{{ .Name }} x").constant() == nullptr);
    CHECK(*parsed("{{ .Name }} x").constant_behind_name() == " x");
    CHECK(parsed("{{ .Zone }} x").constant_behind_name() == nullptr);
    CHECK(parsed("{{ .Name }}").constant_behind_name() == nullptr);
}
