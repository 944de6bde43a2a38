// Names in answers that only another server block knows: looked up through the whole server,
// whether that block answers at once or has to wait for an upstream.

#include "agent/commands.hpp"
#include "agent/settings.hpp"
#include "cluster.hpp"
#include "plugins/upstream_lab.hpp"
#include "zone_files.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;

namespace {

constexpr std::uint16_t a = 1, aaaa = 28;

/// Services that lead to names in two.test.
std::shared_ptr<const services::Snapshot> leading_cluster() {
    Cluster cluster;
    cluster.ns("default");
    cluster.put(external_name("default/docs", "Target.two.test"));
    services::Service balanced = service("default/web", {"10.0.0.1"}, {"http/tcp/80"});
    balanced.type = services::ServiceType::load_balancer;
    balanced.ingress_hostnames = {"target.two.test"};
    cluster.put(balanced);
    return cluster.synced().snapshot();
}

/// A lab, an upstream that knows all of two.test, and the server blocks of a Corefile.
struct World {
    UpstreamLab lab{std::vector{plugin_with("whoami")}};
    ScriptedUpstream upstream{lab.events, knows_all};

    static std::vector<Octets> knows_all(const ScriptedUpstream::Question& question) {
        return {answer_to(question, {.addresses = {"192.0.2.7"}})};
    }
    /// `UPSTREAM` in the text stands for the upstream's address.
    void serve(std::string corefile,
               std::shared_ptr<const services::Snapshot> cluster = leading_cluster()) {
        for (std::size_t at = 0; (at = corefile.find("UPSTREAM")) != std::string::npos;) {
            corefile.replace(at, 8, upstream.address());
        }
        const conf::Compiled compiled = agent::compile_text(corefile, "Corefile");
        for (const conf::Problem& problem : compiled.problems) FAIL(problem.to_string());
        lab.serve(compiled.config.runtime.servers, std::move(cluster));
    }
    std::string ask(const std::string& name, std::uint16_t type, UpstreamLab::Ask how = {}) {
        const LdnsMessage answer = lab.ask(name, type, how);
        std::string all;
        for (const std::string& line : answer.answers) all += (all.empty() ? "" : "; ") + line;
        return all;
    }
};

/// Two blocks for two.test, one that answers at once and one that waits.
const std::string at_once =
    "two.test {\n template IN A {\n answer \"{{ .Name }} 300 IN A 192.0.2.7\"\n }\n}\n";
const std::string waiting = "two.test {\n forward . UPSTREAM\n}\n";

/// A block whose answer leads there.
struct Case {
    std::string what;
    std::string block;
    std::string name;
    std::string answers;
    std::uint16_t type = a;
};

std::vector<Case> cases(const std::string& folder) {
    return {
        {"ExternalName", "cluster.local {\n kubernetes\n}\n", "docs.default.svc.cluster.local.",
         "docs.default.svc.cluster.local. 5 IN CNAME Target.two.test.; "
         "Target.two.test. 300 IN A 192.0.2.7"},
        {"the host of a load balancer",
         "out.test {\n kubernetes cluster.local\n k8s_external out.test\n}\n",
         "web.default.out.test.",
         "web.default.out.test. 5 IN CNAME target.two.test.; target.two.test. 300 IN A 192.0.2.7"},
        {"template",
         "one.test {\n template IN A {\n answer \"{{ .Name }} 60 IN CNAME Target.two.test.\"\n "
         "}\n}\n",
         "www.one.test.",
         "www.one.test. 60 IN CNAME Target.two.test.; Target.two.test. 300 IN A 192.0.2.7"},
        {"rewrite cname",
         "one.test {\n rewrite cname exact old.nowhere. target.two.test.\n template IN A {\n "
         "answer "
         "\"{{ .Name }} 60 IN CNAME old.nowhere.\"\n }\n}\n",
         "www.one.test.",
         "www.one.test. 60 IN CNAME target.two.test.; target.two.test. 300 IN A 192.0.2.7"},
        {"file", "one.test {\n file " + folder + "/db\n}\n", "www.one.test.",
         "www.one.test. 60 IN CNAME target.two.test.; target.two.test. 300 IN A 192.0.2.7"},
        {"auto", "one.test {\n auto {\n directory " + folder + "\n }\n}\n", "www.one.test.",
         "www.one.test. 60 IN CNAME target.two.test.; target.two.test. 300 IN A 192.0.2.7"},
        // The A records of this one are a block of their own.
        {"dns64",
         "two.test {\n view six {\n expr type() == 'AAAA'\n }\n dns64 {\n allow_ipv4\n }\n "
         "template "
         "IN AAAA {\n rcode NOERROR\n }\n}\n",
         "target.two.test.", "target.two.test. 300 IN AAAA 64:ff9b::c000:207", aaaa},
    };
}

class ZoneFolder {
public:
    ZoneFolder() {
        const std::string text = "@ 60 SOA ns hostmaster 1 60 60 60 60\n@ 60 NS ns\nwww 60 CNAME "
                                 "target.two.test.\n";
        for (const char* name : {"db", "db.one.test"}) folder_.replace(name, text);
    }
    std::string path() const { return folder_.path(); }

private:
    TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("look-ups lead into other server blocks, at once or after a wait") {
    const ZoneFolder folder;
    for (const Case& row : cases(folder.path())) {
        for (const std::string* other : {&at_once, &waiting}) {
            INFO(row.what << (other == &waiting ? ", waiting" : ", at once"));
            World world;
            world.serve(row.block + *other);
            CHECK(world.ask(row.name, row.type) == row.answers);
            CHECK(world.ask(row.name, row.type, {.tcp = true}) == row.answers);
            CHECK((world.upstream.asked() != 0) == (other == &waiting));
        }
    }
}

TEST_CASE("look-ups begin at the front of a chain, not behind who asks") {
    World world;
    // The cache stands in front of kubernetes and template.
    world.serve(
        ". {\n cache\n kubernetes cluster.local\n template IN A one.test {\n answer \"{{ .Name "
        "}} 60 IN CNAME Target.two.test.\"\n }\n forward . UPSTREAM\n}\n");
    const std::string target = "192.0.2.7";
    CHECK(addresses_of(world.lab.ask("docs.default.svc.cluster.local."))[0] == target);
    CHECK(world.upstream.asked() == 1);
    CHECK(addresses_of(world.lab.ask("www.one.test."))[0] == target);
    CHECK(addresses_of(world.lab.ask("target.two.test."))[0] == target);
    CHECK(world.upstream.asked() == 1);
}

TEST_CASE("a look-up that leads in a circle ends") {
    World world;
    const std::string template_to = "template IN A {\n answer \"{{ .Name }} 60 IN CNAME www.";
    world.serve("one.test {\n " + template_to + "two.test.\"\n }\n}\ntwo.test {\n " + template_to +
                "one.test.\"\n }\n}\nthree.test {\n rewrite cname suffix .test. .test.\n " +
                template_to + "three.test.\"\n }\n}\n");
    CHECK(world.lab.ask("www.one.test.").answers.size() == look_ups_max + 1);
    const LdnsMessage answer = world.lab.ask("www.three.test.");
    CHECK(answer.rcode == 0);
    CHECK(answer.answers.size() <= 1U << look_ups_max);
}

TEST_CASE("what a look-up fails to find leaves the alias, and dns64 with a failure") {
    World world;
    world.upstream.script = [](const ScriptedUpstream::Question& question) {
        return std::vector<Octets>{answer_to(question, {.flags = 0x8182})};
    };
    const ZoneFolder folder;
    for (const Case& row : cases(folder.path())) {
        INFO(row.what);
        world.serve(row.block + waiting);
        const LdnsMessage answer = world.lab.ask(row.name, row.type);
        const bool fails = row.what == "dns64" || row.what == "file" || row.what == "auto";
        CHECK(answer.rcode == (fails ? 2 : 0));
        CHECK(answer.answers.size() == (row.what == "dns64" ? 0 : 1));
    }
}

TEST_CASE("what the cluster does not know yet is kept by no cache") {
    World world;
    world.serve(". {\n cache\n kubernetes cluster.local\n k8s_external out.test\n}\n",
                services::Snapshot::empty());
    const char* const names[] = {"docs.default.svc.cluster.local.", "web.default.out.test."};
    for (const char* const name : names) {
        const LdnsMessage answer = world.lab.ask(name);
        CHECK(answer.rcode == 2);
        CHECK(answer.authorities.empty());
    }
    world.lab.use(leading_cluster());
    for (const char* const name : names) CHECK(world.lab.ask(name).rcode == 0);
}

TEST_CASE("cancel ends the wait for an upstream, in its block") {
    World world;
    world.upstream.script = [](const ScriptedUpstream::Question&) { return std::vector<Octets>{}; };
    world.serve(
        "one.test {\n cancel 200ms\n forward . UPSTREAM\n}\ntwo.test {\n forward . UPSTREAM\n}\n");
    const std::size_t patient = world.lab.begin("www.two.test.");
    const std::size_t hasty = world.lab.begin("www.one.test.");
    CHECK_FALSE(world.lab.is_answered(hasty));
    const auto answer = read_with_ldns(world.lab.await(hasty));
    REQUIRE(answer);
    CHECK(answer->rcode == 2);
    CHECK_FALSE(world.lab.is_answered(patient));
    // That nobody waited longer is no sign of an upstream that is down.
    CHECK(world.lab.count("coredns_proxy_healthcheck_failures_total") == 0);
    CHECK(read_with_ldns(world.lab.await(patient))->rcode == 2);
}
