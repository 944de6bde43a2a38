#include "plugins/forward/shared.hpp"

#include <nameplane/dns/types.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace nameplane::plugins::forwarding {

namespace {

constexpr std::array<const char*, protos_count> protos{"udp", "tcp", "tcp-tls", "https"};
constexpr std::array rcodes{dns::Rcode::no_error,  dns::Rcode::form_err, dns::Rcode::serv_fail,
                            dns::Rcode::nx_domain, dns::Rcode::not_imp,  dns::Rcode::refused,
                            dns::Rcode::not_auth,  dns::Rcode::not_zone, dns::Rcode::bad_vers,
                            dns::Rcode::bad_cookie};

/// All workers together stay below what a socket has room for.
std::uint32_t window_for(std::size_t workers) {
    constexpr std::size_t all = 192;
    constexpr std::size_t least = 8;
    return static_cast<std::uint32_t>(std::max(all / std::max<std::size_t>(workers, 1), least));
}

std::vector<double> time_bounds() {
    std::vector<double> bounds;
    for (double seconds = 0.00025; bounds.size() < 16; seconds *= 2) bounds.push_back(seconds);
    return bounds;
}

metrics::Counter& events(metrics::Registry& metrics, const char* event) {
    return metrics.counter("nameplane_forward_events_total",
                           "What happened to questions on their way to upstreams.",
                           {{"event", event}});
}

void make_metrics(Upstream& upstream, const std::string& to, metrics::Registry& metrics) {
    const auto with = [&to](const char* key, const std::string& value) {
        return metrics::Labels{{"proxy_name", "forward"}, {"to", to}, {key, value}};
    };
    const auto duration = [&](const std::string& rcode) {
        return &metrics.histogram("coredns_proxy_request_duration_seconds",
                                  "Histogram of the time each request took.", time_bounds(),
                                  with("rcode", rcode));
    };
    for (std::size_t i = 0; i < rcodes.size(); ++i) {
        upstream.durations[i] = duration(dns::to_string(rcodes[i]));
    }
    upstream.durations.back() = duration("other");
    upstream.check_failures = &metrics.counter("coredns_proxy_healthcheck_failures_total",
                                               "Counter of the number of failed healthchecks.",
                                               {{"proxy_name", "forward"}, {"to", to}});
    for (std::size_t i = 0; i < protos.size(); ++i) {
        upstream.hits[i] =
            &metrics.counter("coredns_proxy_conn_cache_hits_total",
                             "Counter of connection cache hits per upstream and protocol.",
                             with("proto", protos[i]));
        upstream.misses[i] =
            &metrics.counter("coredns_proxy_conn_cache_misses_total",
                             "Counter of connection cache misses per upstream and protocol.",
                             with("proto", protos[i]));
    }
}

}  // namespace

Shared::Shared(Settings wanted, std::size_t workers, metrics::Registry& metrics, TlsClients clients,
               const Clock* given_clock)
    : settings{std::move(wanted)}, window{window_for(workers)}, clock{given_clock == nullptr
                                                                          ? system_clock
                                                                          : *given_clock},
      tls{std::move(clients.tls)}, https{std::move(clients.https)},
      upstreams(settings.targets.size()),
      broken{metrics.counter("coredns_forward_healthcheck_broken_total",
                             "Counter of the number of complete failures of the healthchecks.")},
      rejected{metrics.counter("coredns_forward_max_concurrent_rejects_total",
                               "Counter of the number of queries rejected because the concurrent "
                               "queries were at maximum.")},
      full{events(metrics, "full")}, joined{events(metrics, "joined")},
      hedged{events(metrics, "hedged")}, strays{events(metrics, "stray")} {
    for (std::size_t i = 0; i < upstreams.size(); ++i) {
        make_metrics(upstreams[i], settings.targets[i].label(), metrics);
    }
}

metrics::Histogram& Shared::duration(std::size_t target, dns::Rcode rcode) noexcept {
    const auto& durations = upstreams[target].durations;
    for (std::size_t i = 0; i < rcodes.size(); ++i) {
        if (rcodes[i] == rcode) return *durations[i];
    }
    return *durations.back();
}

}  // namespace nameplane::plugins::forwarding
