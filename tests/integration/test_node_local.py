"""The agent in the place of node-cache: a node, a pod and the cluster's DNS in network namespaces.

The node translates the cluster DNS address to the DNS pod, as kube-proxy would. Who answered is told
by the name who.example, which the two have different addresses for. Who translates uses one of the
two iptables, and the node's rules must stand beside his. Needs root and the iptables tools; exits 77
(skipped) without.
"""

import http.client
import os
import shutil
import signal
import socket
import struct
import sys
import time
import unittest

import nameplane

CLUSTER_DNS = {4: "10.96.0.10", 6: "fd00:96::10"}
UPSTREAM = {4: "10.96.4.4", 6: "fd00:96::4"}
LOCAL = {4: "169.254.20.10", 6: "fd00:20::10"}
DNS_POD = {4: "10.0.2.2", 6: "fd00:2::2"}
IPTABLES = {4: "iptables", 6: "ip6tables"}

OF_NODE = "192.0.2.9"  # who.example
OF_CLUSTER = "192.0.2.2"

CLUSTER_COREFILE = """\
who.example:53 {
    hosts {
        192.0.2.2 who.example
    }
}
.:53 {
    hosts {
        192.0.2.1 web.cluster.local
        192.0.2.3 web.stub.example
        ttl 3600
    }
}
"""
BASE_COREFILE = """\
who.example:53 {
    hosts {
        192.0.2.9 who.example
    }
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
}
__PILLAR__DNS__DOMAIN__:53 {
    errors
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    cache 30
    forward . __PILLAR__CLUSTER__DNS__ {
        force_tcp
    }
    prometheus 127.0.0.1:9253
}
"""


# A mount namespace in which /dev/net/tun is no such device.
WITHOUT_TUN = ("unshare", "--mount", "sh", "-ec",
               'mount --bind /dev/null /dev/net/tun; exec "$@"', "sh")


def connect(node, node_end, number, other):
    """A cable; the node's end has address .1 of network `number`, the other end .2."""
    node.sh("ip link add %s type veth peer name eth0 netns %d && ip link set %s up"
            % (node_end, other.holder.pid, node_end))
    other.sh("ip link set eth0 up")
    for (end, name, host) in ((node, node_end, 1), (other, "eth0", 2)):
        end.sh("ip addr add 10.0.%d.%d/24 dev %s; ip addr add fd00:%d::%d/64 dev %s nodad"
               % (number, host, name, number, host, name))
    other.sh("ip route add default via 10.0.%d.1; ip -6 route add default via fd00:%d::1"
             % (number, number))


