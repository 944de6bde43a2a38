#include "stage.hpp"

#include <catch2/catch.hpp>

#include <source_location>

using namespace nameplane;
using namespace nameplane::test;

namespace {

struct AclCase {
    std::string lines;
    std::string client;
    std::string type;
    std::string expected;  ///< the rcode, "drop", or "next"
    std::string name = "a.example.org.";
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("acl: the first policy that matches decides") {
    const AclCase cases[] = {
        {"acl {\n block type A net 10.0.0.0/8\n}", "10.1.2.3:5", "A", "REFUSED"},
        {"acl {\n block type A net 10.0.0.0/8\n}", "10.1.2.3:5", "AAAA", "next"},
        {"acl {\n block type A net 10.0.0.0/8\n}", "11.1.2.3:5", "A", "next"},
        {"acl {\n filter type A net 10.0.0.0/8\n}", "10.1.2.3:5", "A", "NOERROR"},
        {"acl {\n drop net 192.0.2.0/24\n}", "192.0.2.9:5", "TXT", "drop"},
        {"acl {\n allow net 10.1.0.0/16\n block net 10.0.0.0/8\n}", "10.1.9.9:5", "A", "next"},
        {"acl {\n allow net 10.1.0.0/16\n block net 10.0.0.0/8\n}", "10.2.9.9:5", "A", "REFUSED"},
        {"acl {\n allow net 10.0.0.0/24 10.1.0.0/24\n block\n}", "10.1.0.9:5", "A", "next"},
        {"acl {\n allow net 10.0.0.0/24 10.1.0.0/24\n block\n}", "10.2.0.9:5", "A", "REFUSED"},
        {"acl {\n block net 10.0.0.7\n}", "10.0.0.7:5", "A", "REFUSED"},
        {"acl {\n block net 10.0.0.7\n}", "10.0.0.8:5", "A", "next"},
        {"acl {\n block net 2001:db8::/32\n}", "[2001:db8::1]:5", "A", "REFUSED"},
        {"acl {\n block net 2001:db8::1\n}", "[2001:db8::2]:5", "A", "next"},
        {"acl {\n block type * net *\n}", "[2001:db8::2]:5", "MX", "REFUSED"},
        {"acl {\n BLOCK TYPE TXT ANY NET *\n}", "10.0.0.1:5", "ANY", "REFUSED"},
        {"acl {\n block type TXT A type MX\n}", "10.0.0.1:5", "MX", "REFUSED"},
        {"acl a.example.org {\n block\n}", "10.0.0.1:5", "A", "REFUSED"},
        {"acl b.example.org {\n block\n}", "10.0.0.1:5", "A", "next"},
        {"acl b.example.org {\n block\n}\nacl example.org {\n filter\n}", "10.0.0.1:5", "A",
         "NOERROR"},
        // An allow ends all rules, those of other zones as well.
        {"acl a.example.org {\n allow\n}\nacl example.org {\n block\n}", "10.0.0.1:5", "A", "next"},
        {"acl a.example.org {\n allow net 1.1.1.1\n}\nacl example.org {\n block\n}", "10.0.0.1:5",
         "A", "REFUSED"},
    };
    for (const AclCase& row : cases) {
        INFO("row at line " << row.at.line() << ": " << row.lines);
        Stage stage{row.lines};
        const StageAnswer answer = stage.ask(row.name, row.type, {.client = row.client});
        const std::string got = answer.dropped              ? "drop"
                                : stage.heard().has_value() ? "next"
                                                            : answer.rcode;
        CHECK(got == row.expected);
    }
}

TEST_CASE("acl says why by an extended error, to those who speak EDNS") {
    Stage blocking{"acl {\n block\n}"};
    const StageAnswer blocked = blocking.ask("a.example.", "A", {.edns_size = 1232});
    CHECK(blocked.edns_options == std::vector<std::uint8_t>{0, 15, 0, 2, 0, 15});
    CHECK_FALSE(blocking.ask("a.example.", "A").message.edns.has_value());
    Stage filtering{"acl {\n filter\n}"};
    const StageAnswer filtered = filtering.ask("a.example.", "A", {.edns_size = 1232});
    CHECK(filtered.edns_options == std::vector<std::uint8_t>{0, 15, 0, 2, 0, 17});
}

TEST_CASE("acl counts what it does, by the zone of the rule") {
    Stage stage{"acl a.example b.example {\n drop type A\n filter type MX\n block type TXT\n}"};
    CHECK(stage.ask("x.a.example.", "A").dropped);
    stage.ask("b.example.", "MX");
    stage.ask("b.example.", "TXT");
    stage.ask("b.example.", "TXT");
    stage.ask("b.example.", "AAAA");
    stage.ask("c.example.", "TXT");
    CHECK(stage.count("coredns_acl_dropped_requests_total",
                      {{"zone", "a.example."}, {"server", "dns://:53"}, {"view", ""}}) == 1);
    CHECK(stage.count("coredns_acl_dropped_requests_total", {{"zone", "b.example."}}) == 0);
    CHECK(stage.count("coredns_acl_filtered_requests_total", {{"zone", "b.example."}}) == 1);
    CHECK(stage.count("coredns_acl_blocked_requests_total", {{"zone", "b.example."}}) == 2);
    CHECK(stage.count("coredns_acl_allowed_requests_total", {{"server", "dns://:53"}}) == 2);
}

TEST_CASE("acl: all that is wrong is said with its place") {
    CHECK(mistakes_in("acl {\n block A net 10.0.0.0/8\n blck\n block type net *\n"
                      " block net 10.0.0/8\n block type ABC\n block type a\n}") ==
          "Corefile:2: acl: 'A', expected 'type' or 'net'\n"
          "Corefile:3: acl: 'blck', expected 'allow', 'block', 'filter' or 'drop'\n"
          "Corefile:4: acl: 'type', expected types or '*' behind it\n"
          "Corefile:5: acl: '10.0.0/8', expected a network such as '10.0.0.0/8', or an address\n"
          "Corefile:6: acl: 'ABC', expected a type such as 'AAAA'\n"
          "Corefile:7: acl: 'a', expected a type such as 'AAAA'");
    CHECK(mistakes_in("acl") == "");
}
