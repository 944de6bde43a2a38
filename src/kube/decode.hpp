#pragma once
// decode: documents and answers of the API to sources. Strict about types; unknown fields, and
// kinds that we do not read, are skipped.

#include "kube/fields.hpp"
#include "kube/source.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace nameplane::kube {

/// Limits of what one object, and one file, may hold, besides FieldLimits.
inline constexpr std::size_t containers_max = 100;     ///< of a Pod
inline constexpr std::size_t objects_max = 2'000'000;  ///< of a file

/// Decodes a file's text, named `file` in messages. JSON if `json`, else YAML documents.
Decoded decode_text(std::string_view text, std::string_view file, bool json);

// One object each, of a file or of the API (V is Value or JsonValue); what is wrong goes to `read`.
// `root` is the object, `key` its checked name.
template <class V>
ServiceSource decode_service(BasicFieldReader<V>& read, const BasicField<V>& root,
                             services::ObjectKey key);
/// Nothing for slices of names (addressType FQDN), which we do not read.
template <class V>
std::optional<services::EndpointSlice>
decode_slice(BasicFieldReader<V>& read, const BasicField<V>& root, services::ObjectKey key);
template <class V>
PodSource decode_pod(BasicFieldReader<V>& read, const BasicField<V>& root, services::ObjectKey key);
template <class V>
services::Node decode_node(BasicFieldReader<V>& read, const BasicField<V>& root,
                           services::ObjectKey key);
template <class V>
services::Namespace decode_namespace(BasicFieldReader<V>& read, const BasicField<V>& root,
                                     services::ObjectKey key);
template <class V>
services::ServiceImport decode_import(BasicFieldReader<V>& read, const BasicField<V>& root,
                                      services::ObjectKey key);
template <class V>
services::ServiceCidr decode_service_cidr(BasicFieldReader<V>& read, const BasicField<V>& root,
                                          services::ObjectKey key);

}  // namespace nameplane::kube
