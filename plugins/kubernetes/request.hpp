#pragma once
// Request: what a name below a cluster zone asks for, by its shape alone. Nothing is looked up
// here: parse_request() is a pure function, and its table of shapes is the grammar of the cluster's
// names.
//
//     ns.svc            ns.pod               a namespace
//     svc.ns.svc        1-2-3-4.ns.pod       a Service; a pod by its address
//     host.svc.ns.svc                        an endpoint of a Service
//     _port._proto.svc.ns.svc                a port of a Service (underscores may be missing)
//     host.cluster.svc.ns.svc                in a zone of several clusters, without underscores: an
//                                            endpoint of a ServiceImport
//     zone.pin._zone.svc.ns.svc              the endpoints of one topology zone, whose name may be
//                                            several labels; with prefer, all if it has none
//     "", svc, pod, dns, ns.dns, dns-version the fixed names

#include <nameplane/dns/name.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nameplane::plugins::kubernetes {

enum class Shape : std::uint8_t {
    invalid,      ///< no name of this grammar
    apex,         ///< the zone itself
    fixed,        ///< "svc", "pod" or "dns": exists and holds nothing
    name_server,  ///< "ns.dns"
    version,      ///< "dns-version"
    name_space,   ///< ns.svc or ns.pod
    service,      ///< svc.ns.svc
    endpoint,     ///< host.svc.ns.svc
    port,         ///< _port._proto.svc.ns.svc
    zonal,        ///< zone.pin._zone.svc.ns.svc, or prefer
    pod,          ///< 1-2-3-4.ns.pod, and one or two labels in front, which count for nothing
};

/// The labels are views into the name that was parsed.
struct Request {
    Shape shape = Shape::invalid;
    bool below_pod = false;       ///< name_space only: ns.pod and not ns.svc
    std::uint8_t service_at = 0;  ///< octets in front of the label `service`
    std::string_view ns;
    std::string_view service;   ///< for a pod: the label with its address
    std::string_view endpoint;  ///< endpoint only
    std::string_view cluster;   ///< endpoint, in a zone of several clusters; may be empty
    std::string_view topology;  ///< zonal only: the labels of the zone as in a name on the wire
    bool prefer = false;        ///< zonal only
    std::string_view port;      ///< without its underscore; empty: any port
    std::string_view protocol;  ///< likewise
};

/// What the grammar depends on.
struct Grammar {
    bool multicluster = false;
    bool zonal = false;
};

/// `name` is in lower case and `zone` or below it.
Request parse_request(dns::NameView name, dns::NameView zone, Grammar grammar = {}) noexcept;

}  // namespace nameplane::plugins::kubernetes
