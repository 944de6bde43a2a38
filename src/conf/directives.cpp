#include "conf/directives.hpp"

#include <nameplane/base/check.hpp>

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
           "upstreams are waited for no longer; at most five seconds in any case"}};
constexpr std::array health_options{
    Option{"address", Text{":8080"}, "where /health is served"},
    Option{"lameduck", Milliseconds{0, day_ms, 0}, "queries are answered so long after SIGTERM"}};
constexpr std::array https_options{Option{"max_connections",
                                          Integer{0, std::numeric_limits<std::int32_t>::max(), 200},
                                          "HTTPS connections at the same time; 0: any number"}};
constexpr std::array multisocket_options{
    Option{"sockets", Integer{1, 1024, 1}, "sockets a port; every thread has its own anyway"}};
constexpr std::array pprof_options{
    Option{"address", Text{"localhost:6053"}, "where /debug/pprof/ is served"},
    Option{"block", Words{.from = 0, .to = 1}, "of Go's runtime, which is not there"}};
constexpr std::array prometheus_options{
    Option{"address", Text{"localhost:9153"}, "where /metrics is served"},
    Option{"runtime_metrics", Flag{}, "of Go's runtime, which is not there"}};
constexpr std::array ready_options{Option{"address", Text{":8181"}, "where /ready is served"},
                                   Option{"monitor",
                                          OneOf{{"until-ready", "continuously"}, "until-ready"},
                                          "whether who was ready once is asked again"}};
constexpr std::array reload_options{Option{"interval",
                                           Milliseconds{2 * second_ms, day_ms, 30 * second_ms},
                                           "the file is looked at this often"},
                                    Option{"jitter", Milliseconds{0, day_ms, 15 * second_ms},
                                           "and up to so much later or earlier"}};
constexpr std::array root_options{Option{"path", Text{""}, "folder of relative paths"}};
constexpr std::array timeouts_options{
    Option{"read", Text{""}, "the first query of a connection comes whole in this"},
    Option{"write", Text{""}, "an answer is taken in this"},
    Option{"idle", Text{""}, "a connection without a query is closed after this"},
    Option{"maxtcpqueries", Integer{-1, std::numeric_limits<std::int32_t>::max(), -1},
           "queries of one TCP connection; -1: any number"}};

constexpr std::array<std::string_view, 5> client_auth_words{
    "nocert", "request", "require", "verify_if_given", "require_and_verify"};
constexpr std::array tls_options{
    Option{"certificate", Text{""}, "PEM file with the certificate and its chain"},
    Option{"key", Text{""}, "PEM file with its private key"},
    Option{"authority", Text{""}, "PEM file with the CA of clients"},
    Option{"client_auth",
           OneOf{{client_auth_words[0], client_auth_words[1], client_auth_words[2],
                  client_auth_words[3], client_auth_words[4]},
                 "nocert"},
           "whether clients show a certificate"},
    Option{"keylog", Text{""}, "file that the secrets of connections are written to"},
    Option{"acme", Words{.from = 1}, "domains that a server of ACME gives certificates for"},
    Option{"email", Text{""}, "of the account there"},
    Option{"ca", Text{lets_encrypt}, "URL of its directory"},
    Option{"storage", Text{acme_storage}, "folder of accounts, keys and certificates"},
    Option{"ca_root", Text{""}, "PEM file that vouches for the server, besides the system's"},
    Option{"resolver", Text{""}, "HOST:PORT that is asked for the server's address"}};

using Again = Syntax::Again;
constexpr std::array<OptionTable, 14> tables{
    {{"root", root_options, {.positional = {"path"}, .again = Again::last_counts}},
     {"cancel", cancel_options, {.positional = {"timeout?"}, .again = Again::last_counts}},
     {"timeouts", timeouts_options, {.again = Again::last_counts}},
     {"multisocket", multisocket_options, {.positional = {"sockets?"}}},
     {"reload",
      reload_options,
      {.positional = {"interval?", "jitter?"}, .again = Again::first_counts}},
     {"bind", bind_options, {.positional = {"addresses..."}, .repeats = true}},
     {"debug", {}, {.again = Again::last_counts}},
     {"https", https_options, {.again = Again::first_counts}},
     {"tls", tls_options, {.positional = {"certificate?", "key?", "authority?"}}},
     {"shed", {}},
     {"ready", ready_options, {.positional = {"address?"}}},
     {"health", health_options, {.positional = {"address?"}, .again = Again::last_counts}},
     {"pprof", pprof_options, {.positional = {"address?"}}},
     {"prometheus", prometheus_options, {.positional = {"address?"}}}}};

struct Refused {
    std::string_view name;
    std::string_view why;
};
constexpr std::string_view elsewhere = "it answers from a service outside of the cluster";
constexpr std::string_view other_way = "queries are answered over UDP, TCP, TLS and HTTPS";
constexpr std::string_view signing = "zones are not signed here; serve them signed with 'file'";
constexpr std::array refused =
    std::to_array<Refused>({{"route53", elsewhere},
                            {"azure", elsewhere},
                            {"clouddns", elsewhere},
                            {"etcd", elsewhere},
                            {"nomad", elsewhere},
                            {"geoip", "there is no database of places"},
                            {"grpc", "upstreams are asked over UDP, TCP, TLS and HTTPS"},
                            {"grpc_server", other_way},
                            {"quic", other_way},
                            {"https3", other_way},
                            {"sign", signing},
                            {"dnssec", signing},
                            {"proxyproto", "clients are those of the packets"},
                            {"on", "commands are not run"},
                            {"ocp_dnsnameresolver", "it serves OpenShift's own objects"}});

}  // namespace

std::span<const OptionTable> directive_tables() noexcept {
    return tables;
}

ClientAuth client_auth(std::string_view word) noexcept {
    const auto found = std::ranges::find(client_auth_words, word);
    NP_CHECK(found != client_auth_words.end(), "the table names the words that exist");
    return static_cast<ClientAuth>(found - client_auth_words.begin());
}

std::string_view client_auth_word(ClientAuth wanted) noexcept {
    return client_auth_words[static_cast<std::size_t>(wanted)];
}

std::string_view why_not_served(std::string_view directive) noexcept {
    const auto found = std::ranges::find(refused, directive, &Refused::name);
    return found == refused.end() ? std::string_view{} : found->why;
}

}  // namespace nameplane::conf
