"""What deploy/ gives is enough, and all of it is needed; its manifests are what the API server takes."""

import json
import re

import api_client
import cluster_test
import control_plane
import imports
from cluster_test import await_true
from expected import nameplane

DEPLOY = control_plane.ROOT / "deploy"


def documents(name):
    """(kind, namespace, YAML) of each document of a file in deploy/."""
    for text in re.split(r"^---$", (DEPLOY / name).read_text(), flags=re.MULTILINE):
        kind = re.search(r"^kind: (\w+)$", text, re.MULTILINE).group(1)
        namespace = re.search(r"^  namespace: (\S+)$", text, re.MULTILINE)
        yield (kind, namespace and namespace.group(1), text)


class Rbac(cluster_test.ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apply("rbac.yaml")

    @classmethod
    def apply(cls, name, query=""):
        """As kubectl would, but nothing may exist yet, and fields that are unknown are refused;
        what the server made of it."""
        answers = []
        for (kind, namespace, text) in documents(name):
            path = api_client.path_of(kind, namespace) + "?fieldValidation=Strict" + query
            (status, answer) = cls.post_yaml(path, text)
            if status // 100 != 2:
                raise AssertionError("%s: %s: %s" % (name, kind, answer))
            answers.append(json.loads(answer))
        return answers

    @classmethod
    def post_yaml(cls, path, text):
        connection = cls.api._connect(60)
        try:
            connection.request("POST", path, text.encode(),
                               {**cls.api.headers, "Content-Type": "application/yaml"})
            response = connection.getresponse()
            return (response.status, response.read().decode())
        finally:
            connection.close()

    def agent_of(self, account, *arguments, **options):
        token = self.write("token-" + account, self.api.token("kube-system", account))
        kubeconfig = self.plane.kubeconfig(account + ".kubeconfig", {"tokenFile": token})
        return self.start_agent(*arguments, kubeconfig=kubeconfig, **options).started()

    def without(self, role, resource):
        """Takes one resource out of a role until the end of the test."""
        kept = self.api.get("ClusterRole", None, role)
        rules = [dict(rule, resources=[one for one in rule["resources"] if one != resource])
                 for rule in kept["rules"]]
        self.assertNotEqual(rules, kept["rules"])
        change = {"rules": [rule for rule in rules if rule["resources"]]}
        self.api.patch("ClusterRole", None, role, change)
        self.addCleanup(self.api.patch, "ClusterRole", None, role, {"rules": kept["rules"]})

    def refuses(self, account, resource, group):
        """Whether the server does; it hears of a role that changed a moment later."""
        path = ("/apis/%s/v1/%s" % (group, resource)) if group else "/api/v1/" + resource
        connection = self.api._connect(60)
        try:
            connection.request("GET", path + "?limit=1", headers={
                "Authorization": "Bearer " + self.api.token("kube-system", account)})
            return connection.getresponse().status == 403
        finally:
            connection.close()

    def lacks(self, account, resource, group, **options):
        await_true("the role is without %s" % resource, lambda: self.refuses(account, resource, group))
        agent = self.agent_of(account, **options)
        words = ("403", r"\b(list|watch)\b", r"\b%s\b" % resource, re.escape(group))
        self.await_lines(agent, resource, *words)

        def says():
            (status, body) = agent.get("ready")
            return status == 503 and all(re.search(word, body) for word in words)
        await_true("/ready names %s" % resource, says)
        agent.kill()

    def test_cluster_dns_is_ready_with_its_role(self):
        agent = self.agent_of("nameplane", rules=False)
        self.await_ready(agent)
        self.await_name(agent, "kubernetes")
        self.assertNotIn("(403)", "\n".join(agent.read_lines()))
        self.assertEqual(agent.stop(), 0)

    def test_node_agent_is_ready_with_its_roles(self):
        agent = self.agent_of("nameplane-node")
        self.await_ready(agent)
        self.await_equal(agent)
        self.assertNotIn("(403)", "\n".join(agent.read_lines()))
        self.assertEqual(agent.stop(), 0)
        agent = self.agent_of("nameplane-node", "--rules", "nftables")
        self.await_ready(agent)
        await_true("ServiceCIDRs are listed", lambda: any(
            "api.listed" in line and "ServiceCIDR" in line for line in agent.read_lines()))
        self.assertNotIn("(403)", "\n".join(agent.read_lines()))
        self.assertEqual(agent.stop(), 0)

    def test_without_services(self):
        self.without("nameplane", "services")
        self.lacks("nameplane", "services", "", rules=False)

    def test_without_slices(self):
        self.without("nameplane", "endpointslices")
        self.lacks("nameplane", "endpointslices", "discovery.k8s.io", rules=False)

    def test_without_namespaces(self):
        self.without("nameplane", "namespaces")
        self.lacks("nameplane", "namespaces", "", rules=False)

    def test_without_nodes(self):
        self.without("nameplane-node", "nodes")
        self.lacks("nameplane-node", "nodes", "")

    def test_without_service_cidrs(self):
        """Only rules of nftables want them, and do without."""
        self.without("nameplane-node", "servicecidrs")
        await_true("the role is without servicecidrs", lambda: self.refuses(
            "nameplane-node", "servicecidrs", "networking.k8s.io"))
        agent = self.agent_of("nameplane-node", "--rules", "nftables")
        self.await_ready(agent)
        await_true("the log names servicecidrs", lambda: any(
            "api.optional_list_failed" in line and "servicecidrs" in line and "(403)" in line
            for line in agent.read_lines()))
        await_true("/ready names servicecidrs", lambda: agent.get("ready")[0] == 200 and
                   "servicecidrs" in agent.get("ready")[1])
        self.await_name(agent, "kubernetes")
        self.assertEqual(agent.stop(), 0)

    def test_pods_only_where_they_are_needed(self):
        more = '[[server]]\nzones = ["cluster.local"]\n[server.kubernetes]\npods = "verified"\n'
        self.lacks("nameplane", "pods", "", rules=False, more=more)
        self.apply("rbac-pods.yaml")
        agent = self.agent_of("nameplane", rules=False, more=more)
        self.await_ready(agent)
        self.api.create(self.deployment("seen", 1))
        address = await_true("a pod has an address", lambda: [
            pod["status"]["podIP"] for pod in self.api.list("Pod", "default")[0]
            if pod["status"].get("podIP")])[0]
        name = address.replace(".", "-") + ".default.pod.cluster.local"
        await_true("the pod has a name", lambda: agent.udp(name).data("A") == [address])
        self.assertEqual(agent.stop(), 0)

    def test_imports_may_come_later(self):
        """Neither the right to see ServiceImports nor their kind is there at first: names are ready all
        the same, and those of ServiceImports come with them."""
        more = '[[server]]\nzones = ["cluster.local", "set.test"]\n[server.kubernetes]\n' \
            'multicluster = ["set.test"]\n'
        agent = self.agent_of("nameplane", rules=False, more=more)
        self.await_ready(agent)
        await_true("the log names serviceimports", lambda: any(
            "serviceimports" in line and "(403)" in line for line in agent.read_lines()))
        await_true("/ready names serviceimports", lambda: agent.get("ready")[0] == 200 and
                   "serviceimports" in agent.get("ready")[1])
        self.assertEqual(agent.udp("late.default.svc.set.test").rcode, "SERVFAIL")
        self.assertEqual(agent.udp("late.default.svc.cluster.local").rcode, "NXDOMAIN")
        self.apply("rbac-imports.yaml")
        imports.define(self.api)
        imports.create(self.api, imports.service_import("late", "default", ["10.96.200.1"]))
        await_true("the import has a name", lambda:
                   agent.udp("late.default.svc.set.test").data("A") == ["10.96.200.1"])
        await_true("others have none", lambda:
                   agent.udp("none.default.svc.set.test").rcode == "NXDOMAIN")
        self.assertEqual(agent.stop(), 0)

    def test_manifests_are_valid(self):
        for name in ("deployment.yaml", "daemonset.yaml"):
            answers = self.apply(name, "&dryRun=All")
            files = next(one["data"] for one in answers if one["kind"] == "ConfigMap")
            for (file, text) in files.items():
                self.write(file, text.replace("/etc/nameplane", self.folder))
            cluster_test.run(nameplane.BINARY, "check", self.folder + "/nameplane.toml")
        self.apply("nodelocaldns.yaml", "&dryRun=All")
        self.apply("kube-proxy.yaml", "&dryRun=All")
        self.apply("node-names.yaml", "&dryRun=All")
        self.assertEqual({path.name for path in DEPLOY.glob("*.yaml")},
                         {"deployment.yaml", "daemonset.yaml", "kube-proxy.yaml", "node-names.yaml",
                          "nodelocaldns.yaml", "rbac.yaml", "rbac-pods.yaml", "rbac-imports.yaml"})


if __name__ == "__main__":
    cluster_test.main()
