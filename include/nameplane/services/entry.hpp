#pragma once
// ServiceEntry: a Service with its endpoints merged from all its EndpointSlices, in the compact and
// immutable form that the snapshot holds. Names and rules are made from this and nothing else.

#include <nameplane/base/ip.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::services {

struct Service;
struct EndpointPort;
class StoredSlice;

/// One endpoint of a Service: an address behind one set of ports. De-duplicated over slices by
/// (address, hostname, port set), of a ServiceImport also by cluster; where copies differ, one that
/// rules may use wins, then a ready one, a serving one, one that is not terminating.
struct EndpointEntry {
    IpAddress address;
    std::uint8_t ready : 1;
    std::uint8_t serving : 1;
    std::uint8_t terminating : 1;
    std::uint8_t selected : 5;     ///< bits of label selectors that a slice of it matches
    std::uint16_t port_set = 0;    ///< index into ServiceEntry::port_sets
    std::uint32_t hints : 31;      ///< index into ServiceEntry::hints; 0 is "none"
    std::uint32_t names_only : 1;  ///< rules leave it out: its slice says so, or it is a further
                                   ///< address of an endpoint that has several
    /// Node name, interned; never null, maybe empty. Of a ServiceImport's endpoint in its place:
    /// the cluster that it is in.
    const std::string* node = nullptr;
    const std::string* zone = nullptr;  ///< zone, interned; never null, maybe empty
    std::string_view hostname;  ///< empty if it has none; memory belongs to the ServiceEntry
    std::string_view pod_name;  ///< likewise
};

/// Topology hints of an endpoint (discovery.k8s.io/v1 EndpointHints).
struct EndpointHints {
    std::vector<std::string> zones;
    std::vector<std::string> nodes;
    friend bool operator==(const EndpointHints&, const EndpointHints&) = default;
};

/// Immutable once in a snapshot; the same object is shared by all snapshots until the Service or
/// one of its slices changes, so equal pointers mean "unchanged".
struct ServiceEntry {
    std::shared_ptr<const Service> service;  ///< the object, labels and selectors dropped
    /// Distinct port lists of the slices, each sorted by name, protocol, number.
    std::vector<std::vector<EndpointPort>> port_sets;
    std::vector<EndpointHints> hints;  ///< [0] is empty
    /// Sorted by address, then hostname, then port set.
    std::vector<EndpointEntry> endpoints;
    /// Newest last-change-trigger-time of its slices, Unix nanoseconds; 0: none.
    std::int64_t change_trigger_ns = 0;
    /// What it was merged from; owns what node, zone, hostname and pod_name point to.
    std::vector<std::shared_ptr<const StoredSlice>> slices;

    ServiceEntry();
    ~ServiceEntry();
    ServiceEntry(const ServiceEntry&) = delete;
    ServiceEntry& operator=(const ServiceEntry&) = delete;
};

}  // namespace nameplane::services
