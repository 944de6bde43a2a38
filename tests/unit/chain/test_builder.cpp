#include "chain/builder.hpp"
#include "chain/registry.hpp"
#include "chain/traffic.hpp"
#include "conf/config.hpp"
#include "fakes.hpp"

#include <catch2/catch.hpp>

#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using namespace nameplane::test;
using chain::Chains;
using conf::PluginConfig;
using conf::ServerConfig;

namespace {

dns::Name name_of(const char* text) {
    return *dns::Name::parse(text);
}

PluginConfig plugin(const std::string& name) {
    for (const chain::PluginKind& kind : chain::plugin_kinds()) {
        if (kind.name == name) return {name, Options{kind.options}};
    }
    return {name, {}};
}

PluginConfig failing() {
    PluginConfig config = plugin("unready");
    config.options.set("fail", true);
    return config;
}

Setup setup_of(metrics::Registry& metrics) {
    return {
        .zones = {}, .workers = 1, .metrics = metrics, .own_addresses = {}, .services_synced = {}};
}

Result<std::shared_ptr<const Chains>> build(const std::vector<ServerConfig>& servers,
                                            metrics::Registry& metrics) {
    return Chains::build(servers, setup_of(metrics));
}

struct Case {
    std::string error;
    std::vector<ServerConfig> servers;
    std::source_location at = std::source_location::current();
};

}  // namespace

TEST_CASE("each block gets its own chain, and plugins learn its zones in lower case") {
    metrics::Registry metrics{1};
    const auto chains = build({{{name_of("Cluster.Local."), name_of("in-addr.arpa.")},
                                {plugin("unready"), plugin("answering")}},
                               {{name_of("example.")}, {plugin("answering")}}},
                              metrics);
    REQUIRE(chains);
    const chain::Zone* cluster = (*chains)->find(name_of("a.cluster.local."));
    const chain::Zone* reverse = (*chains)->find(name_of("1.in-addr.arpa."));
    const chain::Zone* example = (*chains)->find(name_of("example."));
    REQUIRE(cluster != nullptr);
    REQUIRE(reverse != nullptr);
    REQUIRE(example != nullptr);
    CHECK(cluster->chain == reverse->chain);
    CHECK(cluster->traffic != reverse->traffic);
    CHECK(example->chain != cluster->chain);
    CHECK((*chains)->find(name_of("other.")) == nullptr);

    Arena arena{4096};
    const dns::Name name = name_of("a.cluster.local.");
    Query query{{.name = name, .asked = name, .arena = &arena}};
    Reply reply{arena};
    Script::current().calls.clear();
    CHECK(cluster->chain->walk(query, reply) == Step::done);
    CHECK(Script::current().calls ==
          std::vector<std::string>{"ask unready of cluster.local. in-addr.arpa. a.cluster.local.",
                                   "ask answering cluster.local. a.cluster.local.",
                                   "tell unready of cluster.local. in-addr.arpa. NOERROR"});
}

TEST_CASE("one block that takes all classes opens its listeners for them, and no others") {
    metrics::Registry metrics{1};
    const std::vector<ServerConfig> servers{{{name_of("a.")}, {plugin("answering")}},
                                            {{name_of("b.")}, {plugin("classes")}},
                                            {{name_of("c.")}, {plugin("answering")}}};
    const chain::Layout layout{.labels = {"dns://:53", "dns://:54"},
                               .places = {{{0}}, {{0}}, {{0, 1}}}};
    const auto chains = Chains::build(servers, setup_of(metrics), layout);
    REQUIRE(chains);
    const auto takes = [&](const char* zone, std::size_t listener) {
        const dns::Name name = name_of(zone);
        return (*chains)->find(name, dns::Type::a, listener)->takes_all_classes;
    };
    CHECK(takes("a.", 0));
    CHECK(takes("b.", 0));
    CHECK(takes("c.", 0));
    CHECK_FALSE(takes("c.", 1));
}

TEST_CASE("plugins that are not ready are named; who was ready is asked again only continuously") {
    metrics::Registry metrics{1};
    const auto built = [&] {
        auto chains = build({{{name_of("a.")}, {plugin("answering"), plugin("unready")}},
                             {{name_of("b.")}, {plugin("answering")}}},
                            metrics);
        REQUIRE(chains);
        return std::move(*chains);
    };
    const std::vector<std::string_view> one{"unready"};
    const auto once = built();
    CHECK(once->not_ready(false) == one);
    CHECK(once->not_ready(false).empty());
    CHECK(once->not_ready(false).empty());
    CHECK(once->not_ready(true) == one);
    const auto continuously = built();
    CHECK(continuously->not_ready(true) == one);
    CHECK(continuously->not_ready(true).empty());
    CHECK(continuously->not_ready(true) == one);
}

TEST_CASE("what cannot be built says where and why") {
    const std::vector<PluginConfig> too_many(plugins_in_chain_max + 1, plugin("answering"));
    const Case cases[] = {
        {"server a.: no plugin is called nonsense", {{{name_of("a.")}, {{"nonsense", {}}}}}},
        {"server a.: unready: told to fail", {{{name_of("A.")}, {failing()}}}},
        {"server: serves no zone", {{{}, {plugin("answering")}}}},
        {"server a.: 33 plugins, at most 32 fit in a chain", {{{name_of("a.")}, too_many}}},
        {"zone a. stands twice",
         {{{name_of("a.")}, {plugin("answering")}}, {{name_of("A.")}, {plugin("answering")}}}},
    };
    for (const Case& row : cases) {
        INFO("row at line " << row.at.line());
        metrics::Registry metrics{1};
        const auto chains = build(row.servers, metrics);
        REQUIRE_FALSE(chains);
        std::string error = chains.error().text;
        for (char& c : error) c = c == 'A' ? 'a' : c;
        CHECK(error == row.error);
    }
}

TEST_CASE("exactly plugins_in_chain_max plugins fit") {
    metrics::Registry metrics{1};
    const std::vector<PluginConfig> plugins(plugins_in_chain_max, plugin("answering"));
    CHECK(build({{{name_of("a.")}, plugins}}, metrics));
}
