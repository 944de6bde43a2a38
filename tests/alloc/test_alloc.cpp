// No heap on the query path: operator new is counted while 10,000 queries of all kinds pass through
// the handler.

#include "base/published.hpp"
#include "chain/builder.hpp"
#include "chain/registry.hpp"
#include "conf/config.hpp"
#include "plugins/cluster.hpp"
#include "server/batches.hpp"
#include "server/handler.hpp"
#include "support/alloc_guard.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <source_location>
#include <string>
#include <vector>

using namespace nameplane;
using nameplane::test::allocations;

namespace {

using Octets = std::vector<std::uint8_t>;

/// A query as octets, with an OPT of 1232 if `edns`.
Octets query(const std::string& name, dns::Type type, bool edns) {
    Octets out{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(edns ? 1 : 0)};
    const auto parsed = dns::Name::parse(name);
    REQUIRE(parsed);
    const auto wire = parsed->view().wire();
    out.insert(out.end(), wire.begin(), wire.end());
    const auto number = static_cast<std::uint16_t>(type);
    out.insert(out.end(),
               {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number), 0, 1});
    if (edns) out.insert(out.end(), {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0});
    return out;
}

conf::PluginConfig plugin(const std::string& name) {
    for (const chain::PluginKind& kind : chain::plugin_kinds()) {
        if (kind.name == name) return {name, Options{kind.options}};
    }
    FAIL("no plugin is called " << name);
    return {};
}

std::vector<conf::ServerConfig> servers() {
    const auto zone = [](const char* text) { return *dns::Name::parse(text); };
    conf::PluginConfig kubernetes = plugin("kubernetes");
    kubernetes.options.set("pods", std::string{"verified"});
    return {{{zone("cluster.local."), zone("in-addr.arpa."), zone("ip6.arpa.")}, {kubernetes}},
            {{zone("whoami.example.")}, {plugin("whoami")}}};
}

/// Every question of the plugin's tables, and some that lead nowhere.
std::vector<Octets> all_queries() {
    std::vector<Octets> out;
    for (const auto table :
         {test::cluster_ip_cases, test::cluster_ip_srv_cases, test::headless_cases,
          test::headless_srv_cases, test::external_name_cases, test::shape_cases,
          test::pods_verified_cases, test::reverse_cases, test::apex_cases, test::case_cases}) {
        for (const test::DnsCase& row : table()) {
            const auto type = dns::parse_type(row.type);
            REQUIRE(type);
            out.push_back(query(row.name, *type, out.size() % 2 == 0));
        }
    }
    for (const char* name : {"whoami.example.", "www.whoami.example.", "elsewhere.example.", "."}) {
        for (const dns::Type type : {dns::Type::a, dns::Type::axfr, dns::Type::any}) {
            out.push_back(query(name, type, true));
        }
    }
    Octets odd = query("www.whoami.example.", dns::Type::a, false);
    out.push_back({odd.begin(), odd.end() - 3});    // FORMERR
    out.push_back({odd.begin(), odd.begin() + 5});  // too short
    odd[2] = 0x28;                                  // UPDATE: NOTIMP
    out.push_back(odd);
    return out;
}

}  // namespace

TEST_CASE("counting works") {
    const std::size_t before = allocations();
    const auto one = std::make_unique<std::array<char, 100>>();
    CHECK(one != nullptr);
    CHECK(allocations() > before);
}

TEST_CASE("10,000 queries allocate nothing") {
    metrics::Registry metrics{1};
    const std::vector<IpAddress> own{IpAddress::v4(10, 0, 0, 1)};
    const Setup setup{
        .zones = {}, .workers = 1, .metrics = metrics, .own_addresses = own, .services_synced = [] {
            return true;
        }};
    auto chains = chain::Chains::build(servers(), setup);
    if (!chains) FAIL(chains.error().text);
    const Published<chain::Chains> published_chains{*chains};
    const Published<services::Snapshot> snapshots{test::example_cluster()};
    const server::Oddities oddities{metrics};
    server::Handler handler{0, {}, oddities};
    server::Batches batches{handler, published_chains, snapshots};
    const std::vector<Octets> queries = all_queries();
    REQUIRE(queries.size() > 100);

    std::vector<std::uint8_t> out(65535);
    std::size_t answered = 0;
    const std::size_t before = allocations();
    for (std::size_t i = 0; i < 10'000; ++i) {
        if (i % 64 == 0) {
            batches.begin();
            std::array<server::Handler::Message, 64> batch;
            for (std::size_t m = 0; m < 64; ++m) batch[m] = queries[(i + m) % queries.size()];
            handler.take(batch);
        }
        const bool tcp = i / queries.size() % 2 == 1;
        const server::Arrival arrival{.client = {IpAddress::v4(192, 0, 2, 1), 4242},
                                      .server = {IpAddress::v4(192, 0, 2, 53), 53},
                                      .transport = tcp ? Transport::tcp : Transport::udp};
        const std::size_t octets = tcp ? handler.answer(queries[i % queries.size()], arrival, out)
                                       : handler.answer(i % 64, arrival, out);
        if (octets != 0) ++answered;
        if (i % 64 == 63) batches.end();
    }
    const std::size_t made = allocations() - before;
    CHECK(made == 0);
    CHECK(answered > 9'900);
    CHECK(answered < 10'000);  // those that are too short get nothing
}
