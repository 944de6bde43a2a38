#include "captured_lines.hpp"
#include "stage.hpp"
#include "zone_files.hpp"
#include <nameplane/base/background.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <sstream>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path zones = NAMEPLANE_SOURCE_ROOT "/tests/plugins/zones";

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file{path};
    INFO(path);
    REQUIRE(file.good());
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

void put_section(std::string& text, const char* title, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) text += std::string{"    "} + title + line + '\n';
}

/// A question and its answer as they stand in a golden file.
std::string block(Stage& stage, const std::string& question) {
    std::stringstream words{question};
    std::string name;
    std::string type;
    std::string dnssec;
    words >> name >> type >> dnssec;
    StageAnswer answer = stage.ask(name, type, {.tcp = true, .dnssec_ok = dnssec == "do"});
    std::string text = question + '\n';
    text += "    " + answer.rcode + (answer.message.authoritative ? " aa" : "") +
            (stage.heard() ? ", asked behind: " + stage.heard()->name : "") + '\n';
    put_section(text, "", answer.message.answers);
    put_section(text, "authority: ", answer.message.authorities);
    std::erase_if(answer.message.additionals,
                  [](const std::string& line) { return line.starts_with("; EDNS"); });
    put_section(text, "additional: ", answer.message.additionals);
    return text;
}

std::string blocks(Stage& stage, const std::string& questions) {
    std::stringstream lines{text_of(zones / questions)};
    std::string text;
    for (std::string line; std::getline(lines, line);) text += block(stage, line);
    return text;
}

/// Compares block by block; with NAMEPLANE_GOLDEN_WRITE set, writes the file anew.
void check_golden(const std::string& name, const std::string& made) {
    const std::filesystem::path path = zones / name;
    if (std::getenv("NAMEPLANE_GOLDEN_WRITE") != nullptr) std::ofstream{path} << made;
    std::stringstream now{made};
    std::stringstream golden{text_of(path)};
    std::string question;
    for (std::string line, wanted; std::getline(now, line);) {
        if (!line.starts_with(' ')) question = line;
        std::getline(golden, wanted);
        INFO(name << ": " << question);
        REQUIRE(line == wanted);
    }
    std::string more;
    CHECK_FALSE(std::getline(golden, more));
}

Stage stage_of(const std::string& lines) {
    Stage stage{lines};
    stage.behind("www.example.net", "A", {.answers = {"www.example.net. 77 IN A 198.51.100.1"}});
    stage.behind("www.example.net", "AAAA", {});
    stage.behind("www.unknown.example", "A", {.rcode = dns::Rcode::serv_fail});
    return stage;
}

}  // namespace

TEST_CASE("a zone's names of every shape") {
    Stage stage = stage_of("file " + (zones / "example.zone").string() + " example.org");
    check_golden("example.golden", blocks(stage, "questions.txt"));
}

TEST_CASE("a signed zone") {
    Stage stage = stage_of("file " + (zones / "signed.zone").string() + " signed.example");
    check_golden("signed.golden", blocks(stage, "signed-questions.txt"));
}

TEST_CASE("names that are not there go on where fallthrough says so") {
    const TemporaryFolder folder;
    const std::string path = folder.replace("db", small_zone(1, "192.0.2.1") +
                                                      "a.b.c 60 A 192.0.2.2\n*.d 60 A 192.0.2.3\n");
    const auto goes_on = [&](const std::string& body, const char* name, const char* type) {
        Stage stage{"file " + path + " example.org {\n" + body + "\n}"};
        (void)stage.ask(name, type);
        return stage.heard().has_value();
    };
    CHECK(goes_on("fallthrough", "missing.example.org", "A"));
    CHECK(goes_on("fallthrough", "b.c.example.org", "A"));
    CHECK_FALSE(goes_on("fallthrough", "www.example.org", "AAAA"));
    CHECK_FALSE(goes_on("fallthrough", "x.d.example.org", "AAAA"));
    CHECK(goes_on("fallthrough sub.example.org", "a.sub.example.org", "A"));
    CHECK_FALSE(goes_on("fallthrough sub.example.org", "missing.example.org", "A"));
    CHECK_FALSE(goes_on("reload 10s", "missing.example.org", "A"));
}

