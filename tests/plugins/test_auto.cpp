#include "plugins/auto/scan.hpp"
#include "stage.hpp"
#include "zone_files.hpp"
#include <nameplane/base/background.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;
namespace zone_folder = nameplane::plugins::zone_folder;

namespace {

zone_folder::Rule rule_of(const std::string& folder, const char* pattern, const char* origin) {
    auto made = Pattern::make(pattern);
    REQUIRE(made);
    return {.folder = folder, .pattern = *made, .origin = origin};
}

}  // namespace

TEST_CASE("a file's name says what zone it is") {
    struct Row {
        const char* pattern;
        const char* origin;
        const char* name;
        const char* zone;  ///< nullptr: none of ours
    };
    for (const Row& row :
         {Row{R"(db\.(.*))", "{1}", "db.Example.org", "example.org."},
          Row{R"(db\.(.*))", "{1}", "www.db.example.org", "example.org."},
          Row{R"(db\.(.*))", "{1}", "dbxexample.org", nullptr},
          Row{R"(^(.*)\.zone$)", "{1}", "example.org.zone", "example.org."},
          Row{R"(^(.*)\.zone$)", "{1}", "example.org.zone.bak", nullptr},
          Row{R"((.*)-(.*))", "{2}.{1}.org", "a-b", "b.a.org."},
          Row{R"((.*))", "bliep", "any", "bliep."}, Row{R"((.*))", "{0}.x", "any", "any.x."},
          Row{R"((.*))", "{2}", "any", nullptr}, Row{R"((.*))", "{x}", "any", "{x}."},
          Row{R"((.*))", "{1}", "a..b", nullptr}}) {
        INFO(row.pattern << ' ' << row.origin << ' ' << row.name);
        const auto origin = zone_folder::origin_of(rule_of("/", row.pattern, row.origin), row.name);
        CHECK((origin ? origin->to_string() : "none") == (row.zone ? row.zone : "none"));
    }
}

TEST_CASE("folders below are looked into, the first file of a zone counts") {
    const TemporaryFolder folder;
    folder.replace("db.example.org", "");
    folder.replace("deep/er/db.example.net", "");
    folder.replace("deep/db.example.org", "");
    folder.replace("other", "");
    std::filesystem::create_directory_symlink(folder / "deep", folder / "link");
    std::filesystem::create_symlink(folder / "other", folder / "db.linked.example");
    const auto scan = zone_folder::scan(rule_of(folder.path(), R"(db\.(.*))", "{1}"));
    std::string found;
    for (const auto& file : scan.files) found += file.origin.to_string() + ' ';
    CHECK(found == "example.org. linked.example. example.net. ");
    REQUIRE(scan.problems.size() == 1);
    CHECK(scan.problems[0].find("for the same zone") != std::string::npos);
    const auto missing = zone_folder::scan(rule_of(folder / "gone", "(.*)", "{1}"));
    CHECK(missing.files.empty());
    CHECK(missing.problems.size() == 1);
}

TEST_CASE("of a mounted ConfigMap nothing is told, though its files are found twice") {
    const TemporaryFolder folder;
    folder.replace("..2026_1/db.example.org", "");
    std::filesystem::create_directory_symlink("..2026_1", folder / "..data");
    std::filesystem::create_symlink("..data/db.example.org", folder / "db.example.org");
    const auto scan = zone_folder::scan(rule_of(folder.path(), R"(db\.(.*))", "{1}"));
    CHECK(scan.files.size() == 1);
    CHECK(scan.problems.empty());
    // Until the old one goes there are two.
    folder.replace("..2026_2/db.example.org", "");
    CHECK(zone_folder::scan(rule_of(folder.path(), R"(db\.(.*))", "{1}")).problems.size() == 1);
}

TEST_CASE("a folder of many files that are no zones is told in few lines") {
    const TemporaryFolder folder;
    for (int i = 0; i < 30; ++i) folder.replace("any" + std::to_string(i), "");
    const auto scan = zone_folder::scan(rule_of(folder.path(), "(.*)", "bliep"));
    CHECK(scan.files.size() == 1);
    REQUIRE(scan.problems.size() == 21);
    CHECK(scan.problems[19].find("for the same zone") != std::string::npos);
    CHECK(scan.problems[20] == "and 9 more of the like");
}

TEST_CASE("zones come, change and go with their files") {
    const TemporaryFolder folder;
    Background background;
    folder.replace("zones/db.example.org", small_zone(1, "192.0.2.1"));
    folder.replace("zones/db.example.com", small_zone(1, "192.0.2.9"));
    Stage stage{"auto org {\ndirectory " + folder / "zones" + "\nreload 10ms\n}",
                {.background = &background}};
    const auto address = [&](const char* name) {
        const StageAnswer answer = stage.ask(name, "A");
        return stage.heard() ? "behind" : answer.rcode + ' ' + answer.answers();
    };
    CHECK(address("www.example.org") == "NOERROR www.example.org. 60 IN A 192.0.2.1");
    CHECK(address("missing.example.org") == "NXDOMAIN ");
    // There is such a file, but the directive is for org only.
    CHECK(address("www.example.com") == "behind");
    CHECK(address("www.other.org") == "behind");
    folder.replace("zones/db.other.org", small_zone(1, "192.0.2.2"));
    CHECK(comes_true(
        [&] { return address("www.other.org") == "NOERROR www.other.org. 60 IN A 192.0.2.2"; }));
    folder.replace("zones/db.other.org", small_zone(2, "192.0.2.3"));
    CHECK(comes_true(
        [&] { return address("www.other.org") == "NOERROR www.other.org. 60 IN A 192.0.2.3"; }));
    std::filesystem::remove(folder / "zones/db.other.org");
    CHECK(comes_true([&] { return address("www.other.org") == "behind"; }));
    // A file that is wrong at first makes no zone.
    folder.replace("zones/db.broken.org", "nonsense\n");
    folder.replace("zones/db.last.org", small_zone(1, "192.0.2.4"));
    CHECK(comes_true(
        [&] { return address("www.last.org") == "NOERROR www.last.org. 60 IN A 192.0.2.4"; }));
    CHECK(address("www.broken.org") == "behind");
    folder.replace("zones/db.broken.org", small_zone(1, "192.0.2.5"));
    CHECK(comes_true(
        [&] { return address("www.broken.org") == "NOERROR www.broken.org. 60 IN A 192.0.2.5"; }));
}

TEST_CASE("several auto have each their folder") {
    const TemporaryFolder folder;
    folder.replace("one/db.one.example", small_zone(1, "192.0.2.1"));
    folder.replace("two/db.two.example", small_zone(1, "192.0.2.2"));
    Stage stage{"auto {\ndirectory " + folder / "one" + "\n}\nauto {\ndirectory " + folder / "two" +
                "\n}"};
    CHECK(stage.ask("www.one.example", "A").answers() == "www.one.example. 60 IN A 192.0.2.1");
    CHECK(stage.ask("www.two.example", "A").answers() == "www.two.example. 60 IN A 192.0.2.2");
}

TEST_CASE("the pattern and its template") {
    const TemporaryFolder folder;
    folder.replace("example.org.zone", small_zone(1, "192.0.2.1"));
    Stage stage{"auto {\ndirectory " + folder.path() + " ^(.*)\\.zone$ {1}\n}"};
    CHECK(stage.ask("www.example.org", "A").answers() == "www.example.org. 60 IN A 192.0.2.1");
    CHECK(mistakes_in("auto {\nreload 1m\n}").find("expected a folder") != std::string::npos);
    CHECK(mistakes_in("auto {\ndirectory / x y\n}").find("expected a group") != std::string::npos);
}
