"""A real kube-proxy and an agent of ours beside each other, each in a network namespace of its own with
the same addresses, on the same API server; and what iptables-save says of both."""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import cluster_test
import control_plane
from cluster_test import run
from expected import SAVE, nameplane

# Addresses of a node: one network for both families, two addresses in IPv4.
NODE_ADDRESSES = ("192.168.77.1/24", "192.168.77.2/24", "fd00:77::1/64")
KUBE_PROXY = control_plane.PROGRAMS / "kube-proxy"
# What kube-proxy shall leave alone: sysctls of the whole machine.
QUIET = ("--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0",
         "--conntrack-tcp-timeout-close-wait=0", "--iptables-min-sync-period=0s", "--v=2")
LEGACY = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save",
          "ip6tables-restore")
COUNTERS = re.compile(r" ?\[\d+:\d+\]$")
# Chains whose order is that of a Go map in kube-proxy; any order of these rules means the same.
UNORDERED = {"KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"}
LAST = "NOTE: this must be the last rule in this chain"


class Node:
    """A network namespace that stands for a node; reaches the API server over a link of its own."""

    count = 0

    def __init__(self, name, plane):
        Node.count += 1
        (self.name, self.plane) = (name, plane)
        (outside, inside) = ("169.254.%d.1" % Node.count, "169.254.%d.2" % Node.count)
        link = "up%d" % Node.count
        run("ip", "netns", "add", name)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "api", "netns", name)
        run("ip", "address", "add", outside + "/30", "dev", link)
        run("ip", "link", "set", link, "up")
        self.ip("address", "add", inside + "/30", "dev", "api")
        self.ip("link", "set", "api", "up")
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "eth0", "type", "bridge")
        for address in NODE_ADDRESSES:
            self.ip("address", "add", address, "dev", "eth0", "nodad")
        self.ip("link", "set", "eth0", "up")
        self.kubeconfig = plane.kubeconfig(
            name + ".kubeconfig", {"token": control_plane.ADMIN_TOKEN},
            cluster={"server": "https://%s:%d" % (outside, plane.port),
                     "tls-server-name": "localhost"})

    def ip(self, *words):
        run("ip", "-n", self.name, *words)

    def enter(self):
        return ["nsenter", "--net=/run/netns/" + self.name]

    def set(self, sysctl, value):
        run(*self.enter(), "sh", "-c", "echo %s >/proc/sys/%s" % (value, sysctl))

    def saved(self, family):
        """What iptables-save prints, without counters and without words about when."""
        text = run(*self.enter(), SAVE[family])
        return "\n".join(COUNTERS.sub("", line) for line in text.splitlines()
                         if line and not line.startswith("#"))

    def close(self):
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


