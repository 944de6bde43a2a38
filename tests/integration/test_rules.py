"""The real program with rules: in network namespaces of its own, so that nobody else's are touched.

Needs root and the legacy iptables tools; exits 77 (skipped) without.
"""

import os
import shutil
import subprocess
import sys
import unittest

import nameplane

WEB = "web.demo.svc.cluster.local"
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: demo, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [%s], conditions: {ready: true}}
"""
CONFIG = """\
[rules]
mode = "iptables"
publish_wait = "%s"
[admin]
ready = "127.0.0.1:0"
metrics = "127.0.0.1:0"
"""


# Runs its arguments where socket(AF_INET6, ...) fails as on a kernel with ipv6.disable=1.
WITHOUT_IPV6 = """\
import ctypes, errno, os, platform, struct, sys
number = {"x86_64": 41, "aarch64": 198}[platform.machine()]
load, equal, give = 0x20, 0x15, 0x06
code = b"".join(struct.pack("HBBI", *step) for step in [
    (load, 0, 0, 0), (equal, 0, 3, number),  # which call
    (load, 0, 0, 16), (equal, 0, 1, 10),     # its first argument
    (give, 0, 0, 0x50000 | errno.EAFNOSUPPORT), (give, 0, 0, 0x7fff0000)])
program = ctypes.create_string_buffer(code)
filter = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(program))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(filter), 0, 0):
    sys.exit("no seccomp: %d" % ctypes.get_errno())
