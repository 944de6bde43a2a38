#include "server/oddities.hpp"

namespace nameplane::server {

namespace {

metrics::Counter& dropped(metrics::Registry& metrics, const char* reason) {
    return metrics.counter("nameplane_dns_dropped_total", "Messages that nothing was sent for.",
                           {{"reason", reason}});
}

metrics::Counter& malformed_by(metrics::Registry& metrics, const char* reason) {
    return metrics.counter("nameplane_dns_malformed_total",
                           "Messages that are no proper query, answered with an error.",
                           {{"reason", reason}});
}

metrics::Counter& closed(metrics::Registry& metrics, const char* reason) {
    return metrics.counter("nameplane_dns_tcp_closed_total", "TCP connections that we closed.",
                           {{"reason", reason}});
}

}  // namespace

Oddities::Oddities(metrics::Registry& metrics)
    : too_short{dropped(metrics, "too_short")}, response{dropped(metrics, "response")},
      cut_off{dropped(metrics, "cut_off")}, by_plugin{dropped(metrics, "by_plugin")},
      unencodable{dropped(metrics, "unencodable")}, send_failed{dropped(metrics, "send_failed")},
      overflowed{dropped(metrics, "overflowed")},
      waiting_full{metrics.counter("nameplane_dns_waiting_rejects_total",
                                   "Queries that had to wait when too many waited already.")},
      malformed{malformed_by(metrics, "malformed")}, no_question{malformed_by(metrics,
                                                                              "no_question")},
      opcode{malformed_by(metrics, "opcode")}, edns_version{malformed_by(metrics, "edns_version")},
      tcp_accepted{metrics.counter("nameplane_dns_tcp_connections_total",
                                   "TCP connections that were accepted.")},
      tcp_idle{closed(metrics, "idle")}, tcp_evicted{closed(metrics, "evicted")},
      tcp_refused{closed(metrics, "refused")}, tcp_untaken{closed(metrics, "untaken")} {}

}  // namespace nameplane::server
