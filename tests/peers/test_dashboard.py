"""Dashboards and alerts for CoreDNS go on working: every metric they name is on our page, and so is
every one that CoreDNS itself has with the same Corefile after the same questions."""

import pathlib
import re
import tempfile

import peer_test  # finds the folders of the others
import asking
import servers
import upstream
from wire import Edns, Question, TYPES, labels

# Named by Grafana's dashboard 14981, by the mixin for Prometheus (dashboard and alerts), or both.
DASHBOARDS = {
    "coredns_build_info", "coredns_cache_entries", "coredns_cache_hits_total",
    "coredns_cache_misses_total", "coredns_dns_do_requests_total",
    "coredns_dns_request_duration_seconds", "coredns_dns_request_size_bytes",
    "coredns_dns_requests_total", "coredns_dns_response_size_bytes", "coredns_dns_responses_total",
    "coredns_forward_healthcheck_broken_total", "coredns_panics_total", "coredns_plugin_enabled",
    "coredns_proxy_request_duration_seconds", "process_cpu_seconds_total",
    "process_resident_memory_bytes",
}
# Of no use without a Go runtime, or about file descriptors that nobody asked for yet.
NOT_OURS = re.compile(r"^(go_|promhttp_|process_(?!cpu|resident))")

# What CoreDNS has here and we do not, exactly: the label that says which plugin answered; what its
# health page measures of itself; plugins that are not in the Corefile (there all are always counted).
LABELS_NOT_OURS = {"coredns_build_info": {"goversion"}, "coredns_dns_responses_total": {"plugin"}}
ABSENT = {"coredns_health_request_duration_seconds", "coredns_health_request_failures_total",
          "coredns_hosts_reload_timestamp_seconds", "coredns_local_localhost_requests_total"}


def series(page):
    """Names of labels by the metric's name, as its TYPE lines have it."""
    names = set(re.findall(r"^# TYPE (\S+) ", page, re.M))
    found = {}
    for (sample, text) in re.findall(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ", page, re.M):
        name = next((sample.removesuffix(end) for end in ("_bucket", "_sum", "_count")
                     if sample.endswith(end) and sample.removesuffix(end) in names), sample)
        found.setdefault(name, set()).update(
            set(re.findall(r'(\w+)="[^"]', text)) - {"le"})  # "" is no label to Prometheus
    return found


class Dashboard(peer_test.PeerTest):
    maxDiff = None

    def test_every_metric_is_there_with_its_labels(self):
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        text = servers.block(["."], "errors", "prometheus {$METRICS}",
                             "forward . 127.0.0.1:%d" % server.port, "cache 30", "loadbalance",
                             "acl {\n block type HINFO\n }")
        pair = self.pair(text)
        asked = [Question(labels("%s.%s" % (name, upstream.ZONE)), TYPES[kind], tcp=tcp,
                          edns=Edns(do=True) if kind == "A" else None)
                 for name in ("www", "missing", "www", "missing") for kind in ("A", "AAAA", "HINFO")
                 for tcp in (False, True)]
        for one in pair:
            asking.ask_all(one.port, asked)
        (ours, theirs) = (series(one.page()) for one in pair)
        self.assertEqual(sorted(DASHBOARDS - set(ours)), [])
        self.assertEqual(sorted(DASHBOARDS - set(theirs)), [])
        wanted = {name: found - LABELS_NOT_OURS.get(name, set()) for (name, found) in theirs.items()
                  if not NOT_OURS.match(name)}
        self.assertEqual(sorted(set(wanted) - set(ours)), sorted(ABSENT))
        for name in ABSENT:
            del wanted[name]
        self.assertEqual({name: sorted(ours[name]) for name in wanted},
                         {name: sorted(found) for (name, found) in wanted.items()})


if __name__ == "__main__":
    peer_test.main(cluster=False, missing=upstream.missing)
