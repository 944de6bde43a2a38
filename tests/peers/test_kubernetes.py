"""CoreDNS and Nameplane at the same real API server with the same Corefile, asked the same questions:
every kind of Service, option by option."""

import pathlib
import re

import peer_test  # finds the folders of the others
import cluster_test
import asking
import known
import objects
import questions
import raw
import servers
import transfers
import upstream
from cluster_test import await_true

KUBE = ("cluster.local", "in-addr.arpa", "ip6.arpa")
SETS = {
    "plain": (("cluster.local",), []),
    "kubeadm": (KUBE, ["pods insecure", "fallthrough in-addr.arpa ip6.arpa", "ttl 30"]),
    "verified": (KUBE, ["pods verified", "ttl 3600"]),
    "pod names": (KUBE, ["endpoint_pod_names", "ttl 0", "pods insecure"]),
    "no endpoints": (KUBE, ["noendpoints", "pods insecure"]),
    "no empty": (KUBE, ["ignore empty_service"]),
    "some namespaces": (KUBE, ["namespaces default data", "pods insecure"]),
    "all falls through": (KUBE, ["fallthrough", "pods insecure"]),
    "two zones": (("cluster.local", "sub.cluster.local", "10.in-addr.arpa"), ["pods insecure"]),
}
COUNT = 300 if cluster_test.IS_SHORT else 1500


def transferred(records):
    """What both must transfer, sorted; docs/from-coredns.md says at `transfer` what may differ: weights
    (CoreDNS: of an EndpointSlice, not of the Service), names of Pods that are no label, and the TTL of 0
    of an address that CoreDNS adds for its own name server."""
    weightless = {re.sub(r" SRV 0 \d+ ", " SRV ", record) for record in records}
    return sorted(record for record in weightless if not re.search(
        r" SRV \d+ (10-244-20-3|dotted\.pod)\.pods\.|^(10-244-20-3|dotted\.pod)\.pods\.| 0 IN A ",
        record))


class Kubernetes(cluster_test.ClusterTest, peer_test.PeerTest):
    @classmethod
    def setUpClass(cls):
        cluster_test.ClusterTest.setUpClass.__func__(cls)
        peer_test.PeerTest.setUpClass.__func__(cls)
        objects.create(cls.api)
        await_true("Pods have addresses", lambda: all(
            one["status"].get("podIP") for one in cls.api.list("Pod")[0]))

    def corefile(self, zones, body, *more, block=None):
        kubeconfig = "kubeconfig %s test" % self.plane.admin_kubeconfig
        return servers.block(block or zones, ("kubernetes " + " ".join(zones), [*body, kubeconfig]),
                             *more)

    def test_options(self):
        for (number, (title, (zones, body))) in enumerate(SETS.items()):
            with self.subTest(title):
                pair = self.pair(self.corefile(zones, body))
                try:
                    self.compare(pair, questions.generate(self.api, number, COUNT), body)
                finally:
                    for server in pair:
                        server.kill()
        print("%d questions in all; known differences: %s" % (self.compared, dict(self.used)))
        # A rule that explains nothing any more must go.
        unused = [rule.name for rule in known.RULES
                  if not self.used[rule.name] and rule.name not in known.ELSEWHERE]
        if not cluster_test.IS_SHORT:
            self.assertEqual(unused, [])

    def test_servers_of_the_zone_by_their_service(self):
        objects.become_endpoint(self.api)
        self.addCleanup(self.api.delete, "EndpointSlice", "default", "nodes-0")
        pair = self.pair(self.corefile(*SETS["kubeadm"]))
        self.compare(pair, questions.server_names(), SETS["kubeadm"][1])

    def test_the_zone_is_transferred_alike(self):
        (zones, body) = SETS["plain"]
        for more in ([], ["noendpoints"], ["namespaces default data"], ["endpoint_pod_names"],
                     ["ttl 30"]):
            with self.subTest(more):
                pair = self.pair(self.corefile(zones, body + more, ("transfer", ["to *"])))
                for _ in range(peer_test.LOOKS):
                    (ours, theirs) = [transferred(transfers.zone(server.port, "cluster.local"))
                                      for server in pair]
                    if ours == theirs:
                        break
                self.assertGreater(len(theirs), 5)
                self.assertEqual(ours, theirs)
                for server in pair:
                    server.kill()

    def test_with_an_upstream_behind(self):
        server = upstream.Upstream(pathlib.Path(self.folder) / "knot", "example.com",
                                   upstream.RECORDS + objects.EXTERNAL_RECORDS)
        self.addCleanup(server.kill)
        server.start()
        (zones, body) = SETS["kubeadm"]
        forward = "forward . 127.0.0.1:%d" % server.port
        asked = [*questions.externals(), *questions.generate(self.api, 77, COUNT)]
        for (title, text) in {
            "in its block": self.corefile(zones, body, forward, "loadbalance", block=["."]),
            "in another block": self.corefile(zones, body) + servers.block(["."], forward, ready=False),
        }.items():
            with self.subTest(title):
                pair = self.pair(text)
                try:
                    self.compare(pair, list(dict.fromkeys(asked)), body)
                finally:
                    for one in pair:
                        one.kill()

    def test_messages_that_no_client_should_send(self):
        pair = self.pair(self.corefile(*SETS["plain"]))
        for (title, message) in raw.MESSAGES.items():
            with self.subTest(title):
                for look in range(1, peer_test.LOOKS + 1):  # longer each time: an answer may be late
                    (own, other) = (raw.summary(asking.ask_raw(server.port, [message], 2 * look)[0])
                                    for server in pair)
                    wanted = known.MESSAGES.get(title, (other, other))
                    if (own, other) == wanted:
                        break
                self.assertEqual((own, other), wanted)


if __name__ == "__main__":
    peer_test.main(missing=upstream.missing)
