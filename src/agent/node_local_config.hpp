#pragma once
// node_local_config: the Corefile of the NodeLocal role, made from its template as node-cache makes
// it: addresses, upstreams, and what the kube-dns ConfigMap says of stub domains.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::agent {

/// What the kube-dns ConfigMap says: the files stubDomains and upstreamNameservers of a folder,
/// both JSON. A file that is not there says nothing.
struct KubeDnsConfig {
    std::vector<std::pair<std::string, std::vector<std::string>>> stub_domains;
    std::vector<std::string> upstream_servers;
    friend bool operator==(const KubeDnsConfig&, const KubeDnsConfig&) = default;
};
/// From the texts of the two files; empty text: no file.
Result<KubeDnsConfig> parse_kube_dns(std::string_view stub_domains,
                                     std::string_view upstream_servers);
Result<KubeDnsConfig> read_kube_dns(const std::string& folder);

/// What stands in for the template's words.
struct TemplateValues {
    std::vector<IpAddress> addresses;
    std::uint16_t dns_port = 53;
    std::string cluster_dns;  ///< empty: not known
    std::string prometheus_listen;
    KubeDnsConfig kube_dns;
};
/// The template with its words replaced, and a block for each stub domain. Errc::not_found when it
/// asks for the cluster DNS and that is not known.
Result<std::string> fill_template(std::string text, const TemplateValues& values);

/// "KUBE_DNS_UPSTREAM_SERVICE_HOST" for "kube-dns-upstream".
std::string service_variable(std::string_view service);

}  // namespace nameplane::agent
