// The plugin erratic: what becomes of which query, and that a late answer holds up nobody.

#include "stage.hpp"
#include "upstream_lab.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;

namespace {

using Texts = std::vector<std::string>;

constexpr std::uint16_t type_a = 1, type_aaaa = 28, type_mx = 15;

}  // namespace

TEST_CASE("erratic: fixed addresses, and SERVFAIL for other types") {
    Stage stage{"erratic {\n drop 0\n}"};
    CHECK(stage.ask("a.example.", "A").answers() == "a.example. 0 IN A 192.0.2.53");
    CHECK(stage.ask("a.example.", "AAAA").answers() == "a.example. 0 IN AAAA 2001:db8::53");
    CHECK(stage.ask("a.example.", "A").message.authoritative);
    CHECK(stage.ask("a.example.", "MX").rcode == "SERVFAIL");
    CHECK_FALSE(stage.heard());
    Stage large{"erratic {\n drop 0\n large\n}"};
    CHECK(large.ask("a.example.", "A", {.tcp = true}).message.answers.size() == 30);
}

TEST_CASE("erratic: which queries are dropped or cut") {
    const auto fates = [](const char* lines) {
        Stage stage{lines};
        std::string all;
        for (int i = 0; i < 6; ++i) {
            const StageAnswer answer = stage.ask("a.example.", "A");
            all += answer.dropped ? 'd' : answer.message.truncated ? 't' : '.';
        }
        return all;
    };
    CHECK(fates("erratic") == "d.d.d.");
    CHECK(fates("erratic {\n drop\n}") == "d.d.d.");
    CHECK(fates("erratic {\n drop 3\n}") == "d..d..");
    CHECK(fates("erratic {\n drop 0\n}") == "......");
    CHECK(fates("erratic {\n truncate\n}") == "t.t.t.");
    CHECK(fates("erratic {\n truncate 3\n}") == "t..t..");
    CHECK(fates("erratic {\n drop 2\n truncate 3\n}") == "d.dtd.");
    // Nobody can wait on a stage: a late answer comes at once there.
    CHECK(fates("erratic {\n delay\n}") == "......");
}

TEST_CASE("erratic: a zone to transfer, without its end where it is cut") {
    Stage stage{"erratic {\n truncate 2\n}"};
    const std::vector<std::string> cut =
        stage.ask("Example.org.", "AXFR", {.tcp = true}).message.answers;
    const std::vector<std::string> whole =
        stage.ask("Example.org.", "AXFR", {.tcp = true}).message.answers;
    REQUIRE(cut.size() == 5);
    REQUIRE(whole.size() == 6);
    CHECK(whole.front() == whole.back());
    CHECK(whole.front().find(" IN SOA sns.dns.icann.org. noc.dns.icann.org. 2018050825 ") !=
          std::string::npos);
    CHECK(whole[1] == "Example.org. 0 IN NS b.Example.org.");
    CHECK(whole[3] == "a.Example.org. 0 IN AAAA 2001:bd8::53");
    CHECK(whole[4] == "b.Example.org. 0 IN AAAA 2001:500::54");
}

TEST_CASE("erratic: late answers come in their order, and hold up nobody") {
    using namespace std::chrono;
    UpstreamLab lab{{plugin_with("erratic", {{"delay", Texts{"2", "40ms"}}})}};
    const auto begin = steady_clock::now();
    const std::size_t late = lab.begin("late.example.", type_a);
    const std::size_t quick = lab.begin("quick.example.", type_a);
    const std::size_t later = lab.begin("later.example.", type_aaaa);
    CHECK(lab.is_answered(quick));
    CHECK_FALSE(lab.is_answered(late));
    CHECK(lab.handler().waiting() == 2);
    REQUIRE_FALSE(lab.await(later).empty());
    CHECK(steady_clock::now() - begin >= 40ms);
    CHECK(lab.is_answered(late));
    CHECK(lab.handler().waiting() == 0);
    const std::size_t refused = lab.begin("other.example.", type_mx);  // not a late one
    CHECK(lab.is_answered(refused));
    CHECK(lab.count("coredns_dns_responses_total", "plugin", "erratic") == 4);
}

TEST_CASE("erratic: a reload lets those wait out that wait") {
    UpstreamLab lab{{plugin_with("erratic", {{"delay", Texts{"1", "30ms"}}})}};
    const std::size_t late = lab.begin("late.example.", type_a);
    lab.reload({plugin_with("erratic", {{"drop", Texts{"0"}}})});
    const std::size_t quick = lab.begin("quick.example.", type_a);
    CHECK(lab.is_answered(quick));
    CHECK(addresses_of(*read_with_ldns(lab.await(late))) == Texts{"192.0.2.53"});
}

TEST_CASE("erratic: what is wrong is said") {
    CHECK(mistakes_in("erratic {\n drop -1\n}") ==
          "Corefile:2: drop: '-1', expected a number of queries");
    CHECK(mistakes_in("erratic {\n delay 3 bla\n}") ==
          "Corefile:2: delay: 'bla', expected a duration such as '100ms'");
    CHECK(mistakes_in("erratic {\n truncate 15.a\n}") ==
          "Corefile:2: truncate: '15.a', expected a number of queries");
    CHECK(mistakes_in("erratic {\n delay 1 2 4\n}") != "");
    CHECK(mistakes_in("erratic {\n other\n}") != "");
}
