#pragma once
// What the store accepts. The API server keeps the same or smaller limits, so only a manifest or a
// broken peer meets them; the compact form relies on them.

#include "services/model.hpp"
#include <nameplane/base/result.hpp>

#include <cstddef>

namespace nameplane::services {

/// Octets of any name: of objects, hosts, pods, nodes, zones, ports (RFC 1123 subdomain).
inline constexpr std::size_t name_octets_max = 253;
/// Endpoints in one EndpointSlice (discovery.k8s.io/v1 validation).
inline constexpr std::size_t endpoints_per_slice_max = 1000;
/// Addresses of one endpoint (discovery.k8s.io/v1 validation).
inline constexpr std::size_t addresses_per_endpoint_max = 100;
/// Ports of one EndpointSlice (discovery.k8s.io/v1 validation).
inline constexpr std::size_t ports_per_slice_max = 20'000;
/// EndpointSlices of one Service; ServiceEntry counts port sets in 16 bits.
inline constexpr std::size_t slices_per_service_max = 10'000;

/// The error for an object that breaks a limit, which begins with its kind, namespace and name.
Status check_limits(const Service& service);
Status check_limits(const EndpointSlice& slice);
Status check_limits(const Pod& pod);
Status check_limits(const Node& node);
Status check_limits(const Namespace& ns);
Status check_limits(const ServiceImport& import);
Status check_limits(const ServiceCidr& cidr);

/// "kind ns/name: what", code invalid; long names are cut.
Error refusal(Kind kind, const ObjectKey& key, std::string_view what);

}  // namespace nameplane::services
