#pragma once
// listeners: which addresses and ports the server blocks want, what is spoken there and on which
// terms, and which of them lead to which zones.

#include "chain/builder.hpp"
#include "conf/config.hpp"
#include "server/server.hpp"
#include "services/node_facts.hpp"
#include <nameplane/base/result.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nameplane::agent {

/// What a listener proves to its clients, as its blocks say.
struct TlsWanted {
    conf::TlsConfig config;  ///< its paths are those of the process
    Where where;
};

struct Listeners {
    std::vector<server::ListenAt> addresses;
    chain::Layout layout;
    std::vector<server::Terms> terms;           ///< by listener, without certificates
    std::vector<std::optional<TlsWanted>> tls;  ///< by listener
};

/// `path` as the block means it.
std::string path_of(const conf::ServerConfig& server, const std::string& path);

/// What `tls` of the block says (it has one), with paths of the process.
conf::TlsConfig tls_of(const conf::ServerConfig& server);

/// `interfaces`: the addresses of this machine, for blocks that name interfaces. `running`: what is
/// bound already, whose order stays; with it, another set of addresses is an error, since binding
/// needs a restart.
Result<Listeners> listeners_of(const conf::DnsConfig& dns,
                               const std::vector<conf::ServerConfig>& servers,
                               std::span<const services::NodeFacts::Interface> interfaces,
                               const std::vector<server::ListenAt>* running = nullptr);

/// What no machine could serve: blocks that want several schemes or certificates at one address. An
/// interface that this machine does not have is passed over, since it may be meant for another one.
Status try_listeners(const conf::DnsConfig& dns, const std::vector<conf::ServerConfig>& servers,
                     std::span<const services::NodeFacts::Interface> interfaces);

}  // namespace nameplane::agent
