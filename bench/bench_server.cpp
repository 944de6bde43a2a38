// What a query costs between the sockets: octets in, octets out, through parse, router, chain,
// kubernetes plugin and encoder, with the counters that the server keeps. 10,000 Services with ten
// endpoints each; each query asks for another Service. Prints one line a kind of question.
// Build: ninja -C build bench/bench_server

#include "base/published.hpp"
#include "chain/builder.hpp"
#include "chain/registry.hpp"
#include "conf/config.hpp"
#include "server/batches.hpp"
#include "server/handler.hpp"
#include "services/store.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace nameplane;
using Octets = std::vector<std::uint8_t>;

constexpr std::size_t service_count = 10'000;
constexpr std::size_t endpoint_count = 10;
constexpr std::size_t batch = 64;
constexpr std::size_t rounds = 20;

IpAddress address_of(std::uint8_t net, std::size_t number) {
    return IpAddress::v4(net, static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

std::string name_of(std::size_t i) {
    return "service-" + std::to_string(i);
}
std::string namespace_of(std::size_t i) {
    return "team-" + std::to_string(i % 100);
}

services::Service service(std::size_t i) {
    services::Service out;
    out.key = {namespace_of(i), name_of(i)};
    out.headless = i % 2 == 1;
    if (!out.headless) out.cluster_ips = {address_of(11, i)};
    out.ports = {{.name = "http", .port = 80}};
    return out;
}

services::EndpointSlice slice(std::size_t i) {
    services::EndpointSlice out;
    out.key = {namespace_of(i), name_of(i) + "-1"};
    out.service = name_of(i);
    out.ports = {{.name = "http", .port = 8080}};
    for (std::size_t e = 0; e < endpoint_count; ++e) {
        services::Endpoint endpoint;
        endpoint.addresses = {address_of(10, i * endpoint_count + e)};
        out.endpoints.push_back(std::move(endpoint));
    }
    return out;
}

/// Ends the program when the set-up is wrong: a figure would mean nothing.
template <class T> T must(Result<T> result) {
    if (result) return std::move(result).value();
    std::fprintf(stderr, "%s\n", result.error().text.c_str());
    std::exit(1);
}
void must(const Status& status) {
    if (status) return;
    std::fprintf(stderr, "%s\n", status.error().text.c_str());
    std::exit(1);
}

void fill(services::Store& store) {
    for (std::size_t i = 0; i < 100; ++i) {
        services::Namespace ns;
        ns.key.name = namespace_of(i);
        must(store.apply(ns));
    }
    for (std::size_t i = 0; i < service_count; ++i) {
        must(store.apply(service(i)));
        must(store.apply(slice(i)));
    }
}

std::shared_ptr<const chain::Chains> cluster_chains(metrics::Registry& metrics) {
    conf::PluginConfig plugin{"kubernetes", {}};
    for (const chain::PluginKind& kind : chain::plugin_kinds()) {
        if (kind.name == plugin.name) plugin.options = Options{kind.options};
    }
    const auto zone = [](const char* text) { return *dns::Name::parse(text); };
    const Setup setup{
        .zones = {}, .workers = 1, .metrics = metrics, .own_addresses = {}, .services_synced = [] {
            return true;
        }};
    return must(chain::Chains::build(
        {{{zone("cluster.local."), zone("in-addr.arpa."), zone("ip6.arpa.")}, {plugin}}}, setup));
}

Octets query(const std::string& name, dns::Type type) {
    Octets out{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    const dns::Name parsed = *dns::Name::parse(name);
    const auto wire = parsed.view().wire();
    out.insert(out.end(), wire.begin(), wire.end());
    out.insert(out.end(), {0, static_cast<std::uint8_t>(type), 0, 1});
    out.insert(out.end(), {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0});
    return out;
}

std::string fqdn(std::size_t i, const char* front = "") {
    return front + name_of(i) + "." + namespace_of(i) + ".svc.cluster.local.";
}

struct Kind {
    const char* what;
    std::vector<Octets> queries;
};

/// A fixed shuffle, so that neighbours in time are no neighbours in memory.
std::vector<Kind> kinds() {
    std::vector<Kind> out{{"ClusterIP A", {}},        {"headless A, 10 endpoints", {}},
                          {"ClusterIP SRV", {}},      {"NXDOMAIN", {}},
                          {"PTR of a ClusterIP", {}}, {"other zone, REFUSED", {}}};
    for (std::size_t n = 0; n < service_count / 2; ++n) {
        const std::size_t i = n * 2741 % (service_count / 2) * 2;
        const std::string reverse = std::to_string(i & 255) + "." + std::to_string(i >> 8 & 255) +
                                    "." + std::to_string(i >> 16) + ".11.in-addr.arpa.";
        out[0].queries.push_back(query(fqdn(i), dns::Type::a));
        out[1].queries.push_back(query(fqdn(i + 1), dns::Type::a));
        out[2].queries.push_back(query(fqdn(i, "_http._tcp."), dns::Type::srv));
        out[3].queries.push_back(query(fqdn(i, "not-"), dns::Type::a));
        out[4].queries.push_back(query(reverse, dns::Type::ptr));
        out[5].queries.push_back(query(name_of(i) + ".example.org.", dns::Type::a));
    }
    return out;
}

/// CPU time of this thread: what others do on the machine does not count as ours.
double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Figures {
    double ns = 0;
    std::size_t octets = 0;
};

Figures measure(server::Batches& batches, const std::vector<Octets>& queries) {
    static std::vector<std::uint8_t> out(batch * 1344);
    const server::Arrival arrival{.client = {IpAddress::v4(192, 0, 2, 1), 4242},
                                  .server = {IpAddress::v4(192, 0, 2, 53), 53}};
    Figures figures;
    std::vector<double> times;
    for (std::size_t round = 0; round < rounds; ++round) {
        const double begin = cpu_ns();
        for (std::size_t i = 0; i < queries.size(); i += batch) {
            server::Handler& handler = batches.begin();
            const std::size_t count = std::min(batch, queries.size() - i);
            std::array<server::Handler::Message, batch> messages;
            for (std::size_t q = 0; q < count; ++q) messages[q] = queries[i + q];
            handler.take(std::span{messages}.first(count));
            for (std::size_t q = 0; q < count; ++q) {
                figures.octets = handler.answer(q, arrival, std::span{out}.subspan(q * 1344, 1232));
            }
            batches.end();
        }
        times.push_back((cpu_ns() - begin) / static_cast<double>(queries.size()));
    }
    std::ranges::sort(times);
    figures.ns = times[times.size() / 2];
    return figures;
}

}  // namespace

int main() {
    const SystemClock clock;
    services::Store store{{}, clock};
    fill(store);
    metrics::Registry metrics{1};
    const Published<services::Snapshot> snapshots{store.snapshot()};
    const Published<chain::Chains> chains{cluster_chains(metrics)};
    const server::Oddities oddities{metrics};
    server::Handler handler{0, {}, oddities};
    server::Batches batches{handler, chains, snapshots};
    std::printf("%-28s %12s %14s\n", "question", "CPU ns/query", "octets answer");
    for (const Kind& kind : kinds()) {
        const Figures figures = measure(batches, kind.queries);
        std::printf("%-28s %12.0f %14zu\n", kind.what, figures.ns, figures.octets);
    }
    return 0;
}