os.execvp(sys.argv[1], sys.argv[1:])
"""

LOCALNET = "/proc/sys/net/ipv4/conf/all/route_localnet"


class Rules(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.namespace = nameplane.Namespace()
        self.addCleanup(self.namespace.close)
        self.manifest("web.yaml", SERVICE % "10.244.0.5")

    def agent(self, publish_wait="60s", extra_prefix=()):
        config = self.write("np.toml", CONFIG % publish_wait)
        return self.start("--config", config, prefix=(*self.namespace.prefix, *extra_prefix))

    def inside(self, agent, code):
        """Runs Python in the namespace with the agent's ports."""
        return self.namespace.run(sys.executable, "-c",
                                  "import sys; sys.path.insert(0, %r)\n" % os.path.dirname(__file__)
                                  + "import nameplane\nagent = nameplane.Agent.__new__(nameplane.Agent)\n"
                                  + "agent.ports = %r\n" % agent.ports + code)

    def rules(self):
        return self.namespace.run("iptables-legacy-save")

    def test_rules_first_names_second_then_cleanup(self):
        agent = self.agent().started()
        agent.wait_for(r" agent\.ready\b")
        # The name waits for its rules, a minute if need be: once it is there, so are they.
        self.assertEqual(self.inside(agent, "print(agent.udp(%r).data('A'))" % WEB),
                         "['10.96.0.1']\n")
        self.assertIn("--to-destination 10.244.0.5:8080", self.rules())
        self.assertEqual(self.inside(agent, "print(agent.get('ready'))"), "(200, 'OK')\n")
        self.assertEqual(self.namespace.run("cat", LOCALNET), "1\n")
        self.manifest("web.yaml", SERVICE % "10.244.0.6")
        agent.wait_for(r" rules\.written family=ipv4\b")
        self.assertIn("--to-destination 10.244.0.6:8080", self.rules())
        self.assertNotIn("10.244.0.5:8080", self.rules())

        self.assertEqual(agent.stop(), 0)
        self.assertIn("--to-destination 10.244.0.6:8080", self.rules())
        # The lock is the machine's, and other tests take it, too.
        self.namespace.run("iptables-legacy", "-w", str(nameplane.WAIT_S), "-t", "nat", "-A", "OUTPUT",
                           "-d", "192.0.2.1", "-j", "ACCEPT")
        self.namespace.run(nameplane.BINARY, "cleanup")
        # KUBE-FIREWALL belongs to the kubelet as well, and is nobody's to remove.
        left = [line for line in self.rules().splitlines() if "KUBE-FIREWALL" not in line]
        self.assertNotIn("KUBE-", "\n".join(left))
        self.assertIn("-A OUTPUT -d 192.0.2.1/32 -j ACCEPT", self.rules())

    def test_auto_takes_nftables_from_iptables_and_repairs(self):
        agent = self.agent().started()
        agent.wait_for(r" agent\.ready\b")
        self.assertIn("--to-destination 10.244.0.5:8080", self.rules())
        self.assertEqual(agent.stop(), 0)
        config = self.write("auto.toml", CONFIG.replace("iptables", "auto") % "60s")
        agent = self.start("--config", config, prefix=self.namespace.prefix).started()
        agent.wait_for(r" agent\.ready\b")
        table = self.namespace.run("nft", "list", "table", "ip", "nameplane")
        self.assertIn('10.96.0.1 . tcp . 80 . 0 comment "demo/web:http" : 10.244.0.5 . 8080', table)
        self.assertNotIn("KUBE-SVC", self.rules())
        self.namespace.run("nft", "flush ruleset")
        agent.wait_for(r" rules\.disturbed family=ipv4\b")
        self.assertEqual(self.namespace.run("nft", "list", "table", "ip", "nameplane"), table)
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.namespace.run("nft", "list", "table", "ip", "nameplane"), table)
        self.namespace.run("nft", "add table ip kube-proxy")
        self.namespace.run(nameplane.BINARY, "cleanup")
        self.assertNotIn("nameplane", self.namespace.run("nft", "list", "tables"))
        self.assertNotIn("kube-proxy", self.namespace.run("nft", "list", "tables"))

    def owner_of(self, *tables):
        """A program whose own these nftables tables are, until its input ends."""
        owner = subprocess.Popen([*self.namespace.prefix, "nft", "-i"], stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, text=True)
        self.addCleanup(owner.wait)
        self.addCleanup(owner.kill)
        for table in tables:
            owner.stdin.write("add table %s { flags owner; }\nadd chain %s theirs\n" % (table, table))
        owner.stdin.flush()
        nameplane.await_true("the last one is there", lambda: "table " + tables[-1] in
                             self.namespace.run("nft", "list tables"))
        return owner

    def test_tables_that_are_somebody_elses_own(self):
        owner = self.owner_of("ip nameplane", "ip kube-proxy")
        config = self.write("nft.toml", CONFIG.replace("iptables", "nftables") % "60s")
        agent = self.start("--config", config, prefix=self.namespace.prefix).started()
        agent.wait_for(r" rules\.refused family=ipv4 .*Operation not permitted", seen=True)
        table = self.namespace.run("nft", "list table ip nameplane")
        self.assertIn("chain theirs", table)
        self.assertNotIn("10.96.0.1", table)
        done = subprocess.run([*self.namespace.prefix, nameplane.BINARY, "cleanup"], check=False,
                              capture_output=True, text=True, timeout=nameplane.WAIT_S)
        self.assertEqual((done.returncode, done.stderr), (
            1, "nameplane: ipv4: nftables table nameplane: delete table: Operation not permitted; "
            "nftables table kube-proxy: delete table: Operation not permitted\n"))
        owner.stdin.close()
        owner.wait()
        agent.wait_for(r" rules\.recovered family=ipv4\b")
        self.assertIn("10.96.0.1", self.namespace.run("nft", "list table ip nameplane"))
        self.assertEqual(agent.stop(), 0)

    def test_a_kernel_without_ipv6_needs_no_rules_of_it(self):
        for mode, shown in (("iptables", ("iptables-legacy-save",)),
                            ("nftables", ("nft", "list", "table", "ip", "nameplane"))):
            config = self.write(mode + ".toml", CONFIG.replace("iptables", mode) % "60s")
            agent = self.start("--config", config, prefix=(
                *self.namespace.prefix, sys.executable, "-c", WITHOUT_IPV6)).started()
            agent.wait_for(r" rules\.no_family family=ipv6\b", seen=True)
            agent.wait_for(r" agent\.ready\b", seen=True)
            self.assertIn("10.244.0.5", self.namespace.run(*shown))
            self.assertEqual(self.inside(agent, "print(agent.get('ready'))"), "(200, 'OK')\n")
            self.assertEqual(agent.stop(), 0)
            self.assertNotIn("rules.refused", "\n".join(agent.lines))
            self.assertNotIn("ip6 nameplane", self.namespace.run("nft", "list", "tables"))

    def test_names_are_served_when_the_kernel_refuses(self):
        # Everything but the right to change the network.
        agent = self.agent("100ms", ("setpriv", "--bounding-set=-net_admin",
                                     "--inh-caps=-net_admin")).started()
        # Which comes first depends on how long the first try at the kernel takes.
        agent.wait_for(r" rules\.refused\b", seen=True)
        agent.wait_for(r" names\.overtaken\b", seen=True)
        self.assertEqual(self.inside(agent, "print(agent.udp(%r).data('A'))" % WEB),
                         "['10.96.0.1']\n")
        ready = self.inside(agent, "print(agent.get('ready'))")
        self.assertTrue(ready.startswith("(200, 'OK\\nrules: never applied, last error: "), ready)
        self.assertIn("nameplane_names_overtaken_total 1",
                      self.inside(agent, "print(agent.get('metrics')[1])"))
        self.assertEqual(agent.stop(), 0)

    def test_not_ready_while_names_wait_for_rules_that_do_not_come(self):
        agent = self.agent("60s", ("setpriv", "--bounding-set=-net_admin",
                                   "--inh-caps=-net_admin")).started()
        agent.wait_for(r" rules\.refused\b", seen=True)
        ready = self.inside(agent, "print(agent.get('ready'))")
        self.assertTrue(ready.startswith(
            "(503, 'kubernetes,rules\\nrules: never applied, last error: "), ready)
        self.assertEqual(self.inside(agent, "print(agent.udp(%r).rcode)" % WEB), "SERVFAIL\n")
        self.assertEqual(agent.stop(), 0)

    def test_the_node_object_decides_who_is_local(self):
        config = CONFIG % "60s" + '[node]\nname = "n1"\n'
        config = config.replace("[admin]", 'detect_local_mode = "node_cidr"\n[admin]')
        path = self.write("np.toml", config)
        agent = self.start("--config", path, prefix=self.namespace.prefix).started()
        agent.wait_for(r" agent\.ready\b")
        self.assertTrue(any(" rules.no_pod_cidr " in line for line in agent.lines), agent.lines)
        self.assertNotIn("! -s 10.244.7.0/24", self.rules())
        self.manifest("node.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"
                                   "spec: {podCIDRs: [10.244.7.0/24]}\n")
        agent.wait_for(r" rules\.settings_changed\b")
        agent.wait_for(r" rules\.written family=ipv4\b")
        self.assertIn("! -s 10.244.7.0/24 -d 10.96.0.1/32", self.rules())
        self.assertEqual(agent.stop(), 0)


def missing():
    if os.geteuid() != 0:
        return "not root"
    for tool in ("unshare", "nsenter", "ip", "setpriv", "iptables-legacy", "iptables-legacy-save", "nft"):
        if shutil.which(tool) is None:
            return tool + " is not installed"
    probe = subprocess.run(["unshare", "--net", "iptables-legacy-save", "-t", "nat"],
                           capture_output=True, text=True, check=False)
    return probe.stderr.strip() if probe.returncode != 0 else None


if __name__ == "__main__":
    reason = missing()
    if reason:
        print("skipped: " + reason)
        sys.exit(77)
    unittest.main()
