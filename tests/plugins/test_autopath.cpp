#include "cluster.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace nameplane;
using namespace nameplane::test;

namespace {

/// A stage with the search list a.test, b.test, c.test; "web" is in b.test, "host" is a name by
/// itself, "bad" fails in a.test.
Stage searching(const std::string& lines = "autopath @behind") {
    Stage stage{lines};
    stage.behind_searches({"a.test.", "b.test.", "c.test."});
    stage.behind("web.b.test.", "A", {.answers = {"web.b.test. 30 IN A 10.0.0.1"}});
    stage.behind("web.b.test.", "AAAA", {});
    stage.behind("web.c.test.", "A", {.answers = {"web.c.test. 30 IN A 10.0.0.2"}});
    stage.behind("own.a.test.", "A", {.answers = {"own.a.test. 30 IN A 10.0.0.3"}});
    stage.behind("host.", "A", {.answers = {"host. 40 IN A 10.0.0.4"}});
    stage.behind("none.a.test.", "A",
                 {.rcode = dns::Rcode::nx_domain,
                  .authorities = {"a.test. 5 IN SOA ns.a.test. h.a.test. 1 2 3 4 5"}});
    stage.behind("bad.a.test.", "A", {.error = "timeout"});
    stage.behind("bad.b.test.", "A", {.answers = {"bad.b.test. 30 IN A 10.0.0.5"}});
    return stage;
}

double found(const Stage& stage) {
    return stage.count("coredns_autopath_success_total", {{"server", "dns://:53"}});
}

}  // namespace

TEST_CASE("autopath finds names below the other domains of the search list") {
    Stage stage = searching();
    CHECK(stage.ask("Web.a.test.", "A").answers() ==
          "Web.a.test. 30 IN CNAME web.b.test.; web.b.test. 30 IN A 10.0.0.1");
    CHECK(stage.ask("web.a.test.", "A").message.questions ==
          std::vector<std::string>{"web.a.test. IN A"});
    CHECK(stage.ask("host.a.test.", "A").answers() ==
          "host.a.test. 40 IN CNAME host.; host. 40 IN A 10.0.0.4");
    CHECK(found(stage) == 3);
    // A name that exists without the type is found, too.
    const StageAnswer no_data = stage.ask("web.a.test.", "AAAA");
    CHECK(no_data.rcode == "NOERROR");
    CHECK(no_data.answers().empty());
}

TEST_CASE("autopath leaves the client's own name alone where it exists") {
    Stage stage = searching();
    CHECK(stage.ask("own.a.test.", "A").answers() == "own.a.test. 30 IN A 10.0.0.3");
    CHECK(stage.heard()->name == "own.a.test.");
}

TEST_CASE("autopath gives the first answer back where nothing is found, and failures at once") {
    Stage stage = searching();
    const StageAnswer none = stage.ask("none.a.test.", "A");
    CHECK(none.rcode == "NXDOMAIN");
    CHECK(none.message.authorities.size() == 1);
    CHECK(none.answers().empty());
    CHECK(stage.heard()->name == "none.");
    CHECK(stage.ask("bad.a.test.", "A").rcode == "SERVFAIL");
    CHECK(stage.heard()->name == "bad.a.test.");
    CHECK(found(stage) == 0);
}

TEST_CASE("autopath goes on after a failure without a reason, not after a refusal") {
    // hosts has no name to deny with, and fails.
    Stage stage =
        searching("autopath @behind\nhosts {\n 10.0.0.9 there.b.test\n fallthrough none.\n}");
    CHECK(stage.ask("there.a.test.", "A").answers() ==
          "there.a.test. 3600 IN CNAME there.b.test.; there.b.test. 3600 IN A 10.0.0.9");
    CHECK(stage.ask("nowhere.a.test.", "A").rcode == "SERVFAIL");
    Stage refused = searching();
    refused.behind("web.a.test.", "A", {.rcode = dns::Rcode::refused});
    CHECK(refused.ask("web.a.test.", "A").rcode == "REFUSED");
    CHECK(refused.heard()->name == "web.a.test.");
}

TEST_CASE("autopath is for names below the first domain, and for its zones") {
    Stage stage = searching();
    for (const char* const name : {"web.b.test.", "a.test.", "web.", "xa.test."}) {
        stage.ask(name, "TXT");
        CHECK(stage.heard()->name == name);
    }
    Stage zoned = searching("autopath other.test a.test @behind");
    CHECK(zoned.ask("web.a.test.", "A").message.answers.size() == 2);
    Stage elsewhere = searching("autopath other.test @behind");
    CHECK(elsewhere.ask("web.a.test.", "A").rcode == "NXDOMAIN");
    Stage unknown = searching("autopath @nobody");
    CHECK(unknown.ask("web.a.test.", "A").rcode == "NXDOMAIN");
}

TEST_CASE("autopath reads the search list from a file") {
    const std::string path = (std::filesystem::temp_directory_path() /
                              ("nameplane-autopath-" + std::to_string(::getpid())))
                                 .string();
    std::ofstream{path} << "search a.test c.test\n";
    Stage stage = searching("autopath " + path);
    std::filesystem::remove(path);
    CHECK(stage.ask("web.a.test.", "A").answers() ==
          "web.a.test. 30 IN CNAME web.c.test.; web.c.test. 30 IN A 10.0.0.2");
    CHECK(mistakes_in("autopath") != "");
    CHECK(mistakes_in("autopath /nonexistent/resolv.conf").find("expected a file") !=
          std::string::npos);
    CHECK(mistakes_in("autopath a..b @x") == "Corefile:1: path: 'a..b', expected a zone");
}

TEST_CASE("autopath stops before the walk has to") {
    Stage stage{"autopath @behind"};
    std::vector<std::string> domains;
    for (char c = 'a'; c <= 'l'; ++c) domains.push_back(std::string(1, c) + ".test.");
    stage.behind_searches(domains);
    CHECK(stage.ask("x.a.test.", "A").rcode == "NXDOMAIN");
    CHECK(stage.heard()->name == "x.g.test.");
}

TEST_CASE("kubernetes knows the search list of verified pods") {
    const auto path_of = [](const std::string& pods, const char* client, const char* name) {
        const Example example{PluginOptions{.values = {{"pods", pods}}}};
        const auto snapshot = example_cluster();
        Arena arena{4096};
        const dns::Name asked = *dns::Name::parse(name);
        Query query{{.name = asked,
                     .asked = asked,
                     .client = *SocketAddress::parse(client),
                     .services = services::ServiceView{*snapshot},
                     .arena = &arena}};
        SearchPath path;
        std::string text;
        if (!example.plugin().search_path(query, path)) return text;
        for (std::size_t i = 0; i < 3; ++i) text += path.domains[i].to_string() + " ";
        return text;
    };
    const char* const name = "web.pods.svc.cluster.local.";
    CHECK(path_of("verified", "10.240.0.1:5", name) ==
          "pods.svc.cluster.local. svc.cluster.local. cluster.local. ");
    CHECK(path_of("verified", "[fd00:240::6]:5", name) ==
          "pods.svc.cluster.local. svc.cluster.local. cluster.local. ");
    CHECK(path_of("verified", "10.240.0.99:5", name).empty());
    CHECK(path_of("insecure", "10.240.0.1:5", name).empty());
    CHECK(path_of("verified", "10.240.0.1:5", "web.example.org.").empty());
}