class NodesTest(cluster_test.ClusterTest):
    """For tests with nodes of their own: the API says of the Node what they are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("mkdir", "-p", "/run/netns")
        cls.give_addresses()

    @classmethod
    def give_addresses(cls):
        cls.api.patch("Node", None, cluster_test.NODE, {"status": {"addresses": [
            {"type": "Hostname", "address": cluster_test.NODE},
            {"type": "InternalIP", "address": "192.168.77.1"},
            {"type": "InternalIP", "address": "fd00:77::1"}]}}, "status")


def folder_of_legacy(folder):
    """A folder whose iptables is the legacy one, as kube-proxy looks it up in PATH."""
    path = os.path.join(folder, "legacy")
    os.makedirs(path, exist_ok=True)
    for name in LEGACY:
        target = shutil.which(name.replace("tables", "tables-legacy"))
        if not os.path.lexists(os.path.join(path, name)):
            os.symlink(target, os.path.join(path, name))
    return path


def start_kube_proxy(node, folder, mode, flags):
    """The real one on `node`, as a Piece that runs; `mode` is "iptables" (the legacy one) or
    "nftables"."""
    path = folder_of_legacy(folder) + ":" + os.environ["PATH"]
    proxy = control_plane.Piece(
        "kube-proxy-" + mode,
        [*node.enter(), KUBE_PROXY, "--proxy-mode=" + mode, "--kubeconfig=" + node.kubeconfig,
         "--hostname-override=" + cluster_test.NODE, *QUIET, *flags],
        pathlib.Path(folder), lambda: True, {**os.environ, "PATH": path})
    proxy.start()
    return proxy


def start_agent(node, folder, mode, rules):
    """Ours on `node`, not waited for; `rules` are lines of [rules]."""
    config = os.path.join(folder, "nameplane-%s.toml" % mode)
    pathlib.Path(config).write_text(
        '[rules]\nmode = "%s"\n%s\n[node]\nname = "%s"\n' % (mode, rules, cluster_test.NODE),
        encoding="utf-8")
    return nameplane.Agent(
        ["--listen", "127.0.0.1", "--config", config, "--kubeconfig", node.kubeconfig],
        tempfile.mkdtemp(dir=folder), node.enter())


def start_in_its_place(node, folder, mode, flags):
    """Ours on `node`, told what start_kube_proxy() tells the other one."""
    return nameplane.Agent(
        ["--proxy-mode=" + mode, "--kubeconfig=" + node.kubeconfig,
         "--hostname-override=" + cluster_test.NODE, "--state-file", "", *QUIET, *flags],
        tempfile.mkdtemp(dir=folder), node.enter())


class Pair:
    """Both proxies; `flags` are kube-proxy's, `rules` the same as lines of [rules]."""

    def __init__(self, name, plane, folder, flags, rules, sysctls=()):
        self.folder = tempfile.mkdtemp(prefix=name + "-", dir=folder)
        (self.flags, self.rules) = (list(flags), rules)
        self.theirs = Node("kp-" + name, plane)
        self.ours = Node("np-" + name, plane)
        for (sysctl, value) in sysctls:
            for node in (self.theirs, self.ours):
                node.set(sysctl, value)
        (self.proxy, self.agent) = (None, None)

    def start_theirs(self):
        self.proxy = start_kube_proxy(self.theirs, self.folder, "iptables", self.flags)

    def start(self):
        self.start_theirs()
        self.agent = start_agent(self.ours, self.folder, "iptables", self.rules)

    def stop_processes(self):
        self.proxy.kill()
        self.agent.kill()

    def stop(self):
        self.stop_processes()
        self.theirs.close()
        self.ours.close()

    def saved(self):
        """(theirs, ours) of each family."""
        return {family: (self.theirs.saved(family), self.ours.saved(family)) for family in SAVE}


def rules_of(saved):
    """Rules by (table, chain) in their order, but sorted where the order is of no account. A chain's
    own line stands first in it."""
    (found, table) = (collections.defaultdict(list), "")
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            found[table, line[1:].split()[0]].append(line)
        elif line.startswith("-A "):
            found[table, line.split()[1]].append(line)
    for ((_, chain), rules) in found.items():
        if chain in UNORDERED:
            rules.sort(key=lambda rule: (not rule.startswith(":"), LAST in rule, rule))
    return found


def differences(theirs, ours, excluded=()):
    """Lines that only one of two saved texts has, or that stand in another order. `excluded` are
    patterns of lines that are left out on both sides."""
    if excluded:
        pattern = re.compile("|".join(excluded))
        (theirs, ours) = ("\n".join(line for line in text.splitlines() if not pattern.search(line))
                          for text in (theirs, ours))
    (wanted, found) = (rules_of(theirs), rules_of(ours))
    lines = []
    for key in sorted({*wanted, *found}):
        (their_rules, our_rules) = (wanted.get(key, []), found.get(key, []))
        if their_rules == our_rules:
            continue
        only = ["- " + rule for rule in their_rules if rule not in our_rules] + \
               ["+ " + rule for rule in our_rules if rule not in their_rules]
        lines += ["%s: %s" % (key[0], line) for line in only or
                  ["order of %s: kube-proxy %s, ours %s" % (key[1], their_rules, our_rules)]]
    return lines
