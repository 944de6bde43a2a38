"""Our iptables rules beside those of a real kube-proxy: the same Services on the same API server, each
proxy in a network namespace of its own. What iptables-save prints must be equal line by line, and in
order within each chain, but for what stands in EXCLUDED (docs/from-kube-proxy.md says why)."""

import time

import cluster_test
import proxy_pair
import service_cases
from cluster_test import await_true

CLUSTER_CIDRS = ("--cluster-cidr=10.244.0.0/16,fd00:244::/48",
                 'detect_local_mode = "cluster_cidr"\ncluster_cidr = ["10.244.0.0/16", '
                 '"fd00:244::/48"]')
EQUAL_S = 120  # after both have seen everything; a change of the Node comes by a watch of its own
EXCLUDED = ()

# name: flags of kube-proxy, lines of [rules], sysctls of the node's namespace.
VARIANTS = {
    "masquerade-all": (["--masquerade-all", CLUSTER_CIDRS[0]],
                       CLUSTER_CIDRS[1] + "\nmasquerade_all = true", ()),
    "mark": (["--iptables-masquerade-bit=20", CLUSTER_CIDRS[0]],
             CLUSTER_CIDRS[1] + "\nmasquerade_bit = 20", ()),
    "node-cidr": (["--detect-local-mode=NodeCIDR"], 'detect_local_mode = "node_cidr"', ()),
    "bridge": (["--detect-local-mode=BridgeInterface", "--pod-bridge-interface=cni0"],
               'detect_local_mode = "bridge_interface"\nbridge_interface = "cni0"', ()),
    "prefix": (["--detect-local-mode=InterfaceNamePrefix", "--pod-interface-name-prefix=veth"],
               'detect_local_mode = "interface_name_prefix"\ninterface_name_prefix = "veth"', ()),
    "no-cidr": ([], 'detect_local_mode = "none"', ()),
    "one-cidr": (["--cluster-cidr=10.244.0.0/16"],
                 'detect_local_mode = "cluster_cidr"\ncluster_cidr = ["10.244.0.0/16"]', ()),
    "no-localhost": (["--iptables-localhost-nodeports=false", CLUSTER_CIDRS[0]],
                     CLUSTER_CIDRS[1] + "\nlocalhost_node_ports = false", ()),
    "addresses": (["--nodeport-addresses=192.168.77.0/24,fd00:77::/64", CLUSTER_CIDRS[0]],
                  CLUSTER_CIDRS[1] +
                  '\nnode_port_addresses = ["192.168.77.0/24", "fd00:77::/64"]', ()),
    "loopback": (["--nodeport-addresses=127.0.0.0/8,192.168.77.2/32", CLUSTER_CIDRS[0]],
                 CLUSTER_CIDRS[1] +
                 '\nnode_port_addresses = ["127.0.0.0/8", "192.168.77.2/32"]', ()),
    "everywhere": (["--nodeport-addresses=0.0.0.0/0,::/0", CLUSTER_CIDRS[0]],
                   CLUSTER_CIDRS[1] + '\nnode_port_addresses = ["0.0.0.0/0", "::/0"]', ()),
    "primary": (["--nodeport-addresses=primary", CLUSTER_CIDRS[0]],
                CLUSTER_CIDRS[1] + '\nnode_port_addresses = ["primary"]', ()),
    "liberal": ([CLUSTER_CIDRS[0]], CLUSTER_CIDRS[1],
                (("net/netfilter/nf_conntrack_tcp_be_liberal", 1),)),
}


class RulesTest(proxy_pair.NodesTest):
    """For tests of both proxies' rules on one `cluster`."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = service_cases.Cluster(cls.api)

    def pair(self, name, flags, rules, sysctls=()):
        pair = proxy_pair.Pair(name, self.plane, self.folder, flags, rules, sysctls)
        self.addCleanup(pair.stop)
        pair.start()
        return pair

    def await_seen(self, pair, marks):
        """Until both proxies have written what came after everything else."""
        for (family, words) in marks.items():
            for node in (pair.theirs, pair.ours):
                await_true(lambda: "%s has %s; the end of our log:\n%s" % (
                               node.name, words, "\n".join(pair.agent.read_lines()[-20:])),
                           lambda: self.has(pair, node.saved(family), words))

    @staticmethod
    def has(pair, saved, words):
        # Nobody writes any more when it has ended.
        if pair.proxy.process.poll() is not None:
            raise AssertionError("kube-proxy ended:\n" + pair.proxy.last_lines())
        return all(word in saved for word in words)

    def differences(self, pair):
        return [family + " " + line for (family, (theirs, ours)) in pair.saved().items()
                for line in proxy_pair.differences(theirs, ours, EXCLUDED)]

    def assert_equal_rules(self, pair):
        deadline = time.monotonic() + EQUAL_S
        while True:
            found = self.differences(pair)
            if not found:
                return
            if time.monotonic() > deadline:
                self.fail("%d lines differ (-: only kube-proxy's, +: only ours)\n%s" %
                          (len(found), "\n".join(found[:40])))
            time.sleep(0.2)


class KubeProxy(RulesTest):
    def test_differences_are_seen(self):
        rules = "*nat\n:A -\n-A A -j X\n-A A -j Y\n:KUBE-SERVICES -\n-A KUBE-SERVICES -j %s\nCOMMIT"
        (one, other) = (rules % "P\n-A KUBE-SERVICES -j Q", rules % "Q\n-A KUBE-SERVICES -j P")
        self.assertEqual(proxy_pair.differences(one, other), [])
        self.assertEqual(proxy_pair.differences(one, rules % "Q"), ["nat: - -A KUBE-SERVICES -j P"])
        self.assertEqual(proxy_pair.differences(rules % "Q", one), ["nat: + -A KUBE-SERVICES -j P"])
        turned = one.replace("X", "Z").replace("Y", "X").replace("Z", "Y")
        self.assertEqual(len(proxy_pair.differences(one, turned)), 1)
        self.assertEqual(proxy_pair.differences(one, turned, ["-A A "]), [])

    def test_rules_are_those_of_kube_proxy(self):
        self.assertGreaterEqual(len(service_cases.CASES) + len(VARIANTS), 60)
        pair = self.pair("live", [CLUSTER_CIDRS[0]], CLUSTER_CIDRS[1])
        self.await_seen(pair, self.cluster.mark())
        self.assert_equal_rules(pair)
        for (name, case) in service_cases.CASES:
            with self.subTest(case=name):
                case(self.cluster)
                self.await_seen(pair, self.cluster.mark())
                self.assert_equal_rules(pair)
        pair.stop_processes()
        for (name, variant) in VARIANTS.items():
            with self.subTest(variant=name):
                other = self.pair(name, *variant)
                self.await_seen(other, self.cluster.mark())
                self.assert_equal_rules(other)
                other.stop_processes()
        with self.subTest(variant="large cluster"):
            service_cases.many_endpoints(self.cluster)
            large = self.pair("large", [CLUSTER_CIDRS[0]], CLUSTER_CIDRS[1])
            self.await_seen(large, self.cluster.mark())
            self.assert_equal_rules(large)


if __name__ == "__main__":
    cluster_test.main()
