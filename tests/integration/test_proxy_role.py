"""The real program with kube-proxy's arguments and manifests, in a network namespace of its own: its
pages, its health check ports, the sysctls it sets.

Needs root and the tools below; exits 77 (skipped) without.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import nameplane

CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clusterCIDR: 10.244.0.0/16
hostnameOverride: n1
oomScoreAdj: 500
conntrack:
  maxPerCore: 1000000
  tcpEstablishedTimeout: 5h
  tcpCloseWaitTimeout: 7m
  tcpBeLiberal: true
  udpTimeout: 31s
  udpStreamTimeout: 3m1s
%s
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.1
  externalTrafficPolicy: Local
  healthCheckNodePort: 32000
  ports: [{name: http, port: 80, nodePort: 30080}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: demo, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.244.0.5], nodeName: n1, conditions: {ready: %s}}
- {addresses: [10.244.0.6], nodeName: n2, conditions: {ready: true}}
"""
NODE = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {taints: [%s]}\n"
SYSCTLS = {"tcp_timeout_established": "18000", "tcp_timeout_close_wait": "420",
           "tcp_be_liberal": "1", "udp_timeout": "31", "udp_timeout_stream": "181"}


class ProxyRole(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.namespace = nameplane.Namespace()
        self.addCleanup(self.namespace.close)
        self.manifest("web.yaml", SERVICE % "true")
        self.manifest("node.yaml", NODE % "")

    def agent(self, more=""):
        """An agent with a /run of its own, and so an xtables lock."""
        config = self.write("config.conf", CONFIG % more)
        prefix = (*self.namespace.prefix, "unshare", "--mount", "sh", "-ec",
                  'mount -t tmpfs tmpfs /run; exec "$@"', "sh")
        agent = nameplane.Agent(["--config", config, "--manifests", self.manifests],
                                tempfile.mkdtemp(dir=self.folder), prefix)
        self.addCleanup(agent.kill)
        return agent

    def curl(self, url, *options):
        """The answer with its headers; None if nobody listens."""
        done = subprocess.run([*self.namespace.prefix, "curl", "-sS", "-i", *options, url],
                              capture_output=True, check=False, timeout=nameplane.WAIT_S)
        return None if done.returncode == 7 else done.stdout.decode("utf-8")

    def await_answer(self, url, *wanted):
        """The answer with its headers, once all of `wanted` is in it."""
        seen = []

        def has_all():
            answer = self.curl(url) or ""
            seen[:] = [answer]
            return answer if all(part in answer for part in wanted) else ""

        return nameplane.await_true(lambda: "%r at %s:\n%s" % (wanted, url, seen[0]), has_all)

    def await_nobody(self, url):
        nameplane.await_true("nobody listens at " + url, lambda: self.curl(url) is None)

    def sysctl(self, name):
        return self.namespace.run("cat", "/proc/sys/net/netfilter/nf_conntrack_" + name).strip()

    def test_pages_and_ports(self):
        agent = self.agent().started()
        self.assertNotIn("dns", agent.ports)
        self.assertEqual((agent.ports["proxy_health"], agent.ports["proxy_metrics"]), (10256, 10249))
        answer = self.await_answer("http://127.0.0.1:10256/healthz", "HTTP/1.1 200 OK", '"IPv4":{',
                                   '"IPv6":{')
        body = json.loads(answer.split("\r\n\r\n", 1)[1])
        self.assertEqual(sorted(body), ["currentTime", "healthy", "lastUpdated", "nodeEligible",
                                        "status"])
        answer = self.await_answer("http://127.0.0.1:10249/proxyMode", " 200 OK")
        self.assertTrue(answer.endswith("\r\n\r\niptables"), answer)
        page = self.await_answer("http://127.0.0.1:10249/metrics", " 200 OK")
        for family in ("IPv4", "IPv6"):
            self.assertRegex(page, r'kubeproxy_sync_proxy_rules_last_timestamp_seconds'
                                   r'\{ip_family="%s"\} [1-9]' % family)
        self.assertIn('kubeproxy_proxy_healthz_total{code="200"}', page)

        answer = self.await_answer("http://127.0.0.1:32000/", " 200 OK")
        self.assertRegex(answer, re.compile(
            r"\AHTTP/1\.1 200 OK\r\nContent-Type: application/json\r\n"
            r"X-Content-Type-Options: nosniff\r\nX-Load-Balancing-Endpoint-Weight: 1\r\n"
            r"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\nContent-Length: 111\r\n\r\n"
            r'\{\n\t"service": \{\n\t\t"namespace": "demo",\n\t\t"name": "web"\n\t\},\n'
            r'\t"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n\}\Z'))
        self.manifest("web.yaml", SERVICE % "false")
        self.await_answer("http://127.0.0.1:32000/", " 503 Service Unavailable")
        # The port tells what names tell, which wait a second at most for the writer of rules.
        self.await_answer("http://127.0.0.1:10249/metrics",
                          'kubeproxy_sync_proxy_rules_no_local_endpoints_total'
                          '{traffic_policy="external",ip_family="IPv4"} 1')

        self.manifest("node.yaml", NODE % "{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}")
        self.await_answer("http://127.0.0.1:10256/healthz", " 503 ",
                          '"nodeEligible":false,"healthy":true')
        self.await_answer("http://127.0.0.1:10256/livez", " 200 OK")
        os.remove(os.path.join(self.manifests, "web.yaml"))
        self.await_nobody("http://127.0.0.1:32000/")
        self.assertEqual(agent.stop(), 0)

    def test_stale_rules_are_unhealthy(self):
        agent = self.agent(more="iptables: {syncPeriod: 1s, minSyncPeriod: 500ms}").started()
        self.await_answer("http://127.0.0.1:32000/", " 200 OK")
        # Somebody holds the xtables lock, so that a change cannot be written.
        holder = subprocess.Popen(["nsenter", "--target", str(agent.process.pid), "--mount",
                                   "flock", "/run/xtables.lock", "sh", "-c", "echo up; read _"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            holder.stdout.readline()
            self.manifest("web.yaml", (SERVICE % "true").replace("10.244.0.5", "10.244.0.7"))
            agent.wait_for(r" rules\.refused ")
            self.await_answer("http://127.0.0.1:10256/livez", " 503 ")
            self.await_answer("http://127.0.0.1:32000/", '"serviceProxyHealthy": false')
        finally:
            holder.communicate(b"\n")
        self.await_answer("http://127.0.0.1:10256/livez", " 200 OK")

    def test_a_file_that_changes_makes_it_end(self):
        agent = self.agent("iptables: {masqueradeBit: 14}").started()
        path = os.path.join(self.folder, "config.conf")

        def written_in_place(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        # What is wrong is said, and changes nothing; nor does what means the same.
        self.write("config.conf", CONFIG % "iptables: {masqueradeBit: x}")
        agent.wait_for(r" config\.problem .*masqueradeBit")
        agent.wait_for(r" reload\.refused ")
        self.assertIsNone(agent.process.poll())
        self.write("config.conf", "# a remark\n" + CONFIG % "iptables: {masqueradeBit: 14}")
        agent.wait_for(r" reload\.done ")
        # The level of the log may change while it runs, the bit may not.
        written_in_place(CONFIG % "iptables: {masqueradeBit: 14}\nlogging: {verbosity: 5}")
        agent.wait_for(r" reload\.done ")
        self.assertIsNone(agent.process.poll())
        written_in_place(CONFIG % "iptables: {masqueradeBit: 15}")
        agent.wait_for(r" reload\.restart .*rules\.masquerade_bit")
        self.assertEqual(agent.process.wait(nameplane.WAIT_S), 1)

    def test_sysctls_and_oom_score(self):
        agent = self.agent().started()
        for (name, value) in SYSCTLS.items():
            self.assertEqual(self.sysctl(name), value, name)
        with open("/proc/%d/oom_score_adj" % agent.process.pid, encoding="ascii") as file:
            self.assertEqual(file.read(), "500\n")
        # The limit belongs to the first namespace; that it stays is said once.
        refused = [line for line in agent.read_lines() if " machine.refused " in line]
        self.assertEqual(len(refused), 1, refused)
        self.assertIn("nf_conntrack_max", refused[0])

    def test_init_only_sets_and_ends(self):
        with open("/proc/sys/net/netfilter/nf_conntrack_max", encoding="ascii") as file:
            before = file.read()
        done = subprocess.run([*self.namespace.prefix, nameplane.BINARY, "--init-only",
                               "--conntrack-udp-timeout=77s"], capture_output=True, text=True,
                              check=False, timeout=nameplane.WAIT_S)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(self.sysctl("udp_timeout"), "77")
        self.assertEqual(self.namespace.run("cat", "/proc/sys/net/ipv4/conf/all/route_localnet"),
                         "1\n")
        with open("/proc/sys/net/netfilter/nf_conntrack_max", encoding="ascii") as file:
            self.assertEqual(file.read(), before)

    def test_a_port_that_is_taken_is_fatal_only_if_asked_for(self):
        holder = subprocess.Popen([*self.namespace.prefix, sys.executable, "-c", "import socket\n"
                                   "s = socket.create_server(('', 10256))\nprint('up', flush=True)\n"
                                   "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            holder.stdout.readline()
            agent = self.agent(more="bindAddressHardFail: true")
            self.assertEqual(agent.end(), 1)
            self.assertIn("proxy_health: bind [::]:10256", "\n".join(agent.lines))
            agent = self.agent().started()
            self.assertNotIn("proxy_health", agent.ports)
            agent.wait_for(r" admin\.taken what=proxy_health ", seen=True)
        finally:
            holder.communicate(b"\n")
        self.await_answer("http://127.0.0.1:10256/livez", " 200 OK")


def missing():
    if os.geteuid() != 0:
        return "not root"
    for tool in ("unshare", "nsenter", "ip", "curl", "flock", "iptables-legacy-save"):
        if shutil.which(tool) is None:
            return "no " + tool
    return None


if __name__ == "__main__":
    reason = missing()
    if reason:
        print("skipped: " + reason)
        sys.exit(77)
    unittest.main()
