#include "conf/corefile.hpp"
#include "row.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <map>

using namespace nameplane;
using namespace nameplane::conf;
using nameplane::test::Row;

namespace {

std::string dump(const Directive& line) {
    std::string text = line.where.file + ':' + std::to_string(line.where.line) + ' ' + line.name;
    for (const std::string& word : line.words) text += " '" + word + "'";
    if (line.body.empty()) return text;
    text += " {";
    for (const Directive& inner : line.body) text += ' ' + dump(inner) + ';';
    return text + " }";
}

std::string dump(const Document& document) {
    std::string text;
    for (const ServerBlock& block : document.servers) {
        text += '[';
        for (const std::string& zone : block.zones) text += (text.ends_with('[') ? "" : " ") + zone;
        text += "]\n";
        for (const Directive& plugin : block.plugins) text += dump(plugin) + '\n';
    }
    return text;
}

std::string dump(const std::vector<Problem>& problems) {
    std::string text;
    for (const Problem& problem : problems) text += problem.to_string() + '\n';
    return text;
}

const std::map<std::string, std::string> files{
    {"d/errors", "errors\n"},
    {"d/x.server", "x {\n  whoami\n}\n"},
    {"d/y.server", "y {\n  import ../errors2\n}\n"},
    {"errors2", "errors {\n  stacktrace\n}"},
    {"self", "import self\n"},
    {"open", "whoami {\n"},
};

// A few files that are only here; a pattern ends in "*".
Surroundings surroundings() {
    return {[](const std::string& path) -> Result<std::string> {
                return files.at(std::filesystem::path{path}.lexically_normal().string());
            },
            [](const std::string& pattern) {
                const std::string wanted =
                    std::filesystem::path{pattern}.lexically_normal().string();
                std::vector<std::string> found;
                for (const auto& [path, text] : files) {
                    const bool matches = wanted.ends_with('*')
                                             ? path.starts_with(wanted.substr(0, wanted.size() - 1))
                                             : path == wanted;
                    if (matches) found.push_back(path);
                }
                return found;
            },
            [](const std::string& name) {
                if (name == "LOOP") return std::string{"{$LOOP}"};
                return name == "ZONE" ? std::string{"z.example"}
                                      : (name == "PORT" ? std::string{"{$ZONE}"} : std::string{});
            }};
}

struct Reads {
    std::string_view text;
    std::string_view document;
    std::string_view problems;
    Row row = {};
};

void check(const std::vector<Reads>& rows) {
    for (const Reads& row : rows) {
        INFO(row.row.to_string());
        const CorefileReading reading = read_corefile(row.text, "C", surroundings());
        CHECK(dump(reading.document) == row.document);
        CHECK(dump(reading.problems) == row.problems);
    }
}

}  // namespace

TEST_CASE("Corefile: server blocks") {
    check({
        {"", "", ""},
        {"# nothing\n", "", ""},
        {".", "[.]\n", ""},
        {".:53 {\n}\n", "[.:53]\n", ""},
        {".:53 {\n  errors\n  cache 30 {\n    prefetch 5\n  }\n}\n",
         "[.:53]\nC:2 errors\nC:3 cache '30' { C:4 prefetch '5'; }\n", ""},
        {"a b, c,\nd {\n  x\n}\ne\n{\n  y\n}", "[a b c d]\nC:3 x\n[e]\nC:7 y\n", ""},
        {"example.org\nerrors\nlog { class all\n}\n",
         "[example.org]\nC:2 errors\nC:3 log { C:3 class 'all'; }\n", ""},
        {"a {\n x \"b c\" # d\n y#z w\n}", "[a]\nC:2 x 'b c'\nC:3 y 'w'\n", ""},
    });
}

TEST_CASE("Corefile: variables") {
    check({
        {"{$ZONE}:53 {\n  x {%ZONE%} a{$ZONE}b{$NONE} {$} {$PORT}\n}",
         "[z.example:53]\nC:2 x 'z.example' 'az.exampleb' '{$}' 'z.example'\n", ""},
        {"a {\n x {$LOOP}\n}", "[a]\nC:2 x '{$LOOP}'\n", ""},
        {"(s) {\n {$ZONE}\n}\na {\n import s\n}", "[a]\nC:2 z.example\n", ""},
    });
}

