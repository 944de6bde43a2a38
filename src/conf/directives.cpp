#include "conf/directives.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace nameplane::conf {

namespace {

constexpr std::uint64_t second_ms = 1000;
constexpr std::uint64_t day_ms = 24 * 3600 * second_ms;

constexpr std::array bind_options{
    Option{"addresses", Words{.from = 1}, "addresses or interfaces to answer on"},
    Option{"except", Words{.from = 1}, "those of them that are left out"}};
constexpr std::array cancel_options{
    Option{"timeout", Milliseconds{1, day_ms, 5001},
           "no effect: no upstream is waited for longer than five seconds"}};
constexpr std::array health_options{
    Option{"address", Text{":8080"}, "where /health is served"},
    Option{"lameduck", Milliseconds{0, day_ms, 0}, "queries are answered so long after SIGTERM"}};
constexpr std::array multisocket_options{
    Option{"sockets", Integer{1, 1024, 1}, "sockets a port; every thread has its own anyway"}};
constexpr std::array prometheus_options{
    Option{"address", Text{"localhost:9153"}, "where /metrics is served"},
    Option{"runtime_metrics", Flag{}, "of Go's runtime, which is not there"}};
constexpr std::array ready_options{Option{"address", Text{":8181"}, "where /ready is served"},
                                   Option{"monitor",
                                          OneOf{{"until-ready", "continuously"}, "until-ready"},
                                          "whether who was ready once is asked again"}};
constexpr std::array reload_options{
    Option{"interval", Milliseconds{2 * second_ms, day_ms, 30 * second_ms},
           "the file is looked at this often"},
    Option{"jitter", Milliseconds{second_ms, day_ms, 15 * second_ms},
           "and up to so much later or earlier"}};
constexpr std::array root_options{Option{"path", Text{""}, "folder of relative paths"}};
constexpr std::array timeouts_options{
    Option{"read", Milliseconds{second_ms, day_ms, 3 * second_ms}, "a query comes whole in this"},
    Option{"write", Milliseconds{second_ms, day_ms, 5 * second_ms}, "an answer is taken in this"},
    Option{"idle", Milliseconds{second_ms, day_ms, 10 * second_ms},
           "a TCP connection without a query is closed after this"},
    Option{"maxtcpqueries", Integer{-1, std::numeric_limits<std::int32_t>::max(), -1},
           "queries of one TCP connection; -1: any number"}};

constexpr std::array<OptionTable, 11> tables{
    {{"root", root_options, {.positional = {"path"}}},
     {"cancel", cancel_options, {.positional = {"timeout?"}}},
     {"timeouts", timeouts_options},
     {"multisocket", multisocket_options, {.positional = {"sockets?"}}},
     {"reload", reload_options, {.positional = {"interval?", "jitter?"}}},
     {"bind", bind_options, {.positional = {"addresses..."}, .repeats = true}},
     {"debug", {}},
     {"shed", {}},
     {"ready", ready_options, {.positional = {"address?"}}},
     {"health", health_options, {.positional = {"address?"}}},
     {"prometheus", prometheus_options, {.positional = {"address?"}}}}};

struct Refused {
    std::string_view name;
    std::string_view why;
};
constexpr std::string_view elsewhere = "it answers from a service outside of the cluster";
constexpr std::string_view encrypted = "queries are answered over UDP and TCP only";
constexpr std::string_view signing = "zones are not signed here; serve them signed with 'file'";
constexpr std::string_view not_yet = "this version does not have it";
constexpr std::array refused =
    std::to_array<Refused>({{"route53", elsewhere},
                            {"azure", elsewhere},
                            {"clouddns", elsewhere},
                            {"etcd", elsewhere},
                            {"nomad", elsewhere},
                            {"geoip", "there is no database of places"},
                            {"grpc", "upstreams are asked over UDP, TCP and TLS"},
                            {"grpc_server", encrypted},
                            {"quic", encrypted},
                            {"https", encrypted},
                            {"https3", encrypted},
                            {"tls", encrypted},
                            {"sign", signing},
                            {"dnssec", signing},
                            {"proxyproto", "clients are those of the packets"},
                            {"on", "commands are not run"},
                            {"pprof", "there is no Go runtime to look into"},
                            {"auto", not_yet},
                            {"dnstap", not_yet},
                            {"erratic", not_yet},
                            {"file", not_yet},
                            {"k8s_external", not_yet},
                            {"secondary", not_yet},
                            {"trace", not_yet},
                            {"transfer", not_yet},
                            {"tsig", not_yet}});

}  // namespace

std::span<const OptionTable> directive_tables() noexcept {
    return tables;
}

std::string_view why_not_served(std::string_view directive) noexcept {
    const auto found = std::ranges::find(refused, directive, &Refused::name);
    return found == refused.end() ? std::string_view{} : found->why;
}

}  // namespace nameplane::conf
