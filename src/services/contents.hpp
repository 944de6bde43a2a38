#pragma once
// Contents: everything a store held at one moment, shared with the store. Cheap to take on the
// control thread and safe to read on another, which is how the last state gets on disk.

#include "services/event.hpp"
#include "services/stored_slice.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace nameplane::services {

/// Immutable once taken. Let it go on the store's thread, where what it shares is to be freed.
struct Contents {
    struct Slice {
        ObjectKey key;
        std::string service;
        std::shared_ptr<const StoredSlice> stored;  ///< nullptr: it belongs to an import only
        std::string import;
        /// The same with clusters in the place of nodes; nullptr: it belongs to no import.
        std::shared_ptr<const StoredSlice> of_import;
        /// Fills all of `slice`.
        void unpack(EndpointSlice& slice) const;
    };
    /// Kinds that have been listed as a whole.
    std::vector<Kind> lists;
    std::vector<std::shared_ptr<const Service>> services;
    std::vector<Slice> slices;
    std::vector<std::shared_ptr<const Service>> imports;
    std::vector<std::shared_ptr<const Node>> nodes;
    std::vector<Pod> pods;
    std::vector<Namespace> namespaces;
    std::vector<std::shared_ptr<const ServiceCidr>> service_cidrs;

    bool has(Kind kind) const noexcept { return std::ranges::find(lists, kind) != lists.end(); }
    /// Calls `visit` with what a source would say to bring an empty store here: BeginList, objects
    /// and EndList of each kind that was listed. Slices are unpacked one by one; what `visit` gets
    /// is valid until it returns.
    template <class Visit> void for_each(Visit visit) const {
        for (const Kind kind : lists) {
            visit(BeginList{kind});
            for_each_of(kind, visit);
            visit(EndList{kind});
        }
    }

private:
    template <class Visit> void for_each_of(Kind kind, Visit& visit) const {
        switch (kind) {
        case Kind::service:
            for (const auto& service : services) visit(*service);
            break;
        case Kind::endpoint_slice: {
            EndpointSlice unpacked;
            for (const Slice& slice : slices) {
                slice.unpack(unpacked);
                visit(static_cast<const EndpointSlice&>(unpacked));
            }
            break;
        }
        case Kind::pod:
            for (const Pod& pod : pods) visit(pod);
            break;
        case Kind::node:
            for (const auto& node : nodes) visit(*node);
            break;
        case Kind::namespace_:
            for (const Namespace& ns : namespaces) visit(ns);
            break;
        case Kind::service_import:
            for (const auto& import : imports) {
                visit(ServiceImport{.key = import->key,
                                    .headless = import->headless,
                                    .ips = import->cluster_ips,
                                    .ports = import->ports});
            }
            break;
        case Kind::service_cidr:
            for (const auto& cidr : service_cidrs) visit(*cidr);
            break;
        }
    }
};

}  // namespace nameplane::services
