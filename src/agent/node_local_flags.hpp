#pragma once
// node_local_flags: the flags of node-cache (NodeLocal DNSCache), as it reads them. -localip is
// what tells them from those of the other roles: without it they mean nothing.

#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::agent {

/// What the flags say, with node-cache's defaults.
struct NodeLocal {
    std::vector<IpAddress> addresses;  ///< -localip; at least one
    bool setup_interface = true;
    std::string interface_name = "nodelocaldns";
    bool setup_iptables = true;
    bool skip_teardown = false;
    bool reload_with_signal = false;
    std::chrono::seconds sync_interval{60};
    SocketAddress metrics_listen;  ///< 0.0.0.0:9353
    std::string prometheus_listen = ":9253";
    std::uint16_t health_port = 8080;
    std::string base_corefile = "/etc/coredns/Corefile.base";
    std::string corefile = "/etc/Corefile";  ///< only without -conf
    std::string kube_dns_folder;             ///< empty: /etc/kube-dns if there is one
    std::string upstream_service = "kube-dns";
};

/// The role if there is a -localip, and the arguments that are not node-cache's own.
struct NodeLocalArguments {
    std::optional<NodeLocal> role;
    std::vector<std::string> rest;
};
/// Without a -localip nothing is taken. Errors name the flag: "-localip: 'x', expected ...".
Result<NodeLocalArguments> take_node_local_flags(const std::vector<std::string>& arguments);

}  // namespace nameplane::agent
