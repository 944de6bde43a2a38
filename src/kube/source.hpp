#pragma once
// Source: one object as it stands in a file, before completion.

#include "services/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nameplane::kube {

struct ObjectId {
    services::Kind kind = services::Kind::service;
    services::ObjectKey key;
    friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};
/// "Service demo/web", "Node node-1".
std::string to_string(const ObjectId& id);

enum class FamilyPolicy : std::uint8_t { unset, single, prefer_dual, require_dual };

/// A Service with what only completion reads, and where it stands, for messages on clashes.
struct ServiceSource {
    services::Service service;
    FamilyPolicy family_policy = FamilyPolicy::unset;
    bool allocate_node_ports = true;
    std::string file;
    std::uint32_t line = 0;
    /// "file:line".
    std::string place() const { return file + ':' + std::to_string(line); }
};

/// A Pod; `assumed_ready` says that it has an address and no conditions, which counts as ready.
struct PodSource {
    services::Pod pod;
    bool assumed_ready = false;
};

using Source = std::variant<ServiceSource, services::EndpointSlice, PodSource, services::Node,
                            services::Namespace, services::ServiceImport, services::ServiceCidr>;
ObjectId id_of(const Source& source);

/// What a file (or a document) says.
struct Decoded {
    std::vector<Source> objects;
    /// Lines of the objects above, in the same order.
    std::vector<std::uint32_t> lines;
    /// Objects that are wrong but can be recognised.
    std::vector<ObjectId> broken;
    /// Whether something is wrong that cannot be told apart: it might have been any object.
    bool unknown_broken = false;
    std::vector<std::string> problems;  ///< "file:line: what, expected what"
};

}  // namespace nameplane::kube
