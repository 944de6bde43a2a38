#pragma once
// decode: documents to sources. Strict about types; unknown fields, and kinds that we do not read,
// are skipped.

#include "kube/fields.hpp"
#include "kube/source.hpp"

#include <cstdint>
#include <string_view>

namespace nameplane::kube {

/// Limits of what one object, and one file, may hold.
inline constexpr std::size_t ports_max = 100;          ///< of a Service, slice or container
inline constexpr std::size_t endpoints_max = 1000;     ///< of a hand-written EndpointSlice
inline constexpr std::size_t addresses_max = 100;      ///< of a Service or Node, and of lists alike
inline constexpr std::size_t containers_max = 100;     ///< of a Pod
inline constexpr std::size_t objects_max = 2'000'000;  ///< of a file

/// Decodes a file's text, named `file` in messages. JSON if `json`, else YAML documents.
Decoded decode_text(std::string_view text, std::string_view file, bool json);

// One object each; what is wrong goes to `read`. `root` is the object, `key` its checked name.
ServiceSource decode_service(FieldReader& read, const Field& root, services::ObjectKey key);
/// Nothing for slices of names (addressType FQDN), which we do not read.
std::optional<services::EndpointSlice> decode_slice(FieldReader& read, const Field& root,
                                                    services::ObjectKey key);
PodSource decode_pod(FieldReader& read, const Field& root, services::ObjectKey key);
services::Node decode_node(FieldReader& read, const Field& root, services::ObjectKey key);
services::Namespace decode_namespace(FieldReader& read, const Field& root, services::ObjectKey key);

}  // namespace nameplane::kube
