// Table beside libiptc: the same edits through Table in one namespace and through
// iptables-legacy-restore in another leave the same rules, in the same order, with the same
// counters, whatever somebody else has there.

#include "kernel/rules_case.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/table.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <sstream>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using rules::iptables::Rule;
using rules::iptables::Table;
using rules::iptables::TableName;

namespace {

/// Rules of others: matches and targets that we never write, one without a target, and policies.
std::string foreign(Family family) {
    const std::string address = family == Family::ipv4 ? "203.0.113.9" : "2001:db8::9";
    return "*filter\n:INPUT ACCEPT [11:1100]\n:FORWARD DROP [22:2200]\n:OUTPUT ACCEPT [0:0]\n"
           ":MY-FIRST - [0:0]\n:my-last - [0:0]\n:MY-EMPTY - [0:0]\n"
           "[5:500] -A FORWARD -d " +
           address +
           " -j MY-FIRST\n"
           "[6:600] -A FORWARD -p tcp -m multiport --dports 80,443 -m limit --limit 5/min -j "
           "my-last\n"
           "[7:700] -A MY-FIRST -m comment --comment \"no target\"\n"
           "[8:800] -A MY-FIRST -g my-last\n"
           "[9:900] -A my-last -p udp -m length --length 0:64 -j LOG --log-prefix theirs\n"
           "[4:400] -A my-last -j RETURN\nCOMMIT\n";
}

/// Without the counters of policies.
std::string without_policies(const std::string& text) {
    std::istringstream in{text};
    std::string left;
    for (std::string line; std::getline(in, line);) {
        for (const char* policy : {" ACCEPT [", " DROP ["}) {
            if (const auto at = line.find(policy); line[0] == ':' && at != std::string::npos)
                line.resize(line.find('[', at));
        }
        left += line + "\n";
    }
    return left;
}

/// The same rules here and there.
class Twin {
public:
    explicit Twin(Family family) : family_{family} {
        for (const Netns* netns : {&ours_, &theirs_})
            netns->sh("cat <<'END' | " + tool(family, "-restore") + " -c\n" + foreign(family) +
                      "END");
        open();
    }

    void create(const std::string& chain) {
        require(table().create_chain(chain.c_str()));
        text_ += ":" + chain + " - [0:0]\n";
    }
    void insert(const std::string& chain, const Rule& rule, std::size_t position) {
        auto encoded = rules::iptables::encode(rule, family_, {});
        REQUIRE(encoded);
        require(table().insert(chain.c_str(), *encoded, position));
        text_ += "-I " + chain + " " + std::to_string(position + 1) + " " +
                 rules::iptables::to_text(rule) + "\n";
    }
    void append(const std::string& chain, const Rule& rule) {
        auto encoded = rules::iptables::encode(rule, family_, {});
        REQUIRE(encoded);
        require(table().append(chain.c_str(), *encoded));
        text_ += "-A " + chain + " " + rules::iptables::to_text(rule) + "\n";
    }
    void remove(const std::string& chain, std::size_t position) {
        require(table().remove(chain.c_str(), position));
        text_ += "-D " + chain + " " + std::to_string(position + 1) + "\n";
    }
    void flush(const std::string& chain) {
        require(table().flush_chain(chain.c_str()));
        text_ += "-F " + chain + "\n";
    }
    /// False: something leads there, or something is in it; then it stays.
    bool erase(const std::string& chain) {
        if (!table().delete_chain(chain.c_str())) return false;
        text_ += "-X " + chain + "\n";
        return true;
    }
    std::size_t length(const std::string& chain) {
        std::size_t rules = 0;
        table().for_each_rule(chain.c_str(), [&](const auto&) { return ++rules != 0; });
        return rules;
    }

    void commit_and_compare() {
        ours_.run([&] { require(table().commit()); });
        restore(theirs_, family_, "*filter\n" + text_ + "COMMIT\n");
        const std::string ours = saved(ours_, family_, "filter", true);
        CHECK(without_policies(ours) == without_policies(saved(theirs_, family_, "filter", true)));
        // Those of policies begin anew with libiptc; they go on with us.
        CHECK(ours.find(":FORWARD DROP [22:2200]") != std::string::npos);
        open();
    }
    Table& table() { return tables_.back(); }

private:
    static void require(const Status& done) {
        if (!done) FAIL(done.error().text);
    }
    void open() {
        text_.clear();
        tables_.clear();
        ours_.run([&] {
            auto opened = Table::open(family_, TableName::filter);
            if (opened) tables_.push_back(std::move(*opened));
        });
        REQUIRE(tables_.size() == 1);
    }