TEST_CASE("Corefile: snippets and imports") {
    check({
        {"(s) {\n x\n y {\n  z\n }\n}\na {\n import s\n w\n}\nb {\n import s\n import s\n}",
         "[a]\nC:2 x\nC:3 y { C:4 z; }\nC:9 w\n[b]\nC:2 x\nC:3 y { C:4 z; }\nC:2 x\nC:3 y { C:4 "
         "z; }\n",
         ""},
        {"(s) {\n one\n two\n}\na {\n x {\n  import s\n  three\n }\n}",
         "[a]\nC:6 x { C:2 one; C:3 two; C:8 three; }\n", ""},
        {"a {\n import d/errors\n}", "[a]\nd/errors:1 errors\n", ""},
        {"a {\n x\n}\nimport d/*.server", "[a]\nC:2 x\n", ""},
        {"import d/y.server", "[y]\nerrors2:1 errors { errors2:2 stacktrace; }\n", ""},
        {"a {\n import nowhere\n}", "[a]\n",
         "C:2: import: 'nowhere' does not exist, expected a snippet or a file\n"},
        {"a {\n import\n import x y\n import a*b*\n import \"\"\n}", "[a]\n",
         "C:2: import: nothing, expected a snippet or a file\n"
         "C:3: import: 'y', expected nothing more behind it\n"
         "C:3: import: 'x' does not exist, expected a snippet or a file\n"
         "C:4: import: 'a*b*' has several wildcards, expected one '*' at most\n"
         "C:5: import: an empty name, expected a snippet or a file\n"},
        {"a {\n import d/[x\n}", "[a]\n", "C:2: import: 'd/[x' has a '[', expected none\n"},
        {"(s) {\n x import\n import s\n}\na {\n}", "[a]\n",
         "C:3: (s): imports itself, expected others\n"},
        {"(s) {\n}\n(s) {\n}\n(t)\n", "",
         "C:3: (s): given twice, expected once (first at C:1)\n"
         "C:5: (t): no block, expected '{' behind it\n"},
        {"a {\n import open\n}", "[a]\nopen:1 whoami\n", "C:1: '{' is not closed, expected '}'\n"},
    });
    const CorefileReading reading = read_corefile("a {\n import z*\n}", "C", surroundings());
    CHECK(dump(reading.warnings) == "C:2: import: no file matches 'z*'\n");
    const CorefileReading two = read_corefile("import d/y.server", "C", surroundings());
    REQUIRE(two.imported.size() == 2);
    CHECK(two.imported[1].second == files.at("errors2"));
}

TEST_CASE("Corefile: patterns match hidden files, but not hidden folders, which volumes have") {
    const test::TemporaryFolder files;
    const std::string& folder = files.path();
    for (const char* const name : {"..data/x", "a.server", ".b.server", "x"}) {
        files.write(name, "x\n");
    }
    const auto found = [&](const std::string& pattern) {
        std::string all;
        for (const std::string& path : real_surroundings().glob(folder + pattern)) {
            all += path.substr(folder.size()) + ' ';
        }
        return all;
    };
    CHECK(found("/*.server") == "/.b.server /a.server ");
    CHECK(found("/*") == "/.b.server /a.server /x ");
    CHECK(found("/?.server") == "/a.server ");
    CHECK(found("/..data") == "/..data ");
    CHECK(found("/*/x").empty());
    CHECK(found("/..data/../*r") == "/..data/../.b.server /..data/../a.server ");
}

TEST_CASE("Corefile: what is wrong is said, all of it") {
    check({
        {"a {\n x\n", "[a]\nC:2 x\n", "C:1: '{' is not closed, expected '}'\n"},
        {"a {\n x }\nb {\n y\n}", "[a]\nC:2 x\n[b]\nC:4 y\n",
         "C:2: '}' behind other words, expected it on a line of its own\n"},
        {"}\na {\n}\n}", "[a]\n",
         "C:1: '}' without a block, expected '{' before\n"
         "C:4: '}' without a block, expected '{' before\n"},
        {"a, {\n x\n}", "[a]\nC:2 x\n", "C:1: '{' behind a comma, expected another zone\n"},
        {"a,", "[a]\n", "C:1: the file ends behind a comma, expected a zone\n"},
        {"a , b {\n}", "[a b]\n", "C:1: ',' alone, expected it behind a zone\n"},
        {"a\nx\n}\nb {\n y\n}", "[a]\nC:2 x\n[b]\nC:5 y\n", ""},
    });
    const CorefileReading closed = read_corefile("a\nx\n}\n", "C", surroundings());
    CHECK(dump(closed.warnings) == "C:3: '}' without a block, expected '{' before\n");
}

TEST_CASE("Corefile: imports that never end are cut off") {
    const CorefileReading reading = read_corefile("import self", "C", surroundings());
    REQUIRE(reading.problems.size() == 1);
    CHECK(reading.problems[0].text.starts_with("import: too many"));
    std::string doubling = "(s0) {\n x\n}\n";
    for (int i = 1; i < 40; ++i) {
        const std::string before = "import s" + std::to_string(i - 1) + '\n';
        doubling += "(s" + std::to_string(i) + ") {\n" + before + before + "}\n";
    }
    const CorefileReading many =
        read_corefile(doubling + "a {\nimport s39\n}", "C", surroundings());
    REQUIRE_FALSE(many.problems.empty());
}
