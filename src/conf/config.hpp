#pragma once
// Config: what the agent shall do, typed, checked and complete. Every default stands here or in an
// option table and nowhere else. What may change while running (RuntimeConfig) and what may not
// (StartConfig) are two types.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/log.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/dns/name.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::conf {

struct DnsConfig {
    std::vector<IpAddress> listen;  ///< empty: names are not served at all
    std::uint16_t port = 53;
    std::uint16_t threads = 0;  ///< 0: one a processor that is ours to use
    std::uint16_t udp_size_max = 1232;
    std::uint32_t tcp_connections_max = 1000;
    /// Of blocks that say nothing else, see TimeoutsConfig.
    static constexpr std::chrono::milliseconds tcp_idle{10'000};
    friend bool operator==(const DnsConfig&, const DnsConfig&) = default;
};

struct ServicesConfig {
    std::string manifests;            ///< path of a file or folder; --manifests overrides it
    std::vector<Cidr> service_cidrs;  ///< at most one of each family
    Ports node_ports{30000, 32767};
    std::string state_file;  ///< remembers what was chosen for manifests; empty: nothing does
    friend bool operator==(const ServicesConfig&, const ServicesConfig&) = default;
};

/// The Kubernetes API as the source of objects, where no manifests are given. With neither endpoint
/// nor kubeconfig it is the API server that the pod's environment names.
struct ApiConfig {
    std::string kubeconfig;         ///< path; empty: none
    std::string context;            ///< of the kubeconfig; empty: its current one
    std::string endpoint;           ///< URL; overrides the kubeconfig's
    std::string certificate;        ///< file, PEM: who we are, with endpoint
    std::string key;                ///< file, PEM
    std::string authority;          ///< file, PEM: who vouches for the endpoint
    bool headless_forward = false;  ///< names of headless Services are somebody else's
    std::string state_file{"/var/lib/nameplane/state"};  ///< for a warm start; empty: none
    friend bool operator==(const ApiConfig&, const ApiConfig&) = default;
};

enum class RulesMode : std::uint8_t { off, iptables, nftables, automatic };
/// For "off", "iptables", "nftables" and "auto".
RulesMode rules_mode(std::string_view word) noexcept;
/// How the iptables writer lays out the chain that all Services share.
enum class DispatchMode : std::uint8_t { linear, tree };
/// Which of the two iptables holds the rules.
enum class IptablesBackend : std::uint8_t { automatic, legacy, nft };
enum class DetectLocalMode : std::uint8_t {
    cluster_cidr,
    node_cidr,
    bridge_interface,
    interface_name_prefix,
    none,
};

struct RulesConfig {
    RulesMode mode = RulesMode::off;
    DispatchMode dispatch = DispatchMode::linear;
    IptablesBackend iptables_backend = IptablesBackend::automatic;
    std::uint8_t masquerade_bit = 14;
    bool masquerade_all = false;
    DetectLocalMode detect_local = DetectLocalMode::none;
    std::vector<Cidr> cluster_cidrs;
    std::string bridge_interface;
    std::string interface_name_prefix;
    std::vector<Cidr> node_port_addresses;  ///< empty: all
    bool localhost_node_ports = true;
    std::chrono::milliseconds publish_wait{1000};
    std::chrono::milliseconds full_sync{3'600'000};
    bool node_ports_on_primary = false;  ///< the Node's own addresses answer node ports
    /// In the place of what the Node object says, at most one of each family.
    std::vector<IpAddress> node_addresses;
    /// Changes that are not in the kernel for so long make /healthz and /livez unhealthy.
    std::chrono::milliseconds stale_after{60'000};
    friend bool operator==(const RulesConfig&, const RulesConfig&) = default;
};

/// Sysctls of the kernel's connection tracking, set once at start. 0, or false: left as it is.
struct ConntrackConfig {
    std::uint32_t max_per_core = 0;
    std::uint32_t min = 0;  ///< of all cores together; only with max_per_core
    std::chrono::milliseconds tcp_established{0};
    std::chrono::milliseconds tcp_close_wait{0};
    bool tcp_be_liberal = false;
    std::chrono::milliseconds udp{0};
    std::chrono::milliseconds udp_stream{0};
    friend bool operator==(const ConntrackConfig&, const ConntrackConfig&) = default;
};

struct NodeConfig {
    std::string name;                           ///< empty: this machine's host name
    std::optional<std::int16_t> oom_score_adj;  ///< nothing: left as it is
    friend bool operator==(const NodeConfig&, const NodeConfig&) = default;
};

/// Where the admin pages are served, each at as many addresses as it has; none is off. Pages with
/// the same address share a listener. The address :: stands for all addresses of both families.
struct AdminConfig {
    std::vector<SocketAddress> health;
    std::vector<SocketAddress> ready;
    std::vector<SocketAddress> metrics;
    std::vector<SocketAddress> pprof;  ///< /debug/pprof/: the time per stage, which is then taken
    std::optional<SocketAddress> proxy_health;   ///< /healthz and /livez, as kube-proxy's
    std::optional<SocketAddress> proxy_metrics;  ///< /metrics and /proxyMode, as kube-proxy's
    bool proxy_hard_fail = false;                ///< the last two must be bound at start
    friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

struct PluginConfig {
    std::string name;
    Options options;
    bool whole = true;  ///< nothing is wrong with the options as far as their table tells
    friend bool operator==(const PluginConfig&, const PluginConfig&) = default;
};
/// Where a block stands in its file; makes no difference.
struct BlockPlace {
    Where where;
    friend bool operator==(const BlockPlace&, const BlockPlace&) noexcept { return true; }
};

/// How queries come in: plain by UDP and TCP, over TLS (RFC 7858), over HTTPS (RFC 8484).
enum class Scheme : std::uint8_t { dns, tls, https };
/// "dns", "tls", "https".
std::string_view to_string(Scheme scheme) noexcept;

/// A zone and where it is served; without a port it is DnsConfig::port, 853 or 443.
struct ServedZone {
    dns::Name name;
    std::optional<std::uint16_t> port;
    Scheme scheme;
    ServedZone(dns::Name zone, std::optional<std::uint16_t> on_port = std::nullopt,
               Scheme by = Scheme::dns)
        : name{std::move(zone)}, port{on_port}, scheme{by} {}
    std::uint16_t port_or(std::uint16_t dns_port) const noexcept;
    friend bool operator==(const ServedZone&, const ServedZone&) = default;
};

/// Whether clients over TLS must say who they are, and prove it.
enum class ClientAuth : std::uint8_t {
    nocert,
    request,
    require,
    verify_if_given,
    require_and_verify
};
/// Certificates that an ACME server gives (RFC 8555). Paths are as written.
struct AcmeConfig {
    std::vector<std::string> domains;  ///< lower case, without the last dot; "*.example.org", too
    std::string email;                 ///< of the account; empty: none
    std::string directory;             ///< URL of the server's directory
    std::string storage;               ///< folder of accounts, keys and certificates
    std::string authority;  ///< file, PEM: vouches for the server besides the system's; empty: none
    std::string resolver;   ///< HOST:PORT, asked for the server; empty: as the machine does
    friend bool operator==(const AcmeConfig&, const AcmeConfig&) = default;
};
/// What we prove to clients over TLS, and they to us. Paths are as written.
struct TlsConfig {
    std::string certificate;  ///< file, PEM, with its chain
    std::string key;          ///< file, PEM
    std::string authority;    ///< file, PEM: who vouches for clients; empty: those of the system
    ClientAuth client_auth = ClientAuth::nocert;
    std::string keylog;  ///< file that secrets of connections are written to; empty: none
    std::optional<AcmeConfig> acme;  ///< in the place of all of them
    friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};
/// Of connections to a block; what is unset has the agent's default.
struct TimeoutsConfig {
    std::optional<std::chrono::milliseconds> read;
    std::optional<std::chrono::milliseconds> write;
    std::optional<std::chrono::milliseconds> idle;
    std::optional<std::uint32_t> queries_max;  ///< of one connection
    friend bool operator==(const TimeoutsConfig&, const TimeoutsConfig&) = default;
};
/// Plugins stand in the order of the chain (plugins/meson.build), not of the file.
struct ServerConfig {
    std::vector<ServedZone> zones;
    std::vector<PluginConfig> plugins;
    std::vector<std::string> bind{};         ///< addresses and interfaces; empty: DnsConfig::listen
    std::vector<std::string> bind_except{};  ///< those of them that are left out
    BlockPlace place{};
    std::string root{};  ///< folder of relative paths; empty: the working folder
    std::string view{};  ///< its name; empty: no view
    std::optional<TlsConfig> tls{};
    TimeoutsConfig timeouts{};
    std::optional<std::uint32_t> https_connections_max{};  ///< 0: any number; unset: 200
    /// No query waits longer for an upstream; unset: as long as plugins let it.
    std::optional<std::chrono::milliseconds> cancel{};
    friend bool operator==(const ServerConfig&, const ServerConfig&) = default;
};

/// Changing one of these needs a restart.
struct StartConfig {
    DnsConfig dns;
    ServicesConfig services;
    ApiConfig api;
    RulesConfig rules;
    ConntrackConfig conntrack;
    NodeConfig node;
    AdminConfig admin;
    friend bool operator==(const StartConfig&, const StartConfig&) = default;
};
/// When the file is looked at again, and what is read from it anew where it changed.
struct ReloadConfig {
    std::chrono::milliseconds interval{0};  ///< 0: only when a signal says so
    std::chrono::milliseconds jitter{0};
    friend bool operator==(const ReloadConfig&, const ReloadConfig&) = default;
};
/// These may be swapped while running.
struct RuntimeConfig {
    log::Level log_level = log::Level::info;
    ReloadConfig reload;
    std::chrono::milliseconds lameduck{0};  ///< how long names are answered after SIGTERM
    bool ready_continuously = false;        ///< who was ready once is asked again
    std::vector<ServerConfig> servers;
    friend bool operator==(const RuntimeConfig&, const RuntimeConfig&) = default;
};
struct Config {
    StartConfig start;
    RuntimeConfig runtime;
    friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace nameplane::conf
