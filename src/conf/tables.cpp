#include "conf/tables.hpp"

#include "conf/config.hpp"
#include <nameplane/base/metrics.hpp>

#include <array>

namespace nameplane::conf {

namespace {

constexpr std::uint64_t second_ms = 1000;
constexpr std::uint64_t hour_ms = 3600 * second_ms;
/// What the kernel takes for a timeout: seconds in 31 bits.
constexpr std::uint64_t timeout_ms_max = 2'147'483'647 * second_ms;

constexpr std::uint64_t ms(std::chrono::milliseconds duration) {
    return static_cast<std::uint64_t>(duration.count());
}

constexpr std::array log_options{Option{"level",
                                        OneOf{{"debug", "info", "warning", "error", "off"}, "info"},
                                        "lines below this level are dropped"}};

constexpr std::array dns_options{
    Option{"listen", Addresses{"0.0.0.0 ::"}, "addresses to answer on; [] serves no names"},
    Option{"port", Integer{0, 65535, DnsConfig{}.port}, "UDP and TCP port; 0 takes a free one"},
    Option{"threads", Integer{0, metrics::cells_max, DnsConfig{}.threads},
           "worker threads; 0 is one a processor"},
    Option{"udp_size_max", Integer{512, 4096, DnsConfig{}.udp_size_max},
           "octets of the largest UDP answer"},
    Option{"tcp_idle", Milliseconds{100, 600 * second_ms, ms(DnsConfig::tcp_idle)},
           "a TCP connection without a query is closed after this"},
    Option{"tcp_connections_max", Integer{1, 1'000'000, DnsConfig{}.tcp_connections_max},
           "TCP connections at the same time"}};

constexpr std::array services_options{
    Option{"manifests", Text{""}, "file or folder of Kubernetes objects, watched for changes"},
    Option{"service_cidr", Cidrs{"10.96.0.0/12 fd00:10:96::/112"},
           "networks that clusterIPs are chosen from, at most one of each family"},
    Option{"node_port_range", PortRange{"30000-32767"}, "ports that node ports are chosen from"},
    Option{"state_file", Text{""}, "file that keeps the choices over a restart"}};

constexpr std::array api_options{
    Option{"kubeconfig", Text{""}, "file that says where the API server is and who we are"},
    Option{"context", Text{""}, "context of the kubeconfig; empty is its current one"},
    Option{"endpoint", Text{""}, "URL of the API server"},
    Option{"certificate", Text{""}, "PEM file with our client certificate, for endpoint"},
    Option{"key", Text{""}, "PEM file with its private key"},
    Option{"authority", Text{""}, "PEM file with the CA of endpoint"},
    Option{"headless", OneOf{{"watch", "forward"}, "watch"},
           "forward: names of headless Services go on to the next plugin"},
    Option{"state_file", Text{"/var/lib/nameplane/state"},
           "file with the last state, for a start without an API server"}};

constexpr std::array node_options{
    Option{"name", Text{""}, "name of this machine's Node; empty is the host name"},
    Option{
        "oom_score_adj", Integer{-1000, 1000, 0},
        "how early the kernel ends us when memory is short; left as it is where nothing is said"}};

// A constant to GCC; clang makes no constant with a std::string of libstdc++ 12 in it.
const std::array rules_options{
    Option{"mode", OneOf{{"off", "iptables", "nftables", "auto"}, "off"},
           "who writes Service rules into the kernel"},
    Option{"dispatch", OneOf{{"linear", "tree"}, "linear"},
           "iptables: one chain of all Services, or a tree by destination"},
    Option{"iptables_backend", OneOf{{"auto", "legacy", "nft"}, "auto"},
           "which iptables has the rules; auto: the one that other programs use"},
    Option{"masquerade_bit", Integer{0, 31, RulesConfig{}.masquerade_bit},
           "bit of the packet mark that asks for masquerading"},
    Option{"masquerade_all", Flag{RulesConfig{}.masquerade_all},
           "masquerade everything sent to clusterIPs"},
    Option{"detect_local_mode",
           OneOf{{"none", "cluster_cidr", "node_cidr", "bridge_interface", "interface_name_prefix"},
                 "none"},
           "how traffic from pods is recognised"},
    Option{"cluster_cidr", Cidrs{}, "networks of all pods, at most one of each family"},
    Option{"bridge_interface", Text{""}, "the pods' bridge"},
    Option{"interface_name_prefix", Text{""}, "how the pods' interfaces begin"},
    Option{"node_port_addresses", Words{},
           "networks whose addresses answer node ports, or primary: the Node's own"},
    Option{"localhost_node_ports", Flag{RulesConfig{}.localhost_node_ports},
           "node ports answer on 127.0.0.1, too"},
    Option{"publish_wait", Milliseconds{0, 60 * second_ms, ms(RulesConfig{}.publish_wait)},
           "names wait at most this long for their rules"},
    Option{"full_sync", Milliseconds{second_ms, 168 * hour_ms, ms(RulesConfig{}.full_sync)},
           "all rules are compared with the kernel's this often"},
    Option{"node_address", Addresses{""},
           "the node's own addresses, at most one of each family; [] is what its Node says"},
    Option{"stale_after", Milliseconds{second_ms, 24 * hour_ms, ms(RulesConfig{}.stale_after)},
           "changes that are not in the kernel for so long are unhealthy"}};

constexpr std::array conntrack_options{
    Option{"max_per_core", Integer{0, 2'147'483'647, ConntrackConfig{}.max_per_core},
           "connections that are tracked for each processor; 0 leaves the limit as it is"},
    Option{"min", Integer{0, 2'147'483'647, ConntrackConfig{}.min},
           "and at least so many, with max_per_core"},
    Option{"tcp_established_timeout", Milliseconds{0, timeout_ms_max, 0},
           "an idle TCP connection is forgotten after this; 0 leaves it as it is"},
    Option{"tcp_close_wait_timeout", Milliseconds{0, timeout_ms_max, 0},
           "the same for one that the other side has closed"},
    Option{"tcp_be_liberal", Flag{}, "packets outside of the TCP window are not invalid"},
    Option{"udp_timeout", Milliseconds{0, timeout_ms_max, 0},
           "an idle UDP flow without an answer is forgotten after this"},
    Option{"udp_stream_timeout", Milliseconds{0, timeout_ms_max, 0},
           "the same for one with answers"}};

constexpr std::array admin_options{
    Option{"health", Words{}, "host:port of /health, or several"},
    Option{"ready", Words{}, "host:port of /ready, or several"},
    Option{"metrics", Words{}, "host:port of /metrics, or several"},
    Option{"pprof", Words{}, "host:port of /debug/pprof/, which turns timing on; or several"},
    Option{"proxy_health", Text{""}, "host:port of kube-proxy's /healthz and /livez"},
    Option{"proxy_metrics", Text{""}, "host:port of kube-proxy's /metrics and /proxyMode"},
    Option{"proxy_hard_fail", Flag{}, "those two are bound at start, or the agent ends"},
    Option{"lameduck", Milliseconds{0, 24 * hour_ms, 0},
           "queries are answered so long after SIGTERM"},
    Option{"ready_continuously", Flag{}, "who was ready once is asked again by /ready"}};

constexpr std::array reload_options{
    Option{"interval", Milliseconds{0, 24 * hour_ms, 0},
           "the file is looked at this often; 0 is never"},
    Option{"jitter", Milliseconds{0, 24 * hour_ms, 0}, "and up to so much later or earlier"}};

constexpr std::array<OptionTable, 9> tables{{{"log", log_options},
                                             {"dns", dns_options},
                                             {"services", services_options},
                                             {"api", api_options},
                                             {"node", node_options},
                                             {"rules", rules_options},
                                             {"conntrack", conntrack_options},
                                             {"admin", admin_options},
                                             {"reload", reload_options}}};

}  // namespace

std::optional<SocketAddress> parse_admin_address(std::string_view text) {
    constexpr std::string_view localhost = "localhost:";
    if (text.starts_with(':')) return SocketAddress::parse("[::]" + std::string{text});
    if (!text.starts_with(localhost)) return SocketAddress::parse(text);
    return SocketAddress::parse("127.0.0.1:" + std::string{text.substr(localhost.size())});
}

std::span<const OptionTable> agent_tables() noexcept {
    return tables;
}

}  // namespace nameplane::conf
