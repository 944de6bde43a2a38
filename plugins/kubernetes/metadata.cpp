// hot path
// What others may ask about a query: the parts of its name, and whose pod it comes from.

#include "plugins/kubernetes/kubernetes.hpp"
#include "plugins/kubernetes/request.hpp"

namespace nameplane::plugins {

namespace {

using kubernetes::Request;
using kubernetes::Shape;

/// "corp.example.com" of the labels of a topology zone; empty if the arena is full.
std::string_view joined(std::string_view labels, Arena& arena) noexcept {
    if (labels.empty()) return {};
    const std::span<char> text = arena.array<char>(labels.size());
    if (text.empty()) return {};
    for (std::size_t at = 0; at < labels.size();) {
        const auto length = static_cast<std::uint8_t>(labels[at]);
        labels.copy(text.data() + at, length, at + 1);
        at += length + 1U;
        text[at - 1] = '.';
    }
    return {text.data(), labels.size() - 1};
}

std::string_view kind_of(const Request& request) noexcept {
    if (request.ns.empty()) return {};
    return request.shape == Shape::pod || request.below_pod ? "pod" : "svc";
}

/// Whether the name is one that CoreDNS takes for its grammar's.
bool is_request(const Request& request) noexcept {
    return request.shape == Shape::apex || !request.ns.empty() || request.shape == Shape::fixed;
}

}  // namespace

std::optional<std::string_view> Kubernetes::client_metadata(Query& query,
                                                            std::string_view label) const noexcept {
    constexpr std::string_view of_label = "label/";
    if (settings_.pods != kubernetes::PodMode::verified) return std::nullopt;
    const IpAddress& client = query.client().address;
    const services::ServiceView& services = query.services();
    const std::string_view ns = services.namespace_of_pod(client, settings_.selected);
    if (ns.empty()) return std::nullopt;
    if (label == "namespace") return ns;
    if (label == "pod-name") return services.name_of_pod(client, settings_.selected);
    if (!label.starts_with(of_label)) return std::nullopt;
    return services.label_of_pod(client, label.substr(of_label.size()), settings_.selected);
}

std::optional<std::string_view> Kubernetes::metadata(Query& query,
                                                     std::string_view label) const noexcept {
    constexpr std::string_view ours = "kubernetes/";
    constexpr std::string_view of_client = "client-";
    if (!label.starts_with(ours)) return std::nullopt;
    label.remove_prefix(ours.size());
    if (label.starts_with(of_client)) {
        return client_metadata(query, label.substr(of_client.size()));
    }
    const kubernetes::Zone* const zone = settings_.zone_of(query.name());
    if (zone == nullptr) return std::nullopt;
    const Request request = kubernetes::parse_request(
        query.name(), zone->name, {.multicluster = zone->multicluster, .zonal = settings_.zonal});
    if (!is_request(request) || request.shape == Shape::invalid) {
        if (label == "parse-error") return "invalid query name";
        return std::nullopt;
    }
    if (label == "port-name") return request.port;
    if (label == "protocol") return request.protocol;
    if (label == "endpoint") return request.endpoint;
    if (label == "cluster" && zone->multicluster) return request.cluster;
    if (label == "zone" && settings_.zonal) return joined(request.topology, query.arena());
    if (label == "service") return request.service;
    if (label == "namespace") return request.ns;
    if (label == "kind") return kind_of(request);
    return std::nullopt;
}

}  // namespace nameplane::plugins
