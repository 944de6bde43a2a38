#pragma once
// locate: what a name stands for in the service cache. It decides whether a name exists, for all
// types alike; which records it has is the business of answer.hpp.

#include "plugins/kubernetes/request.hpp"
#include "plugins/kubernetes/settings.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/services/entry.hpp>
#include <nameplane/services/head.hpp>
#include <nameplane/services/view.hpp>

#include <cstdint>

namespace nameplane::plugins::kubernetes {

enum class Kind : std::uint8_t {
    name_error,         ///< no such name
    nothing,            ///< the name exists and holds no record
    apex,               ///< a zone of ours
    name_server,        ///< ns.dns.<zone>
    version,            ///< dns-version.<zone>
    cluster_ip,         ///< a Service with an address of its own, or a port of it
    endpoints,          ///< endpoints of a Service, those that the request means
    external_name,      ///< a Service that stands for another name
    pod,                ///< a pod by its address
    reverse_service,    ///< the address of a Service
    reverse_endpoints,  ///< the address of ready endpoints
    elsewhere,          ///< perhaps of a headless Service, which others answer for
};

struct Found {
    Kind kind = Kind::name_error;
    Request request;
    const services::ServiceEntry* entry = nullptr;  ///< the Service, where there is one
    const services::ServiceHead* head = nullptr;    ///< of a Service found by its name
    IpAddress address;                              ///< pod and reverse names
};

/// `name` is in lower case and lies in `zone`. No allocation.
Found locate(const Settings& settings, const Zone& zone, dns::NameView name,
             const services::ServiceView& services) noexcept;

}  // namespace nameplane::plugins::kubernetes
