#include "plugins/loadbalance/weights.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

using namespace nameplane;
using namespace nameplane::test;
using plugins::loadbalancing::Weights;

namespace {

std::string own_path(const char* what) {
    return (std::filesystem::temp_directory_path() /
            ("nameplane-" + std::string{what} + "-" + std::to_string(::getpid())))
        .string();
}

/// The last word of a record.
std::string data_of(const std::string& line) {
    return line.substr(line.rfind(' ') + 1);
}

}  // namespace

TEST_CASE("loadbalance: aliases first, then the rest, addresses, MX, each with all its records") {
    Stage stage{"loadbalance"};
    const std::vector<std::string> lines{
        "a.example. 5 IN MX 1 m1.example.", "a.example. 5 IN A 10.0.0.1",
        "a.example. 5 IN TXT \"t\"",        "a.example. 5 IN CNAME b.example.",
        "a.example. 5 IN MX 2 m2.example.", "a.example. 5 IN A 10.0.0.2",
        "c.example. 5 IN CNAME d.example.", "a.example. 5 IN AAAA ::1"};
    stage.behind("a.example.", "ANY", {.answers = lines, .additionals = lines});
    std::set<std::string> orders;
    for (int i = 0; i < 200; ++i) {
        const StageAnswer answer = stage.ask("a.example.", "ANY", {.tcp = true});
        for (const auto* section : {&answer.message.answers, &answer.message.additionals}) {
            REQUIRE(section->size() == 8);
            CHECK((*section)[0] == lines[3]);
            CHECK((*section)[1] == lines[6]);
            CHECK((*section)[2] == lines[2]);
            CHECK(std::set<std::string>(section->begin() + 3, section->begin() + 6) ==
                  std::set<std::string>{lines[1], lines[5], lines[7]});
            CHECK(std::set<std::string>(section->begin() + 6, section->end()) ==
                  std::set<std::string>{lines[0], lines[4]});
        }
        orders.insert(answer.answers());
    }
    CHECK(orders.size() == 12);  // 3! of the addresses times 2! of the MX
}

TEST_CASE("loadbalance: every address comes first about as often") {
    Stage stage{"loadbalance round_robin"};
    std::vector<std::string> lines;
    for (int i = 0; i < 5; ++i) lines.push_back("a.example. 5 IN A 10.0.0." + std::to_string(i));
    stage.behind("a.example.", "A", {.answers = lines});
    std::map<std::string, int> first;
    for (int i = 0; i < 5000; ++i) ++first[stage.ask("a.example.", "A").message.answers[0]];
    CHECK(first.size() == 5);
    // 1000 each; six standard deviations are 170.
    for (const auto& [line, times] : first) CHECK((times > 830 && times < 1170));
}

TEST_CASE("loadbalance leaves errors alone") {
    Stage stage{"loadbalance"};
    const std::vector<std::string> lines{"a.example. 5 IN A 10.0.0.1",
                                         "a.example. 5 IN A 10.0.0.2"};
    stage.behind("a.example.", "A", {.rcode = dns::Rcode::nx_domain, .answers = lines});
    for (int i = 0; i < 50; ++i) CHECK(stage.ask("a.example.", "A").message.answers == lines);
}

TEST_CASE("loadbalance prefers networks in their order, and shuffles inside") {
    Stage stage{"loadbalance round_robin {\n prefer 10.1.0.0/16 10.0.0.0/8\n}"};
    stage.behind("a.example.", "A",
                 {.answers = {"a.example. 5 IN TXT \"t\"", "a.example. 5 IN A 192.0.2.1",
                              "a.example. 5 IN A 10.9.0.1", "a.example. 5 IN A 10.1.0.1",
                              "a.example. 5 IN A 10.1.0.2"}});
    std::set<std::string> orders;
    for (int i = 0; i < 100; ++i) {
        std::string order;
        for (const std::string& line : stage.ask("a.example.", "A").message.answers) {
            order += data_of(line) + " ";
        }
        orders.insert(order);
    }
    CHECK(orders == std::set<std::string>{"10.1.0.1 10.1.0.2 10.9.0.1 192.0.2.1 \"t\" ",
                                          "10.1.0.2 10.1.0.1 10.9.0.1 192.0.2.1 \"t\" "});
}

