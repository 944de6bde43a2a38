"""The agent in kube-proxy's place, beside a real kube-proxy with the same arguments on the same API
server: its pages, its health check ports, its metrics, the file that it writes, and the role that it
needs."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time

import api_client
import cluster_test
import control_plane
import proxy_pair
from cluster_test import NODE, await_true, run
from expected import nameplane

FLAGS = ("--cluster-cidr=10.244.0.0/16,fd00:244::/48",)
TAINT = {"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule", "value": "1"}
# Metrics that Go programs of Kubernetes have and nobody else can (docs/from-kube-proxy.md).
NOT_OURS = re.compile(r"go_|kubernetes_feature_enabled$|rest_client_(?!requests_total$|"
                      r"request_duration_seconds$)|apiserver_|authentication_|authorization_|"
                      r"hidden_metrics_total$|disabled_metrics_total$|registered_metrics_total$|"
                      r"aggregator_|cardinality_enforcement|workqueue_|leader_election_")


# kube-proxy shows these from the first time on, we show a 0 before.
NOT_YET = {"kubeproxy_sync_proxy_rules_" + name for name in (
    "iptables_restore_failures_total", "iptables_partial_restore_failures_total",
    "nftables_sync_failures_total", "nftables_cleanup_failures_total")} | {
        "kubeproxy_conntrack_reconciler_deleted_entries_total",
        "kubeproxy_conntrack_reconciler_sync_duration_seconds"}


class Node(proxy_pair.Node):
    def curl(self, url, *options):
        """The answer with its headers, and without when that was; None if nobody listens."""
        done = subprocess.run([*self.enter(), "curl", "-sS", "-i", "--max-time", "60", *options, url],
                              capture_output=True, check=False)
        if done.returncode == 7:
            return None
        return re.sub(r"\r\nDate: [^\r]*\r\n", "\r\nDate: then\r\n", done.stdout.decode("utf-8"))

    def status(self, url):
        answer = self.curl(url)
        return answer and int(answer.split()[1])

    def body(self, url):
        return self.curl(url).split("\r\n\r\n", 1)[1]


class ProxyRole(proxy_pair.NodesTest):
    maxDiff = None
    moves = 0

    def pair(self, name, mode="iptables", flags=()):
        """Two nodes, kube-proxy on the first, ours with the same arguments on the second."""
        nodes = (Node("kp-" + name, self.plane), Node("np-" + name, self.plane))
        for node in nodes:
            self.addCleanup(node.close)
        proxy = proxy_pair.start_kube_proxy(nodes[0], self.folder, mode, [*FLAGS, *flags])
        self.addCleanup(proxy.kill)
        self.agent = nameplane.Agent(
            ["--proxy-mode=" + mode, "--kubeconfig=" + nodes[1].kubeconfig,
             "--hostname-override=" + NODE, *proxy_pair.QUIET, *FLAGS, *flags, "--state-file", ""],
            tempfile.mkdtemp(dir=self.folder), nodes[1].enter())
        self.addCleanup(self.agent.kill)
        self.agent.started()
        for node in nodes:
            await_true(node.name + " is healthy", lambda: node.status(
                "http://127.0.0.1:10256/healthz") == 200)
        return nodes

    def await_both(self, nodes, what, condition):
        for node in nodes:
            await_true("%s: %s" % (node.name, what), lambda: condition(node))

    def await_same(self, nodes, what, url, *options):
        """Until both give the same answer, which `what` is found in."""
        for node in nodes:
            await_true("%s says %r at %s" % (node.name, what, url),
                       lambda: what in (node.curl(url, *options) or ""))
        answers = []

        def are_equal():
            answers[:] = [node.curl(url, *options) for node in nodes]
            return answers[0] == answers[1]
        await_true(lambda: "both say the same at %s:\n%s\n%s" % (url, *answers), are_equal)
        return answers[0]

    def test_pages(self):
        nodes = self.pair("pages")
        self.assertNotIn("dns", self.agent.ports)
        health = "http://127.0.0.1:10256/"
        self.await_both(nodes, "both families were written", lambda node: len(
            json.loads(node.body(health + "livez")).get("status", ())) == 2)
        for (page, has_node) in (("healthz", True), ("livez", False)):
            (theirs, ours) = (json.loads(node.body(health + page)) for node in nodes)
            self.assertEqual(list(theirs), list(ours))
            self.assertEqual("nodeEligible" in ours, has_node)
            self.assertEqual(theirs["status"].keys(), ours["status"].keys())
            self.assertTrue(ours["healthy"])
            self.assertRegex(ours["lastUpdated"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
            headers = [dict(line.split(": ", 1) for line in node.curl(health + page)
                            .split("\r\n\r\n")[0].split("\r\n")[1:]) for node in nodes]
            for header in ("Content-Type", "X-Content-Type-Options"):
                self.assertEqual(headers[0][header], headers[1][header])
        # Every address of both families.
        for address in ("192.168.77.1", "[::1]", "[fd00:77::1]"):
            self.assertEqual(nodes[1].status("http://%s:10256/livez" % address), 200)

        self.api.patch("Node", None, NODE, {"spec": {"taints": [TAINT]}})
        self.addCleanup(self.api.patch, "Node", None, NODE, {"spec": {"taints": None}})
        self.await_both(nodes, "the taint counts", lambda node: node.status(health + "healthz") == 503)
        self.await_both(nodes, "it is alive", lambda node: node.status(health + "livez") == 200)
        for node in nodes:
            self.assertFalse(json.loads(node.body(health + "healthz"))["nodeEligible"])
        self.api.patch("Node", None, NODE, {"spec": {"taints": None}})
        self.await_both(nodes, "it is over", lambda node: node.status(health + "healthz") == 200)

        metrics = "http://127.0.0.1:10249/"
        # Whatever the method, with a body and without.
        for method in (("-I",), ("-X", "POST"), ("-X", "PUT", "-d", "x"), ("-X", "OPTIONS")):
            for url in (health + "livez", health + "none", metrics + "proxyMode", metrics + "none"):
                self.assertEqual(*(node.curl(url, *method).split()[1] for node in nodes),
                                 (url, method))
            self.assertEqual(*(sorted(line for line in node.curl(metrics + "proxyMode", *method)
                                      .splitlines() if not line.startswith("Keep-Alive"))
                               for node in nodes))
        for page in ("proxyMode", "healthz", "healthz/ping", "healthz?verbose", "healthz/", "none"):
            self.assertEqual(*(node.body(metrics + page) for node in nodes))
        for node in nodes:
            self.assertEqual(node.status(metrics + "debug/pprof/"), 404)
        self.assertIsNone(nodes[1].curl("http://192.168.77.1:10249/metrics"))

    def test_node_that_is_deleted(self):
        nodes = self.pair("deleted")
        self.api.patch("Node", None, NODE, {"metadata": {"finalizers": ["test.example/keep"]}})
        try:
            self.api.delete("Node", None, NODE)
            self.await_both(nodes, "the Node goes", lambda node: node.status(
                "http://127.0.0.1:10256/healthz") == 503)
            self.await_both(nodes, "it is alive", lambda node: node.status(
                "http://127.0.0.1:10256/livez") == 200)
        finally:
            self.api.patch("Node", None, NODE, {"metadata": {"finalizers": None}})
            api_client.until_done(lambda: self.api.create(self.plane.kubelet.node_object()))
            self.give_addresses()

    def balanced(self, name, port, families=("IPv4",), **spec):
        self.api.create(self.service(
            name, type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=port,
            ipFamilies=list(families), ipFamilyPolicy="RequireDualStack" if len(families) > 1 else
            "SingleStack", **spec))
        self.addCleanup(self.api.delete, "Service", "default", name)

    def local_slice(self, name, service, conditions):
        """A slice with an endpoint for each (address, node, conditions)."""
        value = self.slice(name, service, [address for (address, _, _) in conditions])
        for (endpoint, (_, node, of_endpoint)) in zip(value["endpoints"], conditions):
            endpoint["nodeName"] = node
            endpoint["conditions"] = of_endpoint
        return value

    def test_health_check_ports(self):
        nodes = self.pair("ports")
        ready = {"ready": True, "serving": True, "terminating": False}
        going = {"ready": False, "serving": True, "terminating": True}
        self.balanced("web", 32100)
        self.balanced("other", 32101, ("IPv6",))
        url = "http://127.0.0.1:32100/"
        answer = self.await_same(nodes, '"localEndpoints": 0', url)
        self.assertTrue(answer.startswith("HTTP/1.1 503 Service Unavailable\r\n"))
        self.api.create(self.local_slice("web-1", "web", [
            ("10.244.0.7", NODE, ready), ("10.244.0.8", NODE, ready), ("10.244.0.9", NODE, going),
            ("10.244.3.7", "node-2", ready)]))
        self.addCleanup(self.api.delete, "EndpointSlice", "default", "web-1")
        answer = self.await_same(nodes, '"localEndpoints": 2', url)
        self.assertTrue(answer.startswith("HTTP/1.1 200 OK\r\n"))
        self.assertIn("\r\nX-Load-Balancing-Endpoint-Weight: 2\r\n", answer)
        for options in (("-I",), ("-0",), ("-H", "Connection: close"), ("-H", "Host:"), ("-d", "x=y"),
                        ("-X", "BREW")):
            self.await_same(nodes, "HTTP/1.", url + "any/path?x=1", *options)
        # Two questions on one connection.
        self.assertEqual(*(node.curl(url, url) for node in nodes))
        for address in ("192.168.77.2", "[fd00:77::1]", "[::1]"):
            self.await_same(nodes, '"localEndpoints": 2', "http://%s:32100/" % address)
        self.await_same(nodes, '"name": "other"', "http://[::1]:32101/")
        # The Service gives up: nobody listens any more.
        self.api.patch("Service", "default", "web", {"spec": {"externalTrafficPolicy": "Cluster"}})
        self.await_both(nodes, "the port is closed", lambda node: node.curl(url) is None)

    def test_health_check_ports_where_node_ports_answer(self):
        nodes = self.pair("some", flags=["--nodeport-addresses=192.168.77.2/32,fd00:77::/64"])
        self.balanced("both", 32110, ("IPv4", "IPv6"))
        for address in ("192.168.77.2", "[fd00:77::1]"):
            self.await_same(nodes, '"name": "both"', "http://%s:32110/" % address)
        for address in ("192.168.77.1", "127.0.0.1", "[::1]"):
            self.assertEqual([node.curl("http://%s:32110/" % address) for node in nodes],
                             [None, None])

    def test_a_port_that_is_taken_is_tried_again(self):
        nodes = self.pair("taken")
        holder = subprocess.Popen([*nodes[1].enter(), "python3", "-c", "import socket\n"
                                   "s = socket.create_server(('', 32120))\nprint('up', flush=True)\n"
                                   "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        holder.stdout.readline()
        self.balanced("late", 32120)
        self.agent.wait_for(r"health_port\.refused .*default/late")
        holder.stdin.close()
        holder.wait()
        self.await_same(nodes, '"name": "late"', "http://127.0.0.1:32120/")
        self.agent.wait_for(r"health_port\.bound")

    def metrics_of(self, node):
        """{name: (kind and help, label names, bounds)} of what is not Go's."""
        (found, kinds, helps) = ({}, {}, {})
        for line in node.body("http://127.0.0.1:10249/metrics").splitlines():
            if line.startswith("# HELP "):
                (_, _, name, text) = line.split(" ", 3)
                helps[name] = text
            if line.startswith("# TYPE "):
                (_, _, name, kind) = line.split()
                kinds[name] = kind
            if line.startswith("#") or not line:
                continue
            (name, labels) = re.match(r"([a-z0-9_]+)(?:\{(.*)\})?", line).groups()
            pairs = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
            bound = pairs.pop("le", None)
            base = name
            for suffix in ("_bucket", "_count", "_sum"):
                if kinds.get(name.removesuffix(suffix)) == "histogram":
                    base = name.removesuffix(suffix)
            if NOT_OURS.match(base):
                continue
            (_, keys, bounds, values) = found.setdefault(
                base, ((kinds.get(base), helps.get(base)), set(), set(), set()))
            keys.add(tuple(sorted(pairs)))
            values.update((key, value) for (key, value) in pairs.items()
                          if key in ("ip_family", "table", "traffic_policy"))
            if bound is not None and base.startswith("kubeproxy_"):
                bounds.add(float(bound))
        return found

    def check_metrics(self, mode):
        nodes = self.pair("m-" + mode, mode)
        self.balanced("m-" + mode, 32130 if mode == "iptables" else 32131)
        self.api.create(self.local_slice("m-1", "m-" + mode, [("10.244.0.7", NODE, {"ready": True})]))
        self.addCleanup(self.api.delete, "EndpointSlice", "default", "m-1")
        for node in nodes:
            for page in ("healthz", "livez"):
                node.curl("http://127.0.0.1:10256/" + page)
        await_true("kube-proxy wrote something twice", lambda: self.changed_once_more(nodes[0]))
        await_true("so did we", lambda: self.complete(nodes[1]))
        found = []

        def are_alike():
            found[:] = self.unlike(*(self.metrics_of(node) for node in nodes))
            return not found
        await_true(lambda: "metrics are alike, but\n" + "\n".join(found), are_alike)

        def values_are_equal():
            found[:] = [self.same_values_of(node) for node in nodes]
            return found[0] == found[1] and len(found[0]) >= (10 if mode == "iptables" else 6)
        await_true(lambda: "values are equal, but\n%s\n%s" % tuple(found), values_are_equal)

    @staticmethod
    def same_values_of(node):
        """{name and labels: value} of what the same history makes the same."""
        return {(match[1], tuple(sorted((match[2] or "").split(",")))): float(match[3])
                for match in re.finditer(
                    r"^kubeproxy_sync_proxy_rules_(iptables_total|no_local_endpoints_total|"
                    r"\w+_changes_pending)(?:\{(.*)\})? (\S+)$",
                    node.body("http://127.0.0.1:10249/metrics"), re.M)}

    @staticmethod
    def unlike(wanted, ours):
        """What of kube-proxy's metrics is not among ours as it is there, and what is more."""
        lines = [] if len(wanted) > 15 else ["only %d of kube-proxy's" % len(wanted)]
        nothing = (None, set(), set(), set())
        for (name, of_name) in wanted.items():
            own = ours.get(name, nothing)
            if own[:3] != of_name[:3] or not of_name[3] <= own[3]:
                lines.append("%s: there %s, ours %s" % (name, of_name, own))
        others = {name for name in ours if name.startswith("kubeproxy_")} - set(wanted)
        return lines + ["only ours: " + name for name in sorted(others - NOT_YET)]

    def changed_once_more(self, node):
        """Moves the endpoint, and says when, by which both measure how long that took."""
        self.moves += 1
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.api.patch("EndpointSlice", "default", "m-1", {
            "metadata": {"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": now}},
            "endpoints": [{"addresses": ["10.244.0.%d" % (10 + self.moves % 200)],
                           "nodeName": NODE, "conditions": {"ready": True}}]})
        return self.complete(node)

    def complete(self, node):
        found = self.metrics_of(node)
        return found if "kubeproxy_sync_partial_proxy_rules_duration_seconds" in found and \
            "kubeproxy_network_programming_duration_seconds" in found else None

    def test_metrics_of_iptables(self):
        self.check_metrics("iptables")

    def test_metrics_of_nftables(self):
        self.check_metrics("nftables")

    def test_the_file_that_is_written(self):
        for flags in ((), ("--proxy-mode=nftables", "--masquerade-all", "--iptables-sync-period=40s",
                           "--cluster-cidr=10.0.0.0/8,fd00::/8", "--nodeport-addresses=primary",
                           "--feature-gates=ContextualLogging=true", "--oom-score-adj=0", "-v=4"),
                      ("--bind-address=10.1.2.3", "--conntrack-tcp-timeout-established=0",
                       "--detect-local-mode=BridgeInterface", "--pod-bridge-interface=cni0",
                       "--nodeport-addresses=10.0.0.0/8,fd00::/8", "--kube-api-qps=2.5",
                       "--iptables-localhost-nodeports=false", "--iptables-masquerade-bit=3",
                       "--metrics-bind-address=0.0.0.0:10249"),
                      # The file cannot say that a page is off.
                      ("--healthz-port=0", "--metrics-port=0"), ("--healthz-bind-address=",),
                      ("--healthz-port=10300", "--metrics-port=10301")):
            texts = []
            for program in (proxy_pair.KUBE_PROXY, nameplane.BINARY):
                path = os.path.join(self.folder, "written.yaml")
                subprocess.run([program, "--write-config-to=" + path, *flags], check=True,
                               capture_output=True, timeout=nameplane.WAIT_S)
                with open(path, encoding="utf-8") as file:
                    texts.append(file.read())
                os.unlink(path)
            self.assertEqual(*texts)

    def test_a_file_that_is_written_to_ends_both(self):
        text = ("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
                "clientConnection: {kubeconfig: %s}\nconntrack: {maxPerCore: 0, min: 0}\n"
                "iptables: {masqueradeBit: %d}\n")
        nodes = (Node("kp-file", self.plane), Node("np-file", self.plane))
        files = []
        for node in nodes:
            self.addCleanup(node.close)
            files.append(self.write(node.name, text % (node.kubeconfig, 14)))
        proxy = proxy_pair.start_kube_proxy(nodes[0], self.folder, "iptables",
                                            ["--config=" + files[0]])
        self.addCleanup(proxy.kill)
        agent = nameplane.Agent(["--config", files[1], "--hostname-override", NODE, "--state-file", ""],
                                tempfile.mkdtemp(dir=self.folder), nodes[1].enter())
        self.addCleanup(agent.kill)
        agent.started()
        for node in nodes:
            await_true(node.name + " is healthy", lambda: node.status(
                "http://127.0.0.1:10256/healthz") == 200)
        for (node, path, process) in zip(nodes, files, (proxy.process, agent.process)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text % (node.kubeconfig, 15))
            self.assertEqual(process.wait(nameplane.WAIT_S), 1)

    def test_the_role_of_kube_proxy_is_enough(self):
        self.api.create({"apiVersion": "v1", "kind": "ServiceAccount",
                         "metadata": {"name": "proxy", "namespace": "kube-system"}})
        self.api.create({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "test:proxy"},
            "subjects": [{"kind": "ServiceAccount", "name": "proxy", "namespace": "kube-system"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": "system:node-proxier"}})
        token = self.write("token", self.api.token("kube-system", "proxy"))
        kubeconfig = self.plane.kubeconfig("proxy.kubeconfig", {"tokenFile": token})
        config = self.write("config.conf", "apiVersion: kubeproxy.config.k8s.io/v1alpha1\n"
                            "kind: KubeProxyConfiguration\nclientConnection: {kubeconfig: %s}\n"
                            "clusterCIDR: 10.244.0.0/16\nconntrack: {maxPerCore: 0}\n" % kubeconfig)
        agent = nameplane.Agent(["--config", config, "--hostname-override", NODE, "--state-file", ""],
                                tempfile.mkdtemp(dir=self.folder))
        self.addCleanup(agent.kill)
        agent.started()
        self.api.create(self.service("by-role"))
        address = self.api.get("Service", "default", "by-role")["spec"]["clusterIP"]
        await_true("its rules are there", lambda: address in run("iptables-legacy-save"))
        self.assertEqual([line for line in agent.read_lines() if " error " in line or "403" in line],
                         [])
        self.assertEqual(agent.stop(signal.SIGTERM), 0)


if __name__ == "__main__":
    cluster_test.main()
