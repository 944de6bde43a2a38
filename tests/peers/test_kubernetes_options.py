"""Like test_kubernetes.py for the options that few have: selectors, several clusters, topology zones;
and for k8s_external."""

import pathlib
import sys

import peer_test  # finds the folders of the others
import cluster_test
import clusters
import servers
import upstream

REVERSE = "in-addr.arpa"
SETS = {
    "labels": (["labels app=web"], None),
    "labels, negated": (["labels !app", "ignore empty_service"], None),
    "labels, several": (["labels app in (web, api),tier notin (back)", "pods insecure"], None),
    "namespace_labels": (["namespace_labels team", "pods insecure"], None),
    "namespace_labels, none": (["namespace_labels team=c"], None),
    "both": (["labels app=web", "namespace_labels team=a,kind", "fallthrough in-addr.arpa"], None),
    "zonal": (["zonal", "ttl 30"], None),
    "outside": ([], []),
    "outside, headless": (["endpoint_pod_names"], ["headless", "ttl 5", "apex zone"]),
    "outside, some": (["namespaces red grey"], ["fallthrough"]),
    "outside, selected": (["labels app=web", "namespace_labels team=a"], ["headless"]),
}
COUNT = 300 if cluster_test.IS_SHORT else 1200


class KubernetesOptions(cluster_test.ClusterTest, peer_test.PeerTest):
    @classmethod
    def setUpClass(cls):
        cluster_test.ClusterTest.setUpClass.__func__(cls)
        peer_test.PeerTest.setUpClass.__func__(cls)
        clusters.create(cls.api)

    def corefile(self, body, external, *more, zones=("cluster.local", REVERSE)):
        kubeconfig = "kubeconfig %s test" % self.plane.admin_kubeconfig
        plugins = [("kubernetes " + " ".join(zones), [*body, kubeconfig])]
        if external is not None:
            plugins.append(("k8s_external %s 203.in-addr.arpa 51.198.in-addr.arpa" % clusters.OUTSIDE,
                            external))
        return servers.block(["."], *plugins, *more)

    def round(self, title, body, external, asked, *more, **options):
        with self.subTest(title):
            pair = self.pair(self.corefile(body, external, *more, **options))
            try:
                self.compare(pair, asked, [*body, *("k8s_external " + one for one in
                                                    ["", *(external or [])] if external is not None)])
            finally:
                for server in pair:
                    server.kill()

    def test_options(self):
        names = [*clusters.cluster_names(), *clusters.zonal_names()]
        for (number, (title, (body, external))) in enumerate(SETS.items()):
            texts = names if external is None else \
                [*clusters.outside_names(), *clusters.cluster_names()[:20]]
            self.round(title, body, external, clusters.asked(texts, number, COUNT))
        print("%d questions in all; known differences: %s" % (self.compared, dict(self.used)))

    def test_the_host_of_a_load_balancer(self):
        server = upstream.Upstream(pathlib.Path(self.folder) / "knot", "cloud.test",
                                   "lb 60 A 192.0.2.9\nlb 60 AAAA 2001:db8::9\n")
        self.addCleanup(server.kill)
        server.start()
        texts = ["cloud.blue." + clusters.OUTSIDE, "_http._tcp.cloud.blue." + clusters.OUTSIDE]
        self.round("host", [], [], clusters.asked(texts, 7, 40),
                   "forward . 127.0.0.1:%d" % server.port)

    def test_several_clusters(self):
        clusters.create_imports(self.api)
        zones = ("cluster.local", clusters.SET)
        for (number, more) in enumerate(([], ["ignore empty_service"], ["noendpoints"],
                                         ["zonal", "endpoint_pod_names"])):
            body = ["multicluster " + clusters.SET, *more]
            texts = [*clusters.set_names(), *clusters.cluster_names()[:30],
                     *list(clusters.zonal_names())[:12]]
            self.round(" ".join(body), body, None, clusters.asked(texts, number, COUNT), zones=zones)


if __name__ == "__main__":
    sys.exit(peer_test.main(missing=upstream.missing))
