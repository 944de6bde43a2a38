#pragma once
// Event: one change of one object, or the bounds of a whole list. What a source (manifests, the
// API) says to the store, in order, on the control thread.

#include "services/model.hpp"

#include <variant>

namespace nameplane::services {

/// A list of `kind` begins: what is not put before its EndList is gone.
struct BeginList {
    Kind kind;
};
/// The list is complete: objects of `kind` that it did not name are removed. The first EndList of
/// a kind also marks that kind as synced.
struct EndList {
    Kind kind;
};
struct Remove {
    Kind kind;
    ObjectKey key;
};
/// A source cannot read this object, but it is there: what is known of it stays, also at the end of
/// a list.
struct Keep {
    Kind kind;
    ObjectKey key;
};
/// Put an object: new, changed or the same as before.
using Event = std::variant<BeginList, EndList, Remove, Keep, Service, EndpointSlice, Pod, Node,
                           Namespace, ServiceImport, ServiceCidr>;

}  // namespace nameplane::services