class NodeLocal(nameplane.AgentTest):
    family = 4
    kind = "legacy"

    def setUp(self):
        super().setUp()
        (self.node, self.pod, self.dns) = (self.namespace() for _ in range(3))
        connect(self.node, "pod", 1, self.pod)
        connect(self.node, "dns", 2, self.dns)
        self.node.sh("echo 1 > /proc/sys/net/ipv4/ip_forward;"
                     "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        for family in (4, 6):
            for chain in ("PREROUTING", "OUTPUT"):
                for address in (CLUSTER_DNS[family], UPSTREAM[family]):
                    for protocol in ("udp", "tcp"):
                        target = DNS_POD[family] if family == 4 else "[%s]" % DNS_POD[family]
                        self.run_iptables(family, "-t", "nat", "-A", chain, "-d", address, "-p",
                                          protocol, "--dport", "53", "-j", "DNAT",
                                          "--to-destination", target + ":53")
        # Service addresses lead somewhere: the node's own packets are routed before translation.
        self.node.sh("ip route add default via 10.0.2.2; ip -6 route add default via fd00:2::2")
        self.start_cluster_dns()

    def iptables(self, family):
        return "%s-%s" % (IPTABLES[family], self.kind)

    def run_iptables(self, family, *words):
        """What it prints. The lock of the legacy one is the machine's, and other tests take it, too."""
        return self.node.run(self.iptables(family), "-w", str(nameplane.WAIT_S), *words)

    def namespace(self):
        made = nameplane.Namespace()
        self.addCleanup(made.close)
        return made

    def start_cluster_dns(self):
        corefile = self.write("Cluster.corefile", CLUSTER_COREFILE)
        self.cluster = nameplane.Agent(["-conf", corefile], self.subfolder(), self.dns.prefix, "53")
        self.addCleanup(self.cluster.kill)
        self.cluster.started()

    def subfolder(self):
        self.folders = getattr(self, "folders", 0) + 1
        path = os.path.join(self.folder, str(self.folders))
        os.mkdir(path)
        return path

    def local_addresses(self):
        return (LOCAL[self.family], CLUSTER_DNS[self.family])

    def start_node_cache(self, *arguments, base=BASE_COREFILE, wrap=()):
        base_file = self.write("Corefile.base", base)
        self.corefile = os.path.join(self.folder, "node.corefile")
        local = ",".join(self.local_addresses())
        variable = "KUBE_DNS_UPSTREAM_SERVICE_HOST=" + UPSTREAM[self.family]
        agent = nameplane.Agent(
            ["-localip", local, "-conf", self.corefile, "-basecorefile=" + base_file,
             "-upstreamsvc", "kube-dns-upstream", "-metrics-listen-address", "127.0.0.1:9353",
             "-kubednscm", self.folder, *arguments],
            self.subfolder(), (*self.node.prefix, *wrap, "env", variable), "53")
        self.addCleanup(agent.kill)
        self.addCleanup(self.kill_child, agent)
        return agent

    @staticmethod
    def kill_child(agent):
        child = getattr(agent, "child", None)
        if child is None:
            return
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def node_cache(self, *arguments, base=BASE_COREFILE, wrap=()):
        agent = self.start_node_cache(*arguments, base=base, wrap=wrap)
        agent.started()
        agent.wait_for(r" nodelocal\.iptables kind=%s " % self.kind, seen=True)
        agent.wait_for(r" nodelocal\.rules added=%d\b" % (12 * len(self.local_addresses())), seen=True)
        path = "/proc/%d/task/%d/children" % (agent.process.pid, agent.process.pid)

        def only_child():
            with open(path, encoding="ascii") as file:
                words = file.read().split()
            return int(words[0]) if len(words) == 1 else None  # a tool may run beside it
        agent.child = nameplane.await_true("the guardian has one child", only_child)
        return agent

    # -- what is seen --

    def ask(self, name="who.example", address=None, tcp=False, wait_s=nameplane.WAIT_S, source=None):
        """The addresses that the pod is told, or None without an answer."""
        address = address or CLUSTER_DNS[self.family]
        family = socket.AF_INET if self.family == 4 else socket.AF_INET6
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with (source or self.pod).inside(lambda: socket.socket(family, kind)) as client:
            client.settimeout(wait_s)
            query = nameplane.query_bytes(name, "A")
            try:
                client.connect((address, 53))
                if tcp:
                    client.sendall(struct.pack("!H", len(query)) + query)
                    return nameplane.read_tcp(client).data("A")
                client.send(query)
                return nameplane.Reply(client.recv(65535)).data("A")
            except (TimeoutError, ConnectionError, OSError):
                return None

    def seconds_until(self, wanted):
        """How long it takes until the pod's queries are answered so; those on the way may be lost."""
        begin = time.monotonic()
        nameplane.await_true("the pod is answered " + wanted, lambda: self.ask(wait_s=1) == [wanted],
                             pause_s=0)
        return time.monotonic() - begin

    def await_answer(self, name, address):
        """Of what the agent asks the cluster DNS for, which may be late."""
        nameplane.await_true("%s is %s" % (name, address), lambda: self.ask(name) == [address])

    def rules(self):
        return [line for table in ("raw", "filter")
                for line in self.run_iptables(self.family, "-t", table, "-S").splitlines()
                if "NodeLocal DNS Cache" in line]

    def has_interface(self):
        return "nodelocaldns" in self.node.run("ip", "-o", "link")

    def assert_gone(self):
        self.assertEqual(self.rules(), [])
        self.await_no_interface()

    def await_no_interface(self):
        """One that has lost its process goes in the kernel's own time."""
        nameplane.await_true("the interface is gone", lambda: not self.has_interface())

    def flows(self):
        return [line for line in
                self.node.run("conntrack", "-L", "-f", "ipv%d" % self.family).splitlines()
                if "dst=" + CLUSTER_DNS[self.family] in line]

    def metrics(self):
        with self.node.inside(lambda: socket.create_connection(
                ("127.0.0.1", 9353), timeout=nameplane.WAIT_S)) as stream:
            connection = http.client.HTTPConnection("127.0.0.1", 9353)
            connection.sock = stream
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode("utf-8")

    # -- tests --

    def test_pods_are_answered_by_the_node_without_tracking(self):
        self.assertEqual(self.ask(), [OF_CLUSTER])
        self.assertEqual(len(self.flows()), 1)
        self.node.run("conntrack", "-F")
        agent = self.node_cache()
        for address in (CLUSTER_DNS[self.family], LOCAL[self.family]):
            for tcp in (False, True):
                self.assertEqual(self.ask(address=address, tcp=tcp), [OF_NODE])
        self.assertEqual(self.ask(source=self.node), [OF_NODE])
        self.await_answer("web.cluster.local", "192.0.2.1")
        self.assertEqual(self.flows(), [])
        page = self.metrics()
        for kind in ("iptables", "iptables_lock", "interface_add", "interface_check", "configmap"):
            self.assertIn('coredns_nodecache_setup_errors_total{errortype="%s"} 0' % kind, page)
        self.assertEqual(agent.stop(), 0)
        self.assert_gone()

    def test_the_end_by_sigterm_leads_to_the_cluster_dns_at_once(self):
        agent = self.node_cache()
        self.assertEqual(self.ask(), [OF_NODE])
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.ask(), [OF_CLUSTER])
        self.assertEqual(self.ask(tcp=True), [OF_CLUSTER])
        self.assert_gone()

    def test_a_killed_agent_leads_to_the_cluster_dns(self):
        agent = self.node_cache()
        os.kill(agent.child, signal.SIGKILL)
        print("agent killed: %.3f s" % self.seconds_until(OF_CLUSTER))
        self.assertEqual(agent.end(), 128 + signal.SIGKILL)
        self.assert_gone()

    def test_a_killed_guardian_leads_to_the_cluster_dns(self):
        agent = self.node_cache()
        agent.process.kill()
        print("guardian killed: %.3f s" % self.seconds_until(OF_CLUSTER))
        agent.wait_for(r" nodelocal\.torn_down\b")
        self.assert_gone()

    def kill_both(self, agent):
        for process in (agent.process.pid, agent.child):
            os.kill(process, signal.SIGSTOP)
        for process in (agent.process.pid, agent.child):
            os.kill(process, signal.SIGKILL)
        agent.end()
        # Its parent is gone: it may stay as a zombie, which holds nothing.
        nameplane.await_true("the child is dead", lambda: self.is_dead(agent.child))

    @staticmethod
    def is_dead(process):
        try:
            with open("/proc/%d/stat" % process, encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] in ("Z", "X")
        except (FileNotFoundError, ProcessLookupError):
            return True

    def test_both_killed_at_once_lead_to_the_cluster_dns_and_the_next_starts_over_the_rest(self):
        agent = self.node_cache()
        self.assertEqual(len([line for line in self.rules() if "--dst-type LOCAL" in line]), 10)
        self.kill_both(agent)
        print("both killed: %.3f s" % self.seconds_until(OF_CLUSTER))
        self.await_no_interface()
        self.assertEqual(len(self.rules()), 24)
        agent = self.node_cache()
        self.assertEqual(self.ask(), [OF_NODE])
        self.assertEqual(len(self.rules()), 24)
        self.assertEqual(agent.stop(), 0)
        self.assert_gone()

    def test_without_tun_the_guardian_takes_away_a_killed_agents_interface(self):
        agent = self.node_cache(wrap=WITHOUT_TUN)
        agent.wait_for(r" nodelocal\.interface_stays ", seen=True)
        self.assertFalse(any("--dst-type LOCAL" in line for line in self.rules()))
        self.assertEqual(self.ask(), [OF_NODE])
        os.kill(agent.child, signal.SIGKILL)
        self.seconds_until(OF_CLUSTER)
        agent.end()
        self.assert_gone()
        # The end of both leaves what the next one takes away and makes anew.
        self.kill_both(self.node_cache(wrap=WITHOUT_TUN))
        self.assertTrue(self.has_interface())
        self.assertEqual(len(self.rules()), 24)
        agent = self.node_cache()
        self.assertEqual(self.ask(), [OF_NODE])
        self.assertEqual(agent.stop(), 0)
        self.assert_gone()

    def test_a_failed_bind_leaves_nothing(self):
        holder = self.node.inside(lambda: socket.socket(socket.AF_INET6))
        self.addCleanup(holder.close)
        holder.bind(("::", 53))
        holder.listen()
        agent = self.start_node_cache()
        self.assertEqual(agent.end(), 1)
        self.assertTrue(any(" agent.failed " in line for line in agent.lines), agent.lines)
        self.assert_gone()
        self.assertEqual(self.ask(), [OF_CLUSTER])

    def test_skipteardown_leaves_both_and_the_next_takes_them_over(self):
        agent = self.node_cache("-skipteardown")
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(len(self.rules()), 24)
        self.assertTrue(self.has_interface())
        self.assertFalse(any("--dst-type LOCAL" in line for line in self.rules()))
        agent = self.start_node_cache()
        agent.started()
        agent.wait_for(r" nodelocal\.rules added=24\b", seen=True)
        self.assertEqual(self.ask(), [OF_NODE])
        self.assertEqual(agent.stop(), 0)
        self.assert_gone()

    def test_two_share_a_node_and_a_corefile_without_a_template(self):
        """kubespray's way: the Corefile is mounted where it is read, and a second one bridges updates."""
        local = LOCAL[self.family]
        block = "who.example:53 {\n    errors\n    bind %s\n    hosts {\n        %s who.example\n    }\n" \
                "    health %s:%d\n}\n"
        at = local if self.family == 4 else "[%s]" % local

        def start(port):
            corefile = self.write("%d.corefile" % port, block % (local, OF_NODE, at, port))
            agent = nameplane.Agent(
                ["-localip", local, "-conf", corefile, "-upstreamsvc", "coredns", "-skipteardown",
                 "-basecorefile", os.path.join(self.folder, "missing")],
                self.subfolder(), self.node.prefix, "53")
            self.addCleanup(agent.kill)
            agent.started()
            agent.wait_for(r" nodelocal\.corefile_failed error=\"/\S+/missing: ", seen=True)
            return agent

        first = start(9254)
        first.wait_for(r" nodelocal\.rules added=12\b", seen=True)
        self.assertEqual(self.ask(address=local), [OF_NODE])
        second = start(9255)
        self.assertEqual(first.stop(), 0)
        for tcp in (False, True):
            self.assertEqual(self.ask(address=local, tcp=tcp), [OF_NODE])
        third = start(9254)
        self.assertEqual(second.stop(), 0)
        self.assertEqual(self.ask(address=local), [OF_NODE])
        self.assertEqual(third.stop(), 0)
        self.assertEqual(len(self.rules()), 12)
        self.assertTrue(self.has_interface())

    def test_without_interface_and_rules_nothing_is_touched(self):
        self.node.sh("ip link add mine type bridge; ip addr add %s dev mine; ip addr add %s dev mine"
                     % (LOCAL[self.family], CLUSTER_DNS[self.family]))
        agent = self.start_node_cache("-setupinterface=false", "-setupiptables=false").started()
        self.assertEqual(self.ask(address=LOCAL[self.family]), [OF_NODE])
        self.assert_gone()
        self.assertEqual(agent.stop(), 0)
        self.assertIn("mine", self.node.run("ip", "-o", "link"))

    def test_what_somebody_takes_away_is_put_back(self):
        agent = self.node_cache("-syncinterval", "1")
        self.run_iptables(self.family, "-t", "raw", "-F")
        agent.wait_for(r" nodelocal\.rules added=16\b")
        self.node.sh("ip link del nodelocaldns")
        agent.wait_for(r" nodelocal\.interface ")
        self.seconds_until(OF_NODE)

    def test_stub_domains_of_the_config_map_are_taken_over_and_wrong_ones_counted(self):
        agent = self.node_cache("-reloadwithsignal")
        self.assertEqual(self.ask("web.stub.example"), [])
        self.write("stubDomains", "{nonsense")
        agent.wait_for(r" nodelocal\.corefile_failed ")
        nameplane.await_true("it is counted", lambda: 'setup_errors_total{errortype="configmap"} 1'
                             in self.metrics())
        server = DNS_POD[4]
        self.write("stubDomains", '{"stub.example": ["%s"]}' % server)
        agent.wait_for(r" reload\.done\b")
        self.await_answer("web.stub.example", "192.0.2.3")


