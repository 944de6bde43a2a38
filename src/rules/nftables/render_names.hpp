#pragma once
// The names of chains and the keys that renderer, text and kernel share. Private to rules/nftables
// and its tests. Names that kube-proxy's table has, too, mean the same there.

#include "rules/nftables/rule.hpp"

namespace nameplane::rules::nftables {

/// Service address, protocol, port.
inline constexpr Key service_key{{Field::destination, Field::protocol, Field::port}, 3, 0};
inline constexpr Key node_port_key{{Field::protocol, Field::port}, 2, 0};
constexpr Key service_slot_key(std::uint32_t slots) {
    return {{Field::destination, Field::protocol, Field::port, Field::slot}, 4, slots};
}
constexpr Key node_port_slot_key(std::uint32_t slots) {
    return {{Field::protocol, Field::port, Field::slot}, 3, slots};
}

/// Client, Service port, protocol. The protocol goes without saying, but that nft wants to be told
/// one before it rewrites ports.
inline constexpr Key client_key{{Field::source, Field::affinity, Field::protocol}, 3, 0};

namespace chain {
inline constexpr std::string_view services = "services";
inline constexpr std::string_view external = "external";
inline constexpr std::string_view external_local = "external-local";
inline constexpr std::string_view all_endpoints = "all-endpoints";
inline constexpr std::string_view refuse = "reject-chain";
inline constexpr std::string_view firewall = "firewall-check";
inline constexpr std::string_view loopback = "loopback-check";
inline constexpr std::string_view service_endpoints_check = "service-endpoints-check";
inline constexpr std::string_view node_port_endpoints_check = "nodeport-endpoints-check";
inline constexpr std::string_view cluster_ips_check = "cluster-ips-check";
}  // namespace chain

}  // namespace nameplane::rules::nftables
