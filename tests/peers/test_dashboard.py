"""Dashboards and alerts for CoreDNS go on working: every metric they name is on our page, and so is
every one that CoreDNS itself has with the same Corefile after the same questions."""

import pathlib
import re
import tempfile
import time

import peer_test  # finds the folders of the others
import asking
import servers
import upstream
from cluster_test import await_true
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

# What CoreDNS has and we do not: the version of Go.
LABELS_NOT_OURS = {"coredns_build_info": {"goversion"}}
# Everything that both serve and that needs no cluster, with and without a view.
PLUGINS = [
    "errors", "metadata", "prometheus {$METRICS}", "local", "dns64", "any", "loadbalance",
    "rewrite name suffix .re.test .example.test", "acl {\n block type HINFO\n filter type NAPTR\n"
    " drop type TLSA\n }", "cache 30 {\n prefetch 1 1m 90%\n serve_stale\n }", "minimal", "header {\n response set ra\n }",
    "template IN A made.test {\n answer \"{{ .Name }} 60 IN A 10.0.0.1\"\n }",
    "template IN TXT made.test {\n answer \"{{ .Nothing }}\"\n }",
    "template IN MX made.test {\n answer \"{{ .Name }} no record\"\n }",
    "hosts {\n 10.1.1.1 one.hosts.test\n fallthrough\n }",
    "forward . 127.0.0.1:UPSTREAM {\n max_concurrent 1000\n }"]
VIEW = "view office {\n expr proto() == 'tcp'\n }"
ONCE = ["health {$HEALTH}", "bufsize 1232", "chaos", "reload 10s", "nsid"]


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


def counts(page):
    """Values of counters (those of histograms by their number), by name and labels, a frozenset."""
    return {(name, frozenset(re.findall(r'(\w+)="([^"]*)"', text))): float(value) for (name, text, value) in
            re.findall(r"^(coredns_\w+_(?:total|count))(?:\{(.*)\})? (\S+)$", page, re.M)}


def added(before, after, prefix, *by):
    """How much counters have grown, summed over all labels but `by`; without what has not."""
    sums = {}
    for ((name, found), value) in after.items():
        if name.startswith(prefix):
            key = (name, *(dict(found).get(label, "") for label in by))
            sums[key] = sums.get(key, 0) + value - before.get((name, found), 0)
    return {key: value for (key, value) in sums.items() if value}


class Dashboard(peer_test.PeerTest):
    maxDiff = None

    def wait_for_health(self, one):
        """Until it has asked its own health page."""
        await_true("it has asked itself", lambda: re.search(
            r"^coredns_health_request_duration_seconds_count [1-9]", one.page(), re.M))

    @staticmethod
    def settled_page(one):
        """The page when nothing is under way any more: both count some things after the answer."""
        pages = [one.page()]

        def is_settled():
            time.sleep(0.5)
            pages.append(one.page())
            return counts(pages[-2]) == counts(pages[-1])
        await_true("counters stand still", is_settled)
        return pages[-1]

    def test_every_metric_is_there_with_its_labels(self):
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        text = (servers.block(["."], VIEW, *ONCE, *PLUGINS) + servers.block(["."], *PLUGINS)).replace(
            "UPSTREAM", str(server.port))
        pair = self.pair(text)
        names = ["%s.%s" % (name, upstream.ZONE) for name in ("www", "missing", "six", "www")]
        names += ["www.re.test", "x.made.test", "one.hosts.test", "localhost", "localhost.test"]
        asked = [Question(labels(name), TYPES[kind], tcp=tcp, edns=Edns(do=True) if kind == "A" else None)
                 for name in names for kind in ("A", "AAAA", "HINFO", "TXT", "MX")
                 for tcp in (False, True)] * 2
        for one in pair:
            asking.ask_all(one.port, asked)
        for one in pair:
            self.wait_for_health(one)
        (ours, theirs) = (series(self.settled_page(one)) for one in pair)
        self.assertEqual(sorted(DASHBOARDS - set(ours)), [])
        self.assertEqual(sorted(DASHBOARDS - set(theirs)), [])
        wanted = {name: found - LABELS_NOT_OURS.get(name, set()) for (name, found) in theirs.items()
                  if not NOT_OURS.match(name)}
        self.assertEqual(sorted(set(wanted) - set(ours)), [])
        self.assertEqual({name: sorted(ours[name]) for name in wanted},
                         {name: sorted(found) for (name, found) in wanted.items()})

    def test_what_is_counted(self):
        """One question after the other. Plugins count alike, what they look up for each other, too;
        coredns_dns_* do not: docs/from-coredns.md, "What holds for all of them"."""
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        alias = "template ANY ANY {\n match \"^(?P<to>.*)[.]led[.]test[.]$\"\n answer \"{{ .Name }} 60 IN CNAME " \
            "{{ .Group.to }}.\"\n }"
        text = servers.block(["led.test"], "errors", "prometheus {$METRICS}", "cache", alias) + \
            servers.block(["."], "prometheus {$METRICS}", "cache", "dns64 {\n allow_ipv4\n }",
                          "forward . 127.0.0.1:%d" % server.port, ready=False)
        # A moment in which the machine stands still lets one of them ask twice, or give up.
        for look in range(1, peer_test.LOOKS + 1):
            pair = self.pair(text)
            try:
                self.check_counts(pair)
                break
            except AssertionError:
                if look == peer_test.LOOKS:
                    raise
            finally:
                for one in pair:
                    one.kill()

    def check_counts(self, pair):
        asked = [Question(labels(name), TYPES[kind], tcp=True)
                 for name in ("www.example.test.led.test", "missing.example.test.led.test", "www.example.test",
                              "four.example.test") for kind in ("A", "AAAA", "TXT")] * 2
        pages = []
        for one in pair:
            before = counts(self.settled_page(one))
            for question in asked:
                asking.ask_all(one.port, [question])
            pages.append((before, counts(self.settled_page(one))))
        for family in ("coredns_cache_", "coredns_template_", "coredns_dns64_", "coredns_forward_"):
            (ours, theirs) = (added(*both, family, "zones", "zone", "type", "class", "view") for both in pages)
            self.assertEqual(ours, theirs)
            self.assertTrue(ours or family == "coredns_forward_")
        (ours, theirs) = (added(*both, "coredns_dns_requests_total", "zone") for both in pages)
        self.assertEqual([ours.pop(("coredns_dns_requests_total", zone)) for zone in ("led.test.", ".")], [12, 12])
        looked_up = theirs.pop(("coredns_dns_requests_total", ".")) - 12
        self.assertGreater(looked_up, 0)
        self.assertEqual(theirs, {("coredns_dns_requests_total", "led.test."): 12})
        for kind in ("do_requests_total", "request_size_bytes_count", "response_size_bytes_count",
                     "request_duration_seconds_count"):
            (ours, theirs) = (added(*both, "coredns_dns_" + kind, "zone").get(("coredns_dns_" + kind, "."), 0)
                              for both in pages)
            self.assertEqual(theirs - ours, 0 if kind == "do_requests_total" else looked_up)
        (ours, theirs) = ({(zone, plugin) for (_, zone, plugin) in
                           added(*both, "coredns_dns_responses_total", "zone", "plugin")} for both in pages)
        # There the plugin behind prometheus, whoever answers.
        self.assertEqual(theirs, {("led.test.", "errors"), (".", "dns64")})
        self.assertEqual(ours, {("led.test.", "template"), ("led.test.", "cache"), (".", "cache"), (".", "forward")})


if __name__ == "__main__":
    peer_test.main(cluster=False, missing=upstream.missing)