TEST_CASE("several files, several zones of one") {
    const TemporaryFolder folder;
    const std::string one = folder.replace("one", small_zone(1, "192.0.2.1"));
    const std::string two = folder.replace("two", small_zone(2, "192.0.2.2"));
    Stage stage{"file " + one + " example.org example.net\nfile " + two + " sub.example.org {\n}"};
    CHECK(stage.ask("www.example.org", "A").answers() == "www.example.org. 60 IN A 192.0.2.1");
    CHECK(stage.ask("www.example.net", "A").answers() == "www.example.net. 60 IN A 192.0.2.1");
    CHECK(stage.ask("www.sub.example.org", "A").answers() ==
          "www.sub.example.org. 60 IN A 192.0.2.2");
    CHECK(stage.ask("example.net", "SOA").answers() ==
          "example.net. 60 IN SOA ns.example.net. admin.example.net. 1 1 2 3 4");
    (void)stage.ask("www.example.com", "A");
    CHECK(stage.heard());
}

TEST_CASE("a file is read again when its serial is another one") {
    const TemporaryFolder folder;
    Background background;
    const std::string path = folder.replace("db", small_zone(5, "192.0.2.1"));
    Stage stage{"file " + path + " example.org {\nreload 10ms\n}", {.background = &background}};
    const auto address = [&] { return stage.ask("www.example.org", "A").answers(); };
    CHECK(address() == "www.example.org. 60 IN A 192.0.2.1");
    folder.replace("db", small_zone(6, "192.0.2.2"));
    CHECK(comes_true([&] { return address() == "www.example.org. 60 IN A 192.0.2.2"; }));
    // What is wrong, or gone, changes nothing; a smaller serial is another one, too.
    folder.replace("db", small_zone(7, "nonsense"));
    std::this_thread::sleep_for(50ms);
    CHECK(address() == "www.example.org. 60 IN A 192.0.2.2");
    std::filesystem::remove(path);
    std::this_thread::sleep_for(50ms);
    CHECK(address() == "www.example.org. 60 IN A 192.0.2.2");
    folder.replace("db", small_zone(3, "192.0.2.3"));
    CHECK(comes_true([&] { return address() == "www.example.org. 60 IN A 192.0.2.3"; }));
}

TEST_CASE("or when its time is") {
    const TemporaryFolder folder;
    Background background;
    const std::string path = folder.replace("db", small_zone(5, "192.0.2.1"));
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - 1h);
    Stage stage{"file " + path + " example.org {\nreload 10ms\nreload_by_mtime\n}",
                {.background = &background}};
    folder.replace("db", small_zone(5, "192.0.2.2"));
    CHECK(comes_true([&] {
        return stage.ask("www.example.org", "A").answers() == "www.example.org. 60 IN A 192.0.2.2";
    }));
}

TEST_CASE("a file that is not there may come; until then its zone fails") {
    const TemporaryFolder folder;
    Background background;
    const std::string path = folder / "db";
    Stage stage{"file " + path + " example.org {\nreload 10ms\nfallthrough\n}",
                {.background = &background}};
    CHECK(stage.ask("www.example.org", "A").rcode == "SERVFAIL");
    CHECK_FALSE(stage.heard());
    folder.replace("db", small_zone(1, "192.0.2.1"));
    CHECK(comes_true([&] { return stage.ask("www.example.org", "A").rcode == "NOERROR"; }));
    CHECK(mistakes_in("file " + folder / "other" + " example.org {\nreload 0\n}") ==
          "Corefile:1: file: " + folder / "other" +
              ": No such file or directory, expected a zone file");
}

TEST_CASE("a file that is wrong is told by its line") {
    const TemporaryFolder folder;
    const std::string path =
        folder.replace("db", "@ 60 IN SOA a b 1 2 3 4 5\n\nwww 60 IN A 1.2.3\n");
    const std::string mistake = mistakes_in("file " + path + " example.org");
    INFO(mistake);
    CHECK(mistake.starts_with("Corefile:1: file: " + path + ":3: 'A 1.2.3', expected a type"));
    CHECK(mistakes_in("file") == "Corefile:1: file: no file, expected one and, if wanted, zones");
    CHECK(
        mistakes_in("file " + folder.replace("none", "") + " example.org").find("no SOA record") !=
        std::string::npos);
    CHECK(mistakes_in("file x example.org {\nreload\n}").find("reload: expected a duration") !=
          std::string::npos);
}

TEST_CASE("the wildcard that made an answer is metadata") {
    const TemporaryFolder folder;
    const std::string path =
        folder.replace("db", small_zone(1, "192.0.2.1") + "*.d 60 A 192.0.2.3\n");
    CapturedLines lines;
    Stage stage{"metadata\nlog . \"{name} {/zone/wildcard}\"\nfile " + path + " example.org",
                {.line_log = lines.log()}};
    (void)stage.ask("x.d.example.org", "A");
    CHECK(lines.next() == "[INFO] x.d.example.org. *.d.example.org.");
    (void)stage.ask("www.example.org", "A");
    CHECK(lines.next() == "[INFO] www.example.org. -");
}
