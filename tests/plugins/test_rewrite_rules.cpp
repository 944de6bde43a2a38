#include "stage.hpp"

#include <catch2/catch.hpp>

#include <source_location>

using namespace nameplane;
using namespace nameplane::test;

namespace {

struct RefusedCase {
    std::string rule;
    std::string said;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("rewrite: rules that are none say why") {
    const std::string fields = "'name', 'type', 'class', 'ttl', 'rcode', 'cname' or 'edns0'";
    const std::string kinds = "'exact', 'prefix', 'suffix', 'substring' or 'regex'";
    const RefusedCase cases[] = {
        {"", "no rule, expected " + fields},
        {"stop", "no rule, expected " + fields},
        {"continue", "no rule, expected " + fields},
        {"answer name a b", "'answer', expected " + fields},
        {"name", "'name', expected a name and its replacement behind it"},
        {"name fuzzy a b", "'fuzzy', expected " + kinds},
        {"name regex [bad[ bar", "'[bad[', expected a pattern (missing ]: [bad[)"},
        {"name regex (a) {1}{2}", "'{1}{2}.', expected no more groups than the pattern '(a)' has"},
        {"name exact a b c d",
         "'c', expected 'answer' with 'auto', 'name FROM TO' or 'value FROM TO'"},
        {"name suffix a b answer", "'answer', expected 'answer' with 'auto', 'name FROM TO' or "
                                   "'value FROM TO'"},
        {"name suffix a b answer name a", "'name', expected a pattern and a replacement behind it"},
        {"name suffix a b answer other a b", "'other', expected 'auto', 'name' or 'value'"},
        {"name suffix a b answer auto name a b",
         "'answer auto' and 'answer name', expected one of them"},
        {"name suffix a b answer auto answer", "'answer', expected 'auto', 'name' or 'value' "
                                               "behind it"},
        {"type A", "'type', expected two types behind it"},
        {"type A NONE", "'NONE', expected a type such as 'AAAA'"},
        {"class XX IN", "'XX', expected a class such as 'IN'"},
        {"ttl a", "'ttl', expected a name and seconds behind it"},
        {"ttl a x", "'x', expected seconds such as '30', '30-300', '30-' or '-300'"},
        {"ttl a -", "'-', expected seconds such as '30', '30-300', '30-' or '-300'"},
        {"ttl a 30-20", "'30-20', expected seconds such as '30', '30-300', '30-' or '-300'"},
        {"ttl a 1-2-3", "'1-2-3', expected seconds such as '30', '30-300', '30-' or '-300'"},
        {"ttl fuzzy a 30", "'fuzzy', expected " + kinds},
        {"rcode a SERVFAIL", "'rcode', expected a name and two response codes behind it"},
        {"rcode a 24 NOERROR", "'24', expected a response code such as 'SERVFAIL' or '2'"},
        {"cname a", "'cname', expected a target and its replacement behind it"},
        {"cname fuzzy a b", "'fuzzy', expected " + kinds},
        {"edns0 local", "'edns0', expected 'local', 'nsid' or 'subnet', and an action"},
        {"edns0 local drop 1 2", "'drop', expected 'set', 'append', 'replace' or 'unset'"},
        {"edns0 local set 0x10000 a", "'0x10000', expected an option's code such as '0xffee'"},
        {"edns0 local set 1", "'local', expected a code and data behind it"},
        {"edns0 local set 1 0x123", "'0x123', expected hexadecimal digits behind '0x'"},
        {"edns0 local set 1 {nothing}", "'{nothing}', expected a variable such as '{client_ip}'"},
        {"edns0 local unset 1 2", "'local', expected a code behind it"},
        {"edns0 nsid set x", "'x', expected nothing behind 'nsid'"},
        {"edns0 subnet set 33 56", "'33', expected a number from 0 to 32"},
        {"edns0 subnet set 24 129", "'129', expected a number from 0 to 128"},
        {"edns0 subnet set 24", "'subnet', expected bits for IPv4 and for IPv6 behind it"},
        {"edns0 cookie set", "'cookie', expected 'local', 'nsid' or 'subnet'"},
    };
    for (const RefusedCase& row : cases) {
        INFO("row at line " << row.at.line());
        CHECK(mistakes_in("rewrite " + row.rule) == "Corefile:1: rewrite: " + row.said);
    }
}

TEST_CASE("rewrite: rules of all kinds are accepted in all their forms") {
    for (const char* const rule :
         {"rewrite name a b", "rewrite stop name exact a b answer value a b",
          "rewrite name suffix a b answer auto", "rewrite name suffix a b answer auto value a b",
          "rewrite name regex (a)(b) {2}{1} answer name a b answer name c d value e f",
          "rewrite continue type a AAAA", "rewrite class ch in", "rewrite ttl a 0-2147483647",
          "rewrite rcode prefix a yxdomain 23", "rewrite cname prefix a b",
          "rewrite edns0 local set 0o17 abc revert", "rewrite edns0 local unset 0b11",
          "rewrite edns0 local append 017 {a/b}", "rewrite edns0 nsid replace revert",
          "rewrite edns0 subnet set 0 128", "rewrite edns0 SUBNET UNSET",
          "rewrite continue {\n ttl regex (.*)\\.coredns\\.rocks 15\n}",
          "rewrite stop {\n name regex foo bar\n answer name bar foo\n}"}) {
        INFO(rule);
        CHECK(mistakes_in(rule) == "");
    }
}
