#pragma once
// What `forward` was told, checked and complete.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::plugins::forwarding {

enum class Scheme : std::uint8_t { dns, tls, https };

/// Where queries are sent.
struct Target {
    SocketAddress address;  ///< of a host that is to be looked up: its port only
    Scheme scheme = Scheme::dns;
    std::string host;         ///< as it was named; empty: by its address
    std::string server_name;  ///< whom the peer must prove to be; empty: its address
    std::string path;         ///< of https://
    /// As CoreDNS names it in metrics: "10.0.0.1:53".
    std::string label() const { return address.to_string(); }
    /// Of https://: what a request names as the server.
    std::string authority() const;
    friend bool operator==(const Target&, const Target&) = default;
};

/// However many upstreams are asked meanwhile, a client waits no longer.
inline constexpr std::chrono::milliseconds deadline_max{5'000};

enum class Policy : std::uint8_t { random, round_robin, sequential };

struct Settings {
    using Milliseconds = std::chrono::milliseconds;

    dns::Name from;
    std::vector<dns::Name> except;
    std::vector<Target> targets;
    Policy policy = Policy::random;
    bool force_tcp = false;
    bool prefer_udp = false;
    bool randomize_case = false;
    bool hedge = true;
    Milliseconds expire{10'000};
    Milliseconds max_age{0};   ///< 0: none
    std::size_t max_idle = 0;  ///< 0: no limit
    Milliseconds read_timeout{2'000};
    /// A client waits no longer; `cancel` may have less.
    Milliseconds deadline = deadline_max;
    std::uint32_t max_fails = 2;
    std::uint32_t attempts_max = 0;  ///< 0: no limit
    Milliseconds health_interval{500};
    bool health_recursion = true;
    dns::Name health_name;
    std::int64_t max_concurrent = 0;  ///< 0: no limit
    std::string too_many;             ///< what is said when it is reached
    std::vector<dns::Rcode> next;
    bool next_on_nodata = false;
    std::vector<dns::Rcode> failover;
    bool failfast = false;
    std::optional<IpAddress> source;
    bool doh_get = false;
    /// Whom to ask for the addresses of hosts; none: the system.
    std::vector<SocketAddress> resolvers;
    std::string tls_certificate;
    std::string tls_key;
    std::string tls_authorities;
};

/// In TO. A host among them counts once, and is asked at so many addresses.
inline constexpr std::size_t words_max = 15;
inline constexpr std::size_t addresses_per_host_max = 16;
inline constexpr std::size_t targets_max = words_max * addresses_per_host_max;
static_assert(targets_max <= 256, "an exchange keeps their order in octets");

/// All mistakes at once. Files among the upstreams are read as resolv.conf. Hosts are not looked
/// up.
Result<Settings> read_settings(const Options& given);

/// What knows the addresses of a host; the error says why there are none.
using LookUp = std::function<Result<std::vector<IpAddress>>(const std::string& host)>;
/// Puts an upstream for each address in the place of those that are named by host.
Status look_up_targets(const Options& given, Settings& settings, const LookUp& look_up);

/// One word of TO...: "10.0.0.1", "[2001:db8::1]:5353", "dns://...", "tls://9.9.9.9%dns.quad9.net",
/// "https://dns.example/dns-query"; the error is a sentence. Files are not for this.
Result<Target> parse_target(std::string_view word);
/// The addresses of the `nameserver` lines.
std::vector<SocketAddress> parse_resolv_conf(std::string_view text);

}  // namespace nameplane::plugins::forwarding
