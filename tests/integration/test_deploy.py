"""The configurations and rights that deploy/ gives to containers do: agents run with exactly these, in network
namespaces of their own, with manifests in place of an API server.

Needs root; exits 77 (skipped) without.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import unittest

import nameplane
import test_rules

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
UPSTREAM = "127.0.0.9"
NODE = "127.0.0.2"
UPSTREAMS = """\
[[server]]
zones = ["."]
[server.hosts]
line = "/dev/null"
body = ["192.0.2.77 www.example.org"]
"""


class Deploy(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.namespace = nameplane.Namespace()
        self.addCleanup(self.namespace.close)
        os.chmod(self.folder, 0o755)
        self.manifest("web.yaml", test_rules.SERVICE % "10.244.0.5")
        resolvers = self.write("upstream.toml", UPSTREAMS)
        self.start("--config", resolvers, prefix=self.namespace.prefix, listen=(UPSTREAM,), port="53").started()

    def configuration(self, file):
        """What the ConfigMap has, as a file; the node's resolvers are ours."""
        text = (DEPLOY / file).read_text("utf-8")
        (inner,) = re.findall(r"^  nameplane\.toml: \|\n(.*?)^---$", text, re.MULTILINE | re.DOTALL)
        resolvers = self.write("resolv.conf", "nameserver %s\n" % UPSTREAM)
        self.assertIn('"/etc/resolv.conf"', inner)
        inner = textwrap.dedent(inner).replace("/etc/resolv.conf", resolvers)
        return self.write("nameplane.toml", inner)

    def rights(self, file):
        """The words before a command that leave it with what `securityContext` gives."""
        text = (DEPLOY / file).read_text("utf-8")
        self.assertIn("allowPrivilegeEscalation: false", text)
        self.assertRegex(text, r"drop: \[ALL\]")
        added = re.search(r"add: \[([A-Z_, ]+)\]", text)
        bounds = ",".join(["-all", *("+" + name.lower() for name in added.group(1).split(", "))]) if added else "-all"
        user = re.search(r"runAsUser: (\d+)", text)
        prefix = ["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=" + bounds]
        if user:
            prefix += ["--reuid", user.group(1), "--regid", user.group(1), "--clear-groups"]
        for (name, value) in re.findall(r'\{name: (net\.\S+), value: "(\d+)"\}', text):
            self.namespace.sh("echo %s > /proc/sys/%s" % (value, name.replace(".", "/")))
        return (*self.namespace.prefix, *prefix)

    def agent(self, file, config, *arguments):
        """Of a binary and in a folder that any user can use."""
        folder = os.path.join(self.folder, "agent")
        os.mkdir(folder)
        binary = shutil.copy(nameplane.BINARY, folder)
        os.chmod(folder, 0o777)
        real = nameplane.BINARY
        nameplane.BINARY = binary
        try:
            agent = nameplane.Agent(["--config", config, "--manifests", self.manifests, "--listen", NODE, *arguments],
                                    folder, self.rights(file), "53")
        finally:
            nameplane.BINARY = real
        self.addCleanup(agent.kill)
        agent.started().wait_for(r" agent\.ready\b", seen=True)
        return agent

    def inside(self, work):
        return self.namespace.inside(work)

    def names_are_answered(self, agent):
        reply = self.inside(lambda: agent.udp(test_rules.WEB, address=NODE))
        self.assertEqual(reply.data("A"), ["10.96.0.1"])
        nameplane.await_true("a name outside is answered", lambda: self.inside(
            lambda: agent.udp("www.example.org", address=NODE)).data("A") == ["192.0.2.77"])

    def test_cluster_dns(self):
        config = self.configuration("deployment.yaml")
        agent = self.agent("deployment.yaml", config)
        self.names_are_answered(agent)
        self.assertEqual(self.inside(lambda: agent.get("ready")), (200, "OK"))
        agent.process.send_signal(signal.SIGTERM)
        agent.wait_for(r" agent\.lameduck\b")
        self.assertEqual(agent.stop(), 0)

    def test_node_agent(self):
        """Until its lameduck is over a node agent goes on with both names and rules."""
        config = self.configuration("daemonset.yaml")
        text = pathlib.Path(config).read_text("utf-8")
        self.assertIn('lameduck = "5s"', text)
        self.write("nameplane.toml", text.replace('lameduck = "5s"', 'lameduck = "1h"'))
        agent = self.agent("daemonset.yaml", config, "--node-name", "here")
        self.names_are_answered(agent)
        self.assertIn("--to-destination 10.244.0.5:8080", self.namespace.run("iptables-legacy-save"))
        agent.process.send_signal(signal.SIGTERM)
        agent.wait_for(r" agent\.lameduck\b")
        self.manifest("web.yaml", test_rules.SERVICE % "10.244.0.6")
        nameplane.await_true("rules follow", lambda: "--to-destination 10.244.0.6:8080" in
                             self.namespace.run("iptables-legacy-save"))
        self.names_are_answered(agent)
        self.assertEqual(agent.stop(), 0)
        self.assertIn("--to-destination 10.244.0.6:8080", self.namespace.run("iptables-legacy-save"))


def package_of(library):
    """The Debian package that a file under /usr/lib came with, which may know it by /lib."""
    path = os.path.realpath(library)
    said = subprocess.run(["dpkg-query", "-S", path, path.removeprefix("/usr")], capture_output=True, text=True,
                          check=False).stdout
    return said.split(":")[0]


class Image(unittest.TestCase):
    def test_it_has_every_library(self):
        """That the program names; those of the base system and of sanitizers apart."""
        image = (DEPLOY / "Dockerfile").read_text("utf-8").split("\nFROM ")[-1].split()
        (linked, named) = (subprocess.run([*command, nameplane.BINARY], capture_output=True, text=True,
                                          check=True).stdout for command in (["ldd"], ["readelf", "-d"]))
        packages = set()
        for name in re.findall(r"Shared library: \[(.*?)\]", named):
            path = re.search(r"%s => (\S+)" % re.escape(name), linked)
            if path and not re.match(r"lib(a|t|ub)san", name):
                packages.add(package_of(path.group(1)))
        self.assertGreater(len(packages), 15)
        self.assertEqual(sorted(packages - {"libc6", "libgcc-s1", "libstdc++6"} - set(image)), [])


if __name__ == "__main__":
    reason = test_rules.missing()
    if reason is not None:
        print("skipped: " + reason)
        sys.exit(77)
    unittest.main()
