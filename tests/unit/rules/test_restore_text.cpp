#include "rules/iptables/restore_text.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::rules;
using namespace nameplane::rules::iptables;

namespace {

std::shared_ptr<const ServicePlan> service(const std::string& name, std::string_view cluster_ip,
                                           const std::vector<std::string>& endpoints) {
    PortPlan port{.name = name, .port = 80, .cluster_ip = *IpAddress::parse(cluster_ip)};
    for (const std::string& endpoint : endpoints)
        port.cluster_endpoints.push_back({.address = *IpAddress::parse(endpoint), .port = 8080});
    port.has_endpoints = !endpoints.empty();
    port.internal = endpoints.empty() ? Unserved::reject : Unserved::none;
    return std::make_shared<ServicePlan>(ServicePlan{.ports = {std::move(port)}});
}

Plan plan_of(std::vector<std::shared_ptr<const ServicePlan>> services) {
    Plan plan;
    plan.services = std::move(services);
    return plan;
}

std::size_t count(const std::string& text, std::string_view word) {
    std::size_t times = 0;
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++times;
    return times;
}

const auto one = service("ns/one", "10.96.0.1", {"10.0.0.1"});
const auto two = service("ns/two", "10.96.0.2", {"10.0.0.2"});

}  // namespace

TEST_CASE("nothing changed, no text") {
    CHECK(text_of_changes(plan_of({one, two}), plan_of({one, two})).empty());
    // The same again as another object.
    CHECK(text_of_changes(plan_of({one, two}),
                          plan_of({service("ns/one", "10.96.0.1", {"10.0.0.1"}), two}))
              .empty());
}

TEST_CASE("a changed endpoint brings its Service's chains, whole, and no others") {
    const RestoreText text =
        text_of_changes(plan_of({one, two}),
                        plan_of({service("ns/one", "10.96.0.1", {"10.0.0.1", "10.0.0.9"}), two}));
    CHECK(count(text.text, "*nat\n") == 1);
    CHECK(count(text.text, "*filter\n") == 0);
    CHECK(count(text.text, ":KUBE-SVC-") == 1);
    CHECK(count(text.text, ":KUBE-SEP-") == 1);
    CHECK(count(text.text, "ns/two") == 0);
    CHECK(count(text.text, "KUBE-SERVICES") == 0);
    CHECK(text.chains == 2);
    CHECK(text.nat_rules == 3);
    CHECK(text.filter_rules == 0);
}

TEST_CASE("a Service that goes takes its chains along, behind the rules that led there") {
    const RestoreText text = text_of_changes(plan_of({one, two}), plan_of({two}));
    CHECK(count(text.text, ":KUBE-SERVICES - [0:0]") == 1);
    CHECK(count(text.text, "-X KUBE-SVC-") == 1);
    CHECK(count(text.text, "-X KUBE-SEP-") == 1);
    CHECK(text.text.find("-X ") > text.text.rfind("-A "));
    CHECK(text.nat_rules == -4);
}

TEST_CASE("what nat does not translate yet is refused meanwhile") {
    const auto none = service("ns/one", "10.96.0.1", {});
    // Loses its endpoints: refused before nat forgets it.
    const std::string loses = text_of_changes(plan_of({one}), plan_of({none})).text;
    CHECK(loses.find("*filter") < loses.find("*nat"));
    // Gains one: refused until nat knows it.
    const std::string gains = text_of_changes(plan_of({none}), plan_of({one})).text;
    CHECK(count(gains, "*filter\n") == 1);
    CHECK(gains.find("*nat") < gains.find("*filter"));
    CHECK(gains.find("has no endpoints") == gains.npos);
}

TEST_CASE("of a long chain only the lines that differ are named") {
    std::vector<std::shared_ptr<const ServicePlan>> services;
    for (int i = 1; i <= 60; ++i) {
        const std::string number = std::to_string(i);
        services.push_back(service("ns/s" + number, "10.96.2." + number, {"10.0.2." + number}));
    }
    const Plan before = plan_of(services);
    services[20] = service("ns/s21", "10.96.3.21", {"10.0.2.21"});
    services.erase(services.begin() + 40);
    const RestoreText text = text_of_changes(before, plan_of(services));
    CHECK(count(text.text, ":KUBE-SERVICES") == 0);
    CHECK(count(text.text, "-I KUBE-SERVICES 22 ") == 1);
    CHECK(count(text.text, "-D KUBE-SERVICES ") == 2);
    CHECK(text.nat_rules == -4);
    // No rule to name: the whole chain is written where most of it is another.
    for (std::size_t i = 0; i < 30; ++i)
        services[i] = service("ns/s" + std::to_string(i), "10.96.4.1", {"10.0.2.1"});
    CHECK(count(text_of_changes(before, plan_of(services)).text, ":KUBE-SERVICES") == 1);
}

