"""docs/from-coredns.md has a row for each known difference, and for nothing else; and every metric on
a page of CoreDNS 1.14.7 is documented, as ours or as not there."""

import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True
import known

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The metrics on the pages of what we serve, with their labels; where a page and the code differ, those
# of the code.
PAGES = {
    "coredns_acl_allowed_requests_total": "server view",
    "coredns_acl_blocked_requests_total": "server zone view",
    "coredns_acl_dropped_requests_total": "server zone view",
    "coredns_acl_filtered_requests_total": "server zone view",
    "coredns_autopath_success_total": "server",
    "coredns_build_info": "version revision goversion",
    "coredns_cache_drops_total": "server zones view",
    "coredns_cache_entries": "server type zones view",
    "coredns_cache_evictions_total": "server type zones view",
    "coredns_cache_hits_total": "server type zones view",
    "coredns_cache_misses_total": "server zones view",
    "coredns_cache_prefetch_total": "server zones view",
    "coredns_cache_requests_total": "server zones view",
    "coredns_cache_served_stale_total": "server zones view",
    "coredns_dns64_requests_translated_total": "server",
    "coredns_dns_do_requests_total": "server zone view",
    "coredns_dns_https_responses_total": "server status",
    "coredns_dns_request_duration_seconds": "server zone view",
    "coredns_dns_request_size_bytes": "server zone view proto",
    "coredns_dns_requests_total": "server zone view proto family type",
    "coredns_dns_response_size_bytes": "server zone view proto",
    "coredns_dns_responses_total": "server zone view rcode plugin",
    "coredns_forward_healthcheck_broken_total": "",
    "coredns_forward_max_concurrent_rejects_total": "",
    "coredns_health_request_duration_seconds": "",
    "coredns_health_request_failures_total": "",
    "coredns_hosts_entries": "hostsfile",
    "coredns_hosts_reload_timestamp_seconds": "",
    "coredns_kubernetes_dns_programming_duration_seconds": "service_kind",
    "coredns_kubernetes_rest_client_request_duration_seconds": "verb host",
    "coredns_kubernetes_rest_client_requests_total": "method code host",
    "coredns_local_localhost_requests_total": "",
    "coredns_panics_total": "",
    "coredns_plugin_enabled": "server zone view name",
    "coredns_proxy_conn_cache_hits_total": "proxy_name to proto",
    "coredns_proxy_conn_cache_misses_total": "proxy_name to proto",
    "coredns_proxy_healthcheck_failures_total": "proxy_name to",
    "coredns_proxy_request_duration_seconds": "proxy_name to rcode",
    "coredns_reload_failed_total": "",
    "coredns_reload_version_info": "hash value",
    "coredns_template_matches_total": "server zone view class type",
    "coredns_template_rr_failures_total": "server zone view class type section template",
    "coredns_template_template_failures_total": "server zone view class type section template",
}
NOT_THERE = [
    "coredns_dns_https3_responses_total", "coredns_dns_quic_responses_total",
    "coredns_kubernetes_rest_client_rate_limiter_duration_seconds", "coredns_shed_dropped_total"]


def metrics():
    """Labels by the metric's name, from the tables of docs/metrics.md and of the plugins' pages."""
    found = {}
    for path in (ROOT / "docs/metrics.md", *ROOT.glob("plugins/*/README.md")):
        for (name, labels) in re.findall(r"^\| `(coredns_\w+)` \| \w+ \|([^|]*)\|",
                                         path.read_text(encoding="utf-8"), re.M):
            found[name] = sorted(re.findall(r"\w+", labels))
    return found


def documented():
    text = (ROOT / "docs/from-coredns.md").read_text(encoding="utf-8")
    part = text.split("\n## Answers, compared one by one\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", part, re.M)
    return {name: [cell.strip() for cell in cells.split(" | ")] for (name, cells) in rows}


class Known(unittest.TestCase):
    def test_the_document_names_each_with_its_reason(self):
        found = documented()
        self.assertEqual(sorted(found), sorted({rule.name for rule in known.RULES} |
                                               {"malformed-messages"}))
        for (name, cells) in found.items():
            self.assertEqual((name, len(cells), all(cells)), (name, 3, True))

    def test_every_metric_on_their_pages_is_ours_or_said_not_to_be(self):
        ours = metrics()
        self.assertEqual({name: ours.get(name) for name in PAGES},
                         {name: sorted(labels.split()) for (name, labels) in PAGES.items()})
        text = (ROOT / "docs/from-coredns.md").read_text(encoding="utf-8")
        self.assertEqual([name for name in NOT_THERE if "`%s`" % name not in text], [])


if __name__ == "__main__":
    unittest.main()