class WithCache(NodeLocal):
    """Only what needs the plugin cache; the other tests are the base's."""

    def test_answers_stay_when_the_cluster_dns_is_gone(self):
        self.node_cache()
        self.await_answer("web.cluster.local", "192.0.2.1")
        self.cluster.kill()
        for _ in range(10):
            self.assertEqual(self.ask("web.cluster.local"), ["192.0.2.1"])


class BothFamilies(NodeLocal):
    """Local addresses of IPv4 and IPv6; only what is about both."""

    def local_addresses(self):
        return (*LOCAL.values(), *CLUSTER_DNS.values())

    def test_each_family_has_its_rules_and_loses_them_at_the_end(self):
        agent = self.node_cache()
        for self.family in (4, 6):
            self.assertEqual(self.ask(), [OF_NODE])
            self.assertEqual(len(self.rules()), 24)
            self.assertEqual(self.flows(), [])
        self.assertEqual(agent.stop(), 0)
        for self.family in (4, 6):
            self.assert_gone()
            self.assertEqual(self.ask(), [OF_CLUSTER])


class BothFamiliesNft(BothFamilies):
    kind = "nft"


class Deployed(nameplane.AgentTest):
    def test_the_corefile_of_the_manifest_is_good(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy",
                            "nodelocaldns.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read().split("  Corefile: |\n")[1].split("\n---")[0]
        for (word, value) in (("LOCAL__DNS", "127.0.0.1"), ("CLUSTER__DNS", "127.0.0.2"),
                              ("UPSTREAM__SERVERS", "127.0.0.3")):
            self.assertIn("__PILLAR__%s__" % word, text)
            text = text.replace("__PILLAR__%s__" % word, value)
        self.assertNotIn("__PILLAR__", text)
        corefile = self.write("Corefile", text)
        self.assertEqual(self.run_command("check", corefile), (0, corefile + ": good\n", ""))


class NodeLocal6(NodeLocal):
    """The same with IPv6 addresses."""

    family = 6


class NodeLocalNft(NodeLocal):
    """The same where iptables is the nft one."""

    kind = "nft"

    def tearDown(self):
        # Nothing of ours made a legacy table, through which every packet would go from then on.
        for name in ("ip_tables_names", "ip6_tables_names"):
            self.assertEqual(self.node.sh("cat /proc/net/%s 2>/dev/null || true" % name), "")
        super().tearDown()


class NodeLocalNft6(NodeLocalNft):
    family = 6


def load_tests(loader, _tests, _pattern):
    """The tests of a base class once: a derived one shall not run them again, but for IPv6."""
    suite = unittest.TestSuite()
    suite.addTests(loader.loadTestsFromTestCase(NodeLocal))
    suite.addTest(WithCache("test_answers_stay_when_the_cluster_dns_is_gone"))
    for base in (BothFamilies, BothFamiliesNft):
        suite.addTest(base("test_each_family_has_its_rules_and_loses_them_at_the_end"))
    suite.addTests(loader.loadTestsFromTestCase(Deployed))
    # What the rules are part of.
    for name in ("test_pods_are_answered_by_the_node_without_tracking",
                 "test_the_end_by_sigterm_leads_to_the_cluster_dns_at_once",
                 "test_a_killed_guardian_leads_to_the_cluster_dns",
                 "test_both_killed_at_once_lead_to_the_cluster_dns_and_the_next_starts_over_the_rest",
                 "test_without_tun_the_guardian_takes_away_a_killed_agents_interface",
                 "test_a_failed_bind_leaves_nothing",
                 "test_skipteardown_leaves_both_and_the_next_takes_them_over",
                 "test_what_somebody_takes_away_is_put_back"):
        suite.addTest(NodeLocalNft(name))
    for name in ("test_pods_are_answered_by_the_node_without_tracking",
                 "test_a_killed_agent_leads_to_the_cluster_dns",
                 "test_both_killed_at_once_lead_to_the_cluster_dns_and_the_next_starts_over_the_rest"):
        suite.addTest(NodeLocal6(name))
        suite.addTest(NodeLocalNft6(name))
    return suite


if __name__ == "__main__":
    tools = ("iptables-legacy", "iptables-nft-restore", "conntrack", "unshare", "nsenter", "ip")
    missing = [tool for tool in tools if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print("skipped: needs root and %s" % ", ".join(tools))
        sys.exit(77)
    unittest.main()