TEST_CASE("loadbalance draws the first address by weights from a file") {
    const std::string path = own_path("weights");
    std::ofstream{path} << "# weights\n\na.example\n10.0.0.1 3\n10.0.0.2 1\n10.0.0.3 2\n";
    Background background;
    Stage stage{"loadbalance weighted " + path + " {\n reload 10ms\n}",
                {.background = &background}};
    const std::vector<std::string> lines{"a.example. 5 IN A 10.0.0.1", "a.example. 5 IN A 10.0.0.2",
                                         "a.example. 5 IN A 10.0.0.3"};
    stage.behind("a.example.", "A", {.answers = lines});
    stage.behind("a.example.", "MX", {.answers = lines});
    std::map<std::string, int> first;
    for (int i = 0; i < 6000; ++i) {
        ++first[data_of(stage.ask("a.example.", "A").message.answers[0])];
    }
    // 3000, 1000, 2000; six standard deviations are below 240.
    CHECK(std::abs(first["10.0.0.1"] - 3000) < 240);
    CHECK(std::abs(first["10.0.0.2"] - 1000) < 240);
    CHECK(std::abs(first["10.0.0.3"] - 2000) < 240);
    for (int i = 0; i < 20; ++i) CHECK(stage.ask("a.example.", "MX").message.answers == lines);

    std::ofstream{path} << "a.example\n10.0.0.2 255\n";
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    int in_a_row = 0;
    while (in_a_row < 40 && std::chrono::steady_clock::now() < end) {
        const auto& answers = stage.ask("a.example.", "A").message.answers;
        in_a_row = data_of(answers[0]) == "10.0.0.2" ? in_a_row + 1 : 0;
    }
    CHECK(in_a_row == 40);
    std::filesystem::remove(path);
}

TEST_CASE("weights: names, addresses and what is neither") {
    const auto weights = Weights::read("A.example.\n10.0.0.1 255\n::1 7\nb.example\n10.0.0.1 2\n");
    REQUIRE(weights);
    const dns::Name a = *dns::Name::parse("a.Example.");
    CHECK(weights->of(a, IpAddress::v4(10, 0, 0, 1)) == 255);
    CHECK(weights->of(a, *IpAddress::parse("::1")) == 7);
    CHECK(weights->of(a, IpAddress::v4(10, 0, 0, 2)) == 1);
    CHECK(weights->of(*dns::Name::parse("b.example."), IpAddress::v4(10, 0, 0, 1)) == 2);
    CHECK(weights->of(*dns::Name::parse("c.example."), IpAddress::v4(10, 0, 0, 1)) == 1);
    const auto error = [](std::string_view text) { return Weights::read(text).error().text; };
    CHECK(error("a\n10.0.0.1\n") ==
          "line 2: '10.0.0.1', expected a name, or an address and its weight");
    CHECK(error("a\nx 1\n") == "line 2: 'x', expected an address");
    CHECK(error("a\n10.0.0.1 0\n") == "line 2: '0', expected a weight from 1 to 255");
    CHECK(error("a\n10.0.0.1 256\n") == "line 2: '256', expected a weight from 1 to 255");
    CHECK(error("10.0.0.1 1\n") == "line 1: '10.0.0.1', expected a name before the first address");
    CHECK(error("a\n10.0.0.1 1 2\n") == "line 2: '2', expected nothing behind the weight");
}

TEST_CASE("loadbalance: what is wrong is said") {
    CHECK(mistakes_in("loadbalance round_robin\nloadbalance weighted /nonexistent/w") == "");
    CHECK(mistakes_in("loadbalance fleeb\nloadbalance round_robin a\nloadbalance weighted\n"
                      "loadbalance weighted a b\nloadbalance weighted w {\n susu\n reload a\n"
                      " reload 30s a\n prefer 10.0.0.0/8\n}\n"
                      "loadbalance {\n prefer x\n reload 5s\n}") ==
          "Corefile:1: loadbalance: 'fleeb', expected 'round_robin' or 'weighted'\n"
          "Corefile:2: loadbalance: 'a', expected nothing more behind it\n"
          "Corefile:3: loadbalance: 'weighted', expected a weight file behind it\n"
          "Corefile:4: loadbalance: 'b', expected nothing more behind it\n"
          "Corefile:6: loadbalance: 'susu', expected 'reload'\n"
          "Corefile:7: loadbalance: reload: expected a duration such as '30s', '0s' for never\n"
          "Corefile:8: loadbalance: reload: expected a duration such as '30s', '0s' for never\n"
          "Corefile:9: loadbalance: 'prefer', expected 'reload'\n"
          "Corefile:12: loadbalance: prefer: 'x', expected a network such as '10.0.0.0/8'\n"
          "Corefile:13: loadbalance: 'reload', expected 'prefer'");
}
