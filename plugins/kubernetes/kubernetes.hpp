#pragma once
// kubernetes: the names of a cluster, from the service cache: Kubernetes' DNS specification 1.1 and
// CoreDNS' choices where it is silent. README.md says what is answered and where it differs.
//
//     request     name -> shape                        pure
//     locate      shape -> what it stands for          one look-up in the snapshot
//     answer      what it stands for, type -> records  views only

#include "plugins/kubernetes/outcome.hpp"
#include "plugins/kubernetes/settings.hpp"
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace nameplane::plugins {

/// Answers names in its zones, authoritatively. Names that do not exist go on to the next plugin
/// where `fallthrough` says so.
class Kubernetes final : public Plugin {
public:
    static constexpr std::array options{
        Option{"zones", Zones{}, "zones to answer for; unset: those of the server block"},
        Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL of all answers"},
        Option{"pods", OneOf{{"disabled", "insecure", "verified"}, "disabled"},
               "which names of pods by address exist"},
        Option{"namespaces", Words{.from = 1}, "namespaces to speak of; unset: all"},
        Option{"namespace_labels", Words{.from = 1}, "namespaces to speak of, by a label selector"},
        Option{"labels", Words{.from = 1},
               "Services, EndpointSlices and Pods to speak of, by a label selector"},
        Option{"multicluster", Zones{}, "those of the zones that hold ServiceImports"},
        Option{"zonal", Flag{}, "names for the endpoints of one topology zone"},
        Option{"noendpoints", Flag{}, "leave endpoints out: headless Services have no names"},
        Option{"endpoint_pod_names", Flag{},
               "name endpoints without a hostname after their pod instead of their address"},
        Option{"ignore", Words{.from = 0},
               "empty_service: a Service without ready endpoints does not exist"},
        Option{"fallthrough", Zones{}, "zones whose missing names go on to the next plugin"},
        // Where the API server is. The agent takes these into its [api]; nothing here reads them.
        Option{"endpoint", Words{.from = 1}, "URL of the API server; of several the first counts"},
        Option{"tls", Words{.from = 0, .to = 3}, "files: certificate, key, authority"},
        Option{"kubeconfig", Words{.from = 1, .to = 2}, "file, and its context"},
        Option{"startup_timeout", Milliseconds{0, 86'400'000, 5000}, "no effect"},
        Option{"apiserver_qps", Words{.from = 1, .to = 1}, "no effect"},
        Option{"apiserver_burst", Integer{0, 1'000'000'000, 0}, "no effect"},
        Option{"apiserver_max_inflight", Integer{0, 1'000'000'000, 0}, "no effect"}};
    static constexpr Syntax syntax{.positional = {"zones..."}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    /// Puts what the server knows of an ExternalName's target behind its CNAME.
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override;
    std::uint64_t expects(dns::NameView name) const noexcept override;
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override;
    bool search_path(Query& query, SearchPath& path) const noexcept override;
    std::unique_ptr<ZoneRecords> zone_records(Query& query,
                                              dns::NameView name) const noexcept override;
    bool ready() const noexcept override { return synced_(); }

private:
    Kubernetes(kubernetes::Settings settings, const kubernetes::Outcomes& counters,
               std::function<bool()> synced);
    std::optional<std::string_view> client_metadata(Query& query,
                                                    std::string_view label) const noexcept;
    Step refuse_name(const kubernetes::Zone& zone, Query& query, Reply& reply) const noexcept;

    kubernetes::Settings settings_;
    kubernetes::Outcomes counters_;
    std::function<bool()> synced_;
};

}  // namespace nameplane::plugins
