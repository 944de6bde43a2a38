"""What the tests against a real control plane share. Each script is one process in namespaces of its
own (network, processes, mounts), so nothing of it outlives it, not even when it is killed, and nothing
of the machine's is touched: all ports and rules are its own, files lie in memory.

Exits 77 (skipped) where there can be no control plane, and says why."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import changes
import control_plane
import expected
from expected import nameplane

NODE = "node-1"
NODE_ADDRESS = "192.168.77.1"
POD_GATEWAY = "10.244.0.1"
SETTLE_S = 180  # until everything is as the API says, on a busy machine
TOOLS = ("unshare", "nsenter", "ip", "mount", "openssl", "iptables-legacy", "iptables-legacy-save",
         "ip6tables-legacy-save")
IS_SHORT = os.environ.get("NAMEPLANE_SHORT") == "1"  # sanitizer builds run a part of it

CONFIG = """\
[rules]
mode = "iptables"
detect_local_mode = "node_cidr"
%s
[node]
name = "node-1"
[admin]
health = "127.0.0.1:0"
ready = "127.0.0.1:0"
metrics = "127.0.0.1:0"
"""


def await_true(what, condition, seconds=SETTLE_S):
    """Asks again and again until `condition` gives something true, and returns it."""
    return nameplane.await_true(what, condition, seconds)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          timeout=nameplane.WAIT_S, **options).stdout


class ClusterTest(unittest.TestCase):
    """One control plane for all tests of a class, as `plane`; agents end with their test."""

    api_flags = ()
    etcd = control_plane.NEW_ETCD

    @classmethod
    def setUpClass(cls):
        cls.class_folder = tempfile.mkdtemp(prefix="class-")
        cls.plane = control_plane.ControlPlane(cls.class_folder, cls.api_flags, node=NODE,
                                               node_address=NODE_ADDRESS, etcd=cls.etcd)
        cls.addClassCleanup(cls.plane.stop)
        cls.plane.start()
        cls.api = cls.plane.api

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        """Puts a file of the test's folder in place, by rename as the kubelet does it."""
        path = os.path.join(self.folder, name)
        with open(path + ".draft", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".draft", path)
        return path

    def start_agent(self, *arguments, kubeconfig=None, manifests=None, rules=True, more="", more_rules="",
                    config=None, environment=None, state_file=""):
        """An agent with the API as its source, without waiting for anything. `more` are further
        tables of its configuration; a kubeconfig of "" leaves the source to these and to
        `environment`."""
        folder = tempfile.mkdtemp(dir=self.folder)
        if config is None:
            config = os.path.join(folder, "nameplane.toml")
            text = CONFIG % more_rules + more
            if not rules:
                text = text.replace('"iptables"', '"off"')
            pathlib.Path(config).write_text(text, encoding="utf-8")
        if manifests is not None:
            arguments = ("--manifests", manifests, *arguments)
        else:
            if kubeconfig != "":
                arguments = ("--kubeconfig", kubeconfig or self.plane.admin_kubeconfig, *arguments)
            arguments = ("--state-file", state_file, *arguments)
        prefix = [] if environment is None else \
            ["env", *("%s=%s" % item for item in environment.items())]
        agent = nameplane.Agent(["--listen", "127.0.0.1", "--config", config, *arguments], folder,
                                prefix)
        agent.config = config
        self.addCleanup(agent.kill)
        return agent

    def ready_agent(self, *arguments, **options):
        agent = self.start_agent(*arguments, **options).started()
        self.await_ready(agent)
        return agent

    def await_ready(self, agent):
        await_true("the agent is ready", lambda: agent.get("ready")[0] == 200)

    def await_equal(self, agent, gone=(), seconds=SETTLE_S):
        """Until names and rules are what the API says."""
        await_true("namespaces are whole or gone", lambda: changes.namespaces_settled(self.api))
        deadline = time.monotonic() + seconds
        while True:
            found = expected.differences(agent, self.api, self.folder, gone)
            if not found:
                return
            if time.monotonic() > deadline:
                self.fail("%d differences after %d s:\n%s\nthe log's end:\n%s" % (
                    len(found), seconds, "\n".join(found[:20]),
                    "\n".join(agent.read_lines()[-30:])))
            time.sleep(0.2)

    def await_names(self, agent, gone=()):
        """Until all names are what the API says."""
        found = []

        def are_equal():
            found[:] = expected.names_differ(agent, expected.Cluster(self.api), gone)
            return not found
        await_true(lambda: "names are equal, but\n" + "\n".join(found[:20]), are_equal)

    def await_lines(self, agent, what, *patterns):
        """Lines of the log in which all of `patterns` are found; whoever reads them may be late."""
        return await_true("%s in the log" % what, lambda: [
            line for line in agent.read_lines()
            if all(re.search(pattern, line) for pattern in patterns)])

    def await_name(self, agent, name, namespace="default", seconds=SETTLE_S):
        """Until the agent answers with the clusterIP that the API has; gives it back."""
        address = self.api.get("Service", namespace, name)["spec"]["clusterIP"]
        question = "%s.%s.svc.cluster.local" % (name, namespace)
        await_true("%s is answered" % question,
                   lambda: agent.udp(question).data("A") == [address], seconds)
        return address

    def anchor(self, agent, name="anchor"):
        """A Service with an endpoint that nothing in a test changes, asked for all the time."""
        self.api.create(self.service(name))
        self.api.create(self.slice(name + "-a", name, ["10.244.9.9"]))
        address = self.await_name(agent, name)
        asker = expected.Asker(agent, name + ".default.svc.cluster.local", address)
        self.addCleanup(asker.stop)
        return asker

    def service(self, name, namespace="default", **spec):
        """A Service object; ports and selector by default."""
        spec.setdefault("ports", [{"name": "http", "port": 80, "targetPort": 8080}])
        return {"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": namespace}, "spec": spec}

    def slice(self, name, service, addresses, namespace="default", ready=True):
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": name, "namespace": namespace,
                             "labels": {"kubernetes.io/service-name": service}},
                "addressType": "IPv6" if ":" in addresses[0] else "IPv4",
                "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}
                              for address in addresses]}

    def deployment(self, name, replicas, namespace="default"):
        labels = {"app": name}
        container = {"name": "main", "image": "none",
                     "ports": [{"name": "http", "containerPort": 8080}]}
        return {"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                         "template": {"metadata": {"labels": labels},
                                      "spec": {"containers": [container],
                                               "terminationGracePeriodSeconds": 0}}}}

    def endpoints(self, service, namespace="default"):
        """Addresses that are ready for a Service by the API now, each slice a list."""
        (slices, _) = self.api.list("EndpointSlice", namespace)
        return sorted(([address for endpoint in one.get("endpoints") or ()
                        if endpoint["conditions"].get("ready") is not False
                        for address in endpoint["addresses"]] for one in slices
                       if one["metadata"].get("labels", {}).get("kubernetes.io/service-name") ==
                       service), key=len)


def missing_tools():
    if os.geteuid() != 0:
        return "not root"
    for tool in TOOLS:
        if shutil.which(tool) is None:
            return "no " + tool
    return None


def missing():
    return missing_tools() or control_plane.missing()


def enter():
    """Into namespaces of our own; this process is the first in its own, so all others end with
    it."""
    if os.environ.pop("NAMEPLANE_INSIDE", None) is None:
        command = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount",
                   "--mount-proc", sys.executable, *sys.argv]
        os.execvpe(command[0], command, {**os.environ, "NAMEPLANE_INSIDE": "1"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    tempfile.tempdir = "/run"
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", NODE_ADDRESS + "/32", "dev", "lo")
    run("ip", "address", "add", POD_GATEWAY + "/32", "dev", "lo")


def main():
    reason = missing()
    if reason:
        print("skipped: " + reason)
        sys.exit(77)
    enter()
    unittest.main(verbosity=2, warnings="ignore")
