#include "plugins/template/go_template.hpp"
#include "plugins/template/nodes.hpp"

#include <catch2/catch.hpp>

#include <source_location>
#include <string>

using namespace nameplane;
using namespace nameplane::plugins::templating;

namespace {

class TestData final : public Data {
public:
    bool field(Path path, Value& value) const noexcept override {
        static constexpr std::array<std::string_view, 3> matches{"ab.c.", "ab", "10"};
        if (path[0] == "Name" && path.size() == 1) {
            value = Value::of(std::string_view{"ab.c."});
        } else if (path[0] == "Match" && path.size() == 1) {
            value = Value::of(std::span<const std::string_view>{matches});
        } else if (path[0] == "Group" && path.size() == 2) {
            value = path[1] == "hex" ? Value::of(std::string_view{"ff"}) : Value{};
        } else {
            return false;
        }
        return true;
    }
    std::string_view meta(std::string_view label) const noexcept override {
        return label == "a/b" ? "known" : "";
    }
};

/// "(fails)" where a run fails.
std::string run(std::string_view text) {
    const Result<GoTemplate> parsed = GoTemplate::parse(text);
    INFO(text);
    if (!parsed) return "(" + parsed.error().text + ")";
    Arena arena{1 << 16};
    std::array<char, 4096> room;
    Output out{room};
    if (!parsed->run(TestData{}, arena, out)) return "(fails)";
    return std::string{out.text()};
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
        {"{{ .Group.hex | printf \"%s-%05d\" \"a\" }}", "(fails)"},
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
        {"{{ printf \"%d\" }}", "(fails)"},
        {"{{ printf \"%d\" \"x\" }}", "(fails)"},
        {"{{ slice .Name 3 2 }}", "(fails)"},
        {"{{ .Meta }}", "(fails)"},
        {std::string(5000, 'x'), "(fails)"},
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
        {"{{ range .Match }}{{ end }}",
         "('range', which is not supported, expected 'if' or 'with')"},
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

TEST_CASE("templates of constant text are known as such") {
    const auto parsed = [](std::string_view text) { return *GoTemplate::parse(text); };
    CHECK(*parsed("a 60 IN A 10.0.0.1").constant() == "a 60 IN A 10.0.0.1");
    CHECK(parsed("{{ .Name }} x").constant() == nullptr);
    CHECK(*parsed("{{ .Name }} x").constant_behind_name() == " x");
    CHECK(parsed("{{ .Zone }} x").constant_behind_name() == nullptr);
    CHECK(parsed("{{ .Name }}").constant_behind_name() == nullptr);
}
