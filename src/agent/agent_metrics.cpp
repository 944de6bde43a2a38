#include "agent/agent_metrics.hpp"

#include <string>
#include <utility>

namespace nameplane::agent {

namespace {

metrics::Labels result_is(std::string value) {
    return {{"result", std::move(value)}};
}

}  // namespace

AgentMetrics::AgentMetrics(metrics::Registry& all)
    : services{all.gauge("nameplane_services", "Services in the newest snapshot.")},
      endpoints{all.gauge("nameplane_endpoints", "Endpoints in the newest snapshot.")},
      version{all.gauge("nameplane_snapshot_version", "Number of the newest snapshot.")},
      published{all.gauge("nameplane_snapshot_published_version",
                          "Number of the snapshot that names are answered from.")},
      overtaken{all.counter("nameplane_names_overtaken_total",
                            "Snapshots whose names were published before their rules.")},
      refused{all.counter("nameplane_objects_refused_total",
                          "Objects that the service cache refused.")},
      reloads_done{all.counter("nameplane_reloads_total", "Reloads of the configuration.",
                               result_is("done"))},
      reloads_refused{all.counter("nameplane_reloads_total", "Reloads of the configuration.",
                                  result_is("refused"))},
      reloads_failed{all.counter("coredns_reload_failed_total",
                                 "Counts the number of failed reload attempts.")} {
    all.gauge("nameplane_build_info", "Always 1; the labels say what was built.",
              {{"version", NAMEPLANE_VERSION}})
        .set(1);
    // Dashboards for CoreDNS ask for these two.
    all.gauge("coredns_build_info", "Always 1; the labels say what was built.",
              {{"version", NAMEPLANE_VERSION}, {"revision", ""}, {"goversion", ""}})
        .set(1);
    all.counter("coredns_panics_total", "Always 0: nothing panics here.");
}

}  // namespace nameplane::agent