TEST_CASE("everything anew: what is there goes, what the kubelet and others have stays") {
    const SavedRules saved = read_saved("*filter\n"
                                        ":INPUT ACCEPT [0:0]\n"
                                        ":KUBE-FIREWALL - [0:0]\n"
                                        ":THEIRS - [0:0]\n"
                                        "-A INPUT -j KUBE-FIREWALL\n"
                                        "-A INPUT -p tcp -j KUBE-NODEPORTS\n"
                                        "-A INPUT -j THEIRS\n"
                                        "-A KUBE-FIREWALL -m comment --comment \"block incoming "
                                        "localnet connections\" -j DROP\n"
                                        "COMMIT\n"
                                        "*nat\n"
                                        ":KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\n"
                                        ":KUBE-SVC-BBBBBBBBBBBBBBBB - [0:0]\n"
                                        ":MINE - [0:0]\n"
                                        "-A MINE -j KUBE-SVC-BBBBBBBBBBBBBBBB\n"
                                        "COMMIT\n");
    CHECK(saved.has_kubelet_chain);
    CHECK(saved.has_kubelet_rule);
    CHECK(saved.chains.size() == 2);
    REQUIRE(saved.jumps.size() == 2);
    const std::string text = text_of_everything(plan_of({one}), saved).text;
    CHECK(count(text, ":KUBE-FIREWALL") == 0);
    CHECK(count(text, "-A KUBE-FIREWALL") == 0);
    CHECK(count(text, "-D INPUT 2\n-D INPUT 1\n") == 1);
    CHECK(count(text, "-X KUBE-SVC-AAAAAAAAAAAAAAAA\n") == 1);
    // Somebody jumps there: emptied only, which it is.
    CHECK(count(text, ":KUBE-SVC-BBBBBBBBBBBBBBBB - [0:0]\n") == 0);
    CHECK(count(text, "-X KUBE-SVC-BBBBBBBBBBBBBBBB") == 0);
    CHECK(count(text, "THEIRS") == 0);
    const std::string removal = text_of_removal(saved).text;
    CHECK(count(removal, "-X KUBE-SVC-AAAAAAAAAAAAAAAA\n") == 1);
    CHECK(count(removal, "KUBE-FIREWALL") == 0);
    CHECK(text_of_removal({}).empty());
}

TEST_CASE("what a comment or a prefix of others says is no jump of theirs") {
    const SavedRules saved =
        read_saved("*nat\n"
                   "-A INPUT -m comment --comment \"see -j KUBE-SVC-AAAAAAAAAAAAAAAA\"\n"
                   "-A INPUT -m comment --comment \"a \\\" -j KUBE-SERVICES \" -g THEIRS\n"
                   "-A INPUT -j LOG --log-prefix \"x -j KUBE-SERVICES y\"\n"
                   "-A INPUT -m comment --comment \"of -j THEIRS\" -j KUBE-SERVICES\n"
                   "-A THEIRS -m comment --comment \"x -g KUBE-NODEPORTS y\" -j KUBE-MARK-MASQ\n");
    REQUIRE(saved.jumps.size() == 1);
    CHECK(saved.jumps[0].place == 4);
    CHECK(saved.held == std::set{SavedRules::Chain{TableName::nat, "KUBE-MARK-MASQ"}});
}

TEST_CASE("a chain with a longer name than iptables takes is somebody's") {
    const std::string longest = "KUBE-SVC-" + std::string(19, 'A');
    const std::string text = "*nat\n:" + longest + " - [0:0]\n:" + longest + "A - [0:0]\n-A " +
                             longest + "A -j KUBE-MARK-MASQ\n-A OUTPUT ? -j " + longest + "A\n";
    const SavedRules saved = read_saved(text);
    REQUIRE(saved.chains.size() == 1);
    CHECK(saved.chains.begin()->first.second == longest);
    CHECK(saved.jumps.empty());
    CHECK(saved.held.size() == 1);
    CHECK(text_of_everything(plan_of({one}), saved).text.find(longest + "A") == std::string::npos);
}
