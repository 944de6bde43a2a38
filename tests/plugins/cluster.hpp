#pragma once
// The cluster that the plugin's tests ask about, built through the real store, and the plugin with
// its options.

#include "services/event.hpp"
#include "services/store.hpp"
#include "support/dns_case.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/plugin.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::test {

/// A clock that stands still at Unix second 1502989566.
class StoppedClock final : public Clock {
public:
    Monotonic now() const noexcept override { return {}; }
    WallTime wall() const noexcept override { return WallTime{std::chrono::seconds{1502989566}}; }
};

/// Puts objects into a store.
class Cluster {
public:
    explicit Cluster(services::StoreOptions options = {.keep_pods = true});

    Cluster& ns(std::string name);
    Cluster& put(services::Event event);
    /// Ends the lists of all kinds: the store counts as synced.
    Cluster& synced();
    /// The same without that of ServiceImports.
    Cluster& synced_without_imports();
    std::shared_ptr<const services::Snapshot> snapshot() { return store_->snapshot(); }

private:
    StoppedClock clock_;
    std::unique_ptr<services::Store> store_;
};

/// "http/tcp/80", "/udp/53" for a port without a name, "x/tcp/0" for one without a number.
services::ServicePort service_port(std::string_view text);
services::EndpointPort endpoint_port(std::string_view text);

/// `key` is "namespace/name"; `ips` are clusterIPs, or "None" for a headless Service.
services::Service service(std::string_view key, const std::vector<std::string>& ips,
                          const std::vector<std::string>& ports = {});
services::Service external_name(std::string_view key, std::string target);

/// `text` is "address", "address=hostname", "address~pod" or "address=hostname~pod", with a '!' in
/// front if it is not ready.
services::Endpoint endpoint(std::string_view text);
/// A slice of the Service `key`, with `suffix` behind its name.
services::EndpointSlice slice(std::string_view key, std::string_view suffix,
                              const std::vector<std::string>& endpoints,
                              const std::vector<std::string>& ports);
services::Pod pod(std::string_view key, const std::vector<std::string>& ips);

/// The cluster that all tables ask about.
std::shared_ptr<const services::Snapshot> example_cluster();

/// What the plugin is made from.
struct PluginOptions {
    std::vector<std::string> zones{"cluster.local."};
    std::vector<std::string> own_addresses{};
    bool synced = true;
    bool headless_elsewhere = false;
    std::vector<std::pair<std::string, Options::Value>> values{};
};
Result<PluginPtr> make_kubernetes(const PluginOptions& given);

/// The plugin over the example cluster.
class Example {
public:
    explicit Example(const PluginOptions& given = {});
    Example(const PluginOptions& given, std::shared_ptr<const services::Snapshot> snapshot);
    const Asker& asker() const { return *asker_; }
    const Plugin& plugin() const { return *plugin_; }
    void check(const std::vector<DnsCase>& rows) const;

private:
    PluginPtr plugin_;
    std::unique_ptr<Asker> asker_;
};

/// Expected answers. `zone` is that of the SOA.
Expected records(Lines answers, Lines additionals = {});
Expected nodata(std::string zone = "cluster.local.");
Expected nxdomain(std::string zone = "cluster.local.");
Expected next();
std::string soa(const std::string& zone, unsigned ttl = 5);

/// The tables; each row holds for the example cluster and the options beside it.
std::vector<DnsCase> cluster_ip_cases();
std::vector<DnsCase> cluster_ip_srv_cases();
std::vector<DnsCase> headless_cases();
std::vector<DnsCase> headless_srv_cases();
std::vector<DnsCase> external_name_cases();
std::vector<DnsCase> shape_cases();
std::vector<DnsCase> pods_disabled_cases();
std::vector<DnsCase> pods_insecure_cases();
std::vector<DnsCase> pods_verified_cases();
std::vector<DnsCase> reverse_cases();
std::vector<DnsCase> apex_cases();
std::vector<DnsCase> case_cases();

}  // namespace nameplane::test
