#pragma once
// listeners: which addresses and ports the server blocks want, and which of them lead to which
// zones.

#include "chain/builder.hpp"
#include "conf/config.hpp"
#include "services/node_facts.hpp"
#include <nameplane/base/result.hpp>

#include <span>
#include <vector>

namespace nameplane::agent {

struct Listeners {
    std::vector<SocketAddress> addresses;
    chain::Layout layout;
};

/// `interfaces`: the addresses of this machine, for blocks that name interfaces. `running`: what is
/// bound already, whose order stays; with it, another set of addresses is an error, since binding
/// needs a restart.
Result<Listeners> listeners_of(const conf::DnsConfig& dns,
                               const std::vector<conf::ServerConfig>& servers,
                               std::span<const services::NodeFacts::Interface> interfaces,
                               const std::vector<SocketAddress>* running = nullptr);

}  // namespace nameplane::agent