    Family family_;
    Netns ours_ = Netns::make("table");
    Netns theirs_ = Netns::make("libiptc");
    std::vector<Table> tables_;  ///< one
    std::string text_;           ///< what was done to it
};

Rule random_rule(Family family, std::mt19937& random, const std::vector<std::string>& chains) {
    Rule rule;
    const std::string host = std::to_string(random() % 200 + 1);
    rule.destination = *Cidr::make(ip(family == Family::ipv4 ? "10.0.0." + host : "fd00::" + host),
                                   family == Family::ipv4 ? 32 : 128);
    if (random() % 2 == 0) rule.matches.emplace_back(rules::iptables::CommentMatch{"c" + host});
    switch (random() % 4) {
    case 0: rule.target = rules::iptables::NoTarget{}; break;
    case 1: rule.target = rules::iptables::Verdict::drop; break;
    case 2: rule.target = rules::iptables::Reject{}; break;
    default:
        // Only to a chain of a higher number, so that there is no loop.
        rule.target = chains.empty() ? rules::iptables::Target{rules::iptables::Verdict::return_}
                                     : rules::iptables::Jump{chains[random() % chains.size()]};
    }
    return rule;
}

}  // namespace

TEST_CASE("hundreds of random edits leave what libiptc leaves, counters included") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Twin twin{family};
        std::mt19937 random{family == Family::ipv4 ? 4U : 6U};
        std::vector<std::string> ours;  // sorted: each leads to later ones only
        for (int round = 0; round < 12; ++round) {
            for (int step = 0; step < 40; ++step) {
                const auto kind = random() % 10;
                if (kind == 0 || ours.size() < 4) {
                    const std::string name = "KUBE-" + std::to_string(random() % 900 + 100);
                    if (std::ranges::count(ours, name) != 0) continue;
                    twin.create(name);
                    ours.push_back(name);
                    std::ranges::sort(ours);
                    continue;
                }
                const std::size_t at = random() % ours.size();
                const std::vector<std::string> later(
                    ours.begin() + static_cast<std::ptrdiff_t>(at) + 1, ours.end());
                const bool built_in = random() % 5 == 0;
                const std::string chain = built_in ? "FORWARD" : ours[at];
                const std::size_t length = twin.length(chain);
                if (kind < 4) {
                    twin.append(chain, random_rule(family, random, later));
                } else if (kind < 7) {
                    twin.insert(chain, random_rule(family, random, later), random() % (length + 1));
                } else if (kind == 7 && length != 0) {
                    twin.remove(chain, random() % length);
                } else if (kind == 8 && !built_in) {
                    twin.flush(chain);
                } else if (kind == 9 && !built_in) {
                    if (length == 0 && twin.erase(chain)) std::erase(ours, chain);
                }
            }
            twin.commit_and_compare();
        }
        for (const std::string& chain : ours) twin.flush(chain);
        while (twin.length("FORWARD") != 0) twin.remove("FORWARD", twin.length("FORWARD") - 1);
        for (const std::string& chain : ours) CHECK(twin.erase(chain));
        twin.commit_and_compare();
    }
}

TEST_CASE("a table says why a chain cannot go, and what it does not have") {
    for (const Family family : families) {
        CAPTURE(to_string(family));
        Twin twin{family};
        Table& table = twin.table();
        CHECK(table.has_chain("MY-FIRST"));
        CHECK_FALSE(table.has_chain("MY"));
        CHECK(table.is_empty("MY-EMPTY"));
        CHECK(table.is_empty("MY"));
        CHECK_FALSE(table.is_empty("FORWARD"));
        CHECK(table.delete_chain("my-last").error().code == Errc::conflict);
        CHECK(table.delete_chain("MY").error().code == Errc::unsupported);
        CHECK(table.delete_chain("FORWARD").error().code == Errc::unsupported);
        CHECK(table.create_chain("MY-EMPTY").error().code == Errc::invalid);
        CHECK(table.remove("MY-EMPTY", 0).error().code == Errc::invalid);
        REQUIRE(table.flush_chain("my-last"));
        CHECK(table.delete_chain("my-last").error().code == Errc::conflict);
        REQUIRE(table.flush_chain("MY-FIRST"));
        REQUIRE(table.remove("FORWARD", 1));
        CHECK(table.delete_chain("my-last"));
        CHECK(table.delete_chain("MY-EMPTY"));
        std::vector<std::string> chains;
        table.for_each_chain([&](const char* chain, bool built_in) {
            chains.push_back((built_in ? "*" : "") + std::string{chain});
        });
        CHECK(chains == std::vector<std::string>{"*INPUT", "*FORWARD", "*OUTPUT", "MY-FIRST"});
    }
}
