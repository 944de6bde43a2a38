#include "conf/toml.hpp"
#include "row.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::conf;
using nameplane::test::Row;

namespace {

// A document as text: name, words and body of each directive with its line.
std::string dump(const Directive& directive) {
    std::string text = std::to_string(directive.where.line) + ' ' + directive.name;
    for (const std::string& word : directive.words) text += " '" + word + "'";
    if (!directive.body.empty()) {
        text += " {";
        for (const Directive& inner : directive.body) text += ' ' + dump(inner) + ';';
        text += " }";
    }
    return text;
}
std::string dump(const Document& document) {
    std::string text;
    for (const Directive& directive : document.settings) text += dump(directive) + '\n';
    for (const ServerBlock& server : document.servers) {
        text += std::to_string(server.where.line) + " server";
        for (const std::string& zone : server.zones) text += ' ' + zone;
        text += '\n';
        for (const Directive& plugin : server.plugins) text += "  " + dump(plugin) + '\n';
    }
    return text;
}
std::string dump(const std::vector<Problem>& problems) {
    std::string text;
    for (const Problem& problem : problems) text += problem.to_string() + '\n';
    return text;
}

struct Reads {
    std::string_view toml;
    std::string_view document;
    std::string_view problems;
    Row row = {};
};

}  // namespace

TEST_CASE("TOML becomes directives that know their lines") {
    const std::vector<Reads> rows{
        {"", "", ""},
        {"[dns]\nport = 53\nlisten = [\"::\", \"0.0.0.0\"]\n",
         "1 dns { 2 port '53'; 3 listen '::' '0.0.0.0'; }\n", ""},
        {"# the order is that of the file\n[rules]\nz = true\na = false\n[dns]\n",
         "2 rules { 3 z 'true'; 4 a 'false'; }\n5 dns\n", ""},
        {"dns.port = 1\ndns.tcp_idle = '''1s'''\n", "1 dns { 1 port '1'; 2 tcp_idle '1s'; }\n", ""},
        {"dns = { port = 5, threads = 1.5 }\n", "1 dns { 1 port '5'; 1 threads '1.5'; }\n", ""},
        {"[[server]]\nzones = [\"a\", \"b\"]\n[server.kubernetes]\nttl = 30\n\n[[server]]\nzones = "
         "\"c\"\nwhoami = {}\n",
         "1 server a b\n  3 kubernetes { 4 ttl '30'; }\n6 server c\n  8 whoami\n", ""},
        {"[[server]]\n[[server.forward]]\nto = \"a\"\n[[server.forward]]\nto = \"b\"\n",
         "1 server\n  2 forward { 3 to 'a'; }\n  4 forward { 5 to 'b'; }\n", ""},
        {"[[server]]\nkubernetes = true\nwhoami = false\n", "1 server\n  2 kubernetes\n", ""},
        {"[[server]]\nforward = '. 9.9.9.9 \"a b\"'\nbufsize = 1232\n",
         "1 server\n  2 forward '.' '9.9.9.9' 'a b'\n  3 bufsize '1232'\n", ""},
        {"[[server]]\nrewrite = ['name a b',\n['name', 'c d', 5]]\nempty = []\n",
         "1 server\n  2 rewrite 'name' 'a' 'b'\n  3 rewrite 'name' 'c d' '5'\n", ""},
        {"[[server]]\n[server.acl]\nline = ['a', 'b']\nbody = '''\nblock type A # no\n\n"
         "allow {\n x y\n}\n'''\n",
         "1 server\n  2 acl 'a' 'b' { 5 block 'type' 'A'; 7 allow { 8 x 'y'; }; }\n", ""},
        {"[[server]]\n[server.hosts]\nbody = ['10.0.0.1 a b', '', ['ttl', 5], '{']\n",
         "1 server\n  2 hosts { 3 10.0.0.1 'a' 'b'; 3 ttl '5'; 3 {; }\n", ""},
        {"[[server]]\n[server.cache]\ndisable = [['success', 'a'], ['denial']]\nsuccess = ['a']\n",
         "1 server\n  2 cache { 3 disable 'success' 'a'; 3 disable 'denial'; 4 success 'a'; }\n",
         ""},
        {"[[server]]\n[server.acl]\nline = {}\nbody = 5\n[[server]]\n[server.acl]\nbody = 'a {'\n",
         "1 server\n  2 acl\n5 server\n  6 acl { 7 a; }\n",
         "t.toml:3: acl: not a single value, expected text, a number, true or false, or a list of "
         "these\nt.toml:4: acl: body: not lines, expected a text or a list\n"
         "t.toml:7: '{' is not closed, expected '}'\n"},
        {"[server]\nzones = []\n", "",
         "t.toml:1: server: not a list of tables, expected [[server]]\n"},
        {"server = 5\n", "", "t.toml:1: server: not a list of tables, expected [[server]]\n"},
        {"[dns]\nport = 2020-01-01\nlisten = [[\"a\"]]\nthreads = 2\n",
         "1 dns { 4 threads '2'; }\n",
         "t.toml:2: port: not a single value, expected text, a number, true or false, or a list of "
         "these\n"
         "t.toml:3: listen: not a single value, expected text, a number, true or false, or a list "
         "of these\n"},
    };
    for (const Reads& row : rows) {
        INFO(row.row.to_string());
        const TomlReading reading = read_toml(row.toml, "t.toml");
        CHECK(dump(reading.document) == row.document);
        CHECK(dump(reading.problems) == row.problems);
    }
}

TEST_CASE("a syntax error is one problem at its line and no document") {
    for (const auto& [toml, line] : std::vector<std::pair<std::string_view, unsigned>>{
             {"[dns]\nport = \n", 2},
             {"[dns\n", 1},
             {"[dns]\nport = 1\nport = 2\n", 3},
             {"[a]\n[a]\n", 2},
             {"x = \"\xff\"\n", 1},
         }) {
        INFO(toml);
        const TomlReading reading = read_toml(toml, "t.toml");
        REQUIRE(reading.problems.size() == 1);
        CHECK(reading.problems[0].where == Where{"t.toml", line});
        CHECK(reading.problems[0].text.ends_with(", expected TOML"));
        CHECK(dump(reading.document).empty());
    }
}

TEST_CASE("deep nesting ends in a problem and not in the stack") {
    const std::string deep = "a = " + std::string(100'000, '[');
    CHECK(read_toml(deep, "t.toml").problems.size() == 1);
}
