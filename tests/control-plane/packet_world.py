"""A node with what is around it, each a network namespace: the same for every proxy, so that what becomes
of a packet can be compared.

  here     the pods of the node that Services send to, behind a link of their own
  pod      another pod of the node
  away     another node, with the pods of all others
  outside  a host of the nodes' network: clients, and a pod that sends its packets here
  beyond   where the node's default route leads: who is asked there was redirected by nobody

A namespace answers for whole networks (a local route in the main table), so that every endpoint of a
scenario is there without an interface of its own."""

import json
import pathlib
import subprocess
import sys
import threading

import proxy_pair
from cluster_test import run

ENDS = str(pathlib.Path(__file__).resolve().parent / "packet_ends.py")
BALANCERS = ("203.0.113.0/24", "198.51.100.0/24", "2001:db8::/48", "2001:db8:1::/48")
CLUSTER_IPS = ("10.96.0.0/12", "fd00:10:96::/112",
               # Where a second ServiceCIDR lies, and where none does.
               "10.119.0.0/16", "10.120.0.0/16", "fd00:10:119::/112", "fd00:10:120::/112")
PODS_HERE = ("10.244.1.0/24", "fd00:244::/64")
PODS_AWAY = ("10.244.0.0/16", "10.250.0.0/16", "fd00:244:2::/48", "fd00:250::/64")
BRIDGE = "02:00:00:00:00:01"
POD = ("10.244.1.77/32", "fd00:244::77/128")
POD_OUTSIDE = ("10.244.66.0/24", "fd00:244:66::/48")
CLIENTS = ("192.0.2.0/24", "198.18.0.0/15", "2001:db8:2::/48", *POD_OUTSIDE)
NODE_IPS = ("192.168.77.1", "192.168.77.2", "fd00:77::1")
PLACES = ("here", "pod", "away", "outside", "beyond")
# Who sends: namespace, and source address by family.
SENDERS = {
    "pod": ("pod", "10.244.1.77", "fd00:244::77"),
    "endpoint": ("here", "10.244.1.1", "fd00:244::1"),  # asks a Service that it stands behind
    "node": ("node", None, None),
    "outside": ("outside", "192.168.77.100", "fd00:77::100"),
    "allowed": ("outside", "192.0.2.5", "2001:db8:2::5"),
    "allowed too": ("outside", "192.0.2.200", "2001:db8:2::c8"),
    "pod elsewhere": ("outside", "10.244.66.77", "fd00:244:66::77"),
}


class End:
    """A process of packet_ends.py in a namespace."""

    def __init__(self, namespace, *arguments):
        self.process = subprocess.Popen(
            ["nsenter", "--net=/run/netns/" + namespace, sys.executable, ENDS, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("packet_ends.py ended with %s" % self.process.wait())
        return line

    def ask(self, probes):
        self.process.stdin.write(json.dumps(probes) + "\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class World:
    """`patience_s` is how long an answer is waited for before a probe counts as silent."""

    def __init__(self, name, plane, ports, patience_s=None):
        self.node = proxy_pair.Node(name, plane)
        self.names = {"node": name, **{part: "%s-%s" % (name, part)
                                       for part in PLACES}}
        self.ip("node", "link", "set", "eth0", "address", BRIDGE)
        for part in PLACES:
            run("ip", "netns", "add", self.names[part])
            self.ip(part, "link", "set", "lo", "up")
        self._link("here", "pods", ("169.254.7.1/30", "fd00:7::1/64"),
                   ("169.254.7.2/30", "fd00:7::2/64"))
        self._link("pod", "pod", ("169.254.9.1/30", "fd00:9::1/64"),
                   ("169.254.9.2/30", "fd00:9::2/64"))
        self._link("beyond", "beyond", ("169.254.8.1/30", "fd00:8::1/64"),
                   ("169.254.8.2/30", "fd00:8::2/64"))
        self._link("away", "away", (), ("192.168.77.101/24", "fd00:77::101/64"))
        self._link("outside", "outside", (), ("192.168.77.100/24", "fd00:77::100/64"))
        for port in ("away", "outside"):
            self.ip("node", "link", "set", port, "master", "eth0")
        self._routes()
        for (part, name) in self.names.items():
            for (sysctl, value) in (("net/ipv4/icmp_ratelimit", 0),  # each refusal is to be seen
                                    ("net/ipv6/icmp/ratelimit", 0),
                                    ("net/ipv4/conf/all/rp_filter", 0),
                                    ("net/ipv4/conf/default/rp_filter", 0),
                                    # Addresses of a local route may be sent from.
                                    ("net/ipv4/ip_nonlocal_bind", 1),
                                    ("net/ipv6/ip_nonlocal_bind", 1),
                                    ("net/ipv4/conf/all/send_redirects", 0),
                                    ("net/ipv4/ip_forward", int(part == "node")),
                                    ("net/ipv6/conf/all/forwarding", int(part == "node"))):
                run("nsenter", "--net=/run/netns/" + name, "sh", "-c",
                    "echo %d >/proc/sys/%s" % (value, sysctl))
        words = [str(port) for port in sorted(ports)]
        self.servers = [End(self.names[part], "serve", *words)
                        for part in ("here", "away", "beyond")]
        for server in self.servers:
            server.line()
        patience = [] if patience_s is None else [str(patience_s)]
        self.probers = {part: End(self.names[part], "probe", *patience)
                        for part in ("node", "here", "pod", "outside")}

    def ip(self, part, *words):
        run("ip", "-n", self.names[part], *words)

    def _link(self, part, name, node_addresses, addresses):
        number = PLACES.index(part) + 1
        (near, far) = ("02:00:00:00:%02x:01" % number, "02:00:00:00:%02x:02" % number)
        run("ip", "-n", self.names["node"], "link", "add", name, "address", near, "type", "veth",
            "peer", "name", "eth0", "address", far, "netns", self.names[part])
        for (where, device, given) in (("node", name, node_addresses), (part, "eth0", addresses)):
            for address in given:
                self.ip(where, "address", "add", address, "dev", device, "nodad")
            self.ip(where, "link", "set", device, "up")
        # Nobody looks for neighbours: an answer that is late would look like a packet that is lost.
        (own, gates) = (name, node_addresses) if node_addresses else ("eth0", NODE_IPS)
        for (where, device, known, link) in ((part, "eth0", gates, near if node_addresses else BRIDGE),
                                             ("node", own, addresses, far)):
            for address in known:
                self.ip(where, "neigh", "replace", address.split("/")[0], "lladdr", link, "dev",
                        device, "nud", "permanent")

    def _route(self, part, networks, gateways, local=False):
        """Routes over the gateway of each network's family, or to the namespace itself."""
        for network in networks:
            family = "-6" if ":" in network else "-4"
            way = ["dev", "lo", "table", "main"] if local else ["via", gateways[family == "-6"]]
            kind = ["local"] if local else []
            run("ip", family, "-n", self.names[part], "route", "add", *kind, network, *way)

    def _routes(self):
        default = ("0.0.0.0/0", "::/0")
        (node, away) = (("192.168.77.1", "fd00:77::1"), ("192.168.77.101", "fd00:77::101"))
        self._route("node", PODS_HERE, ("169.254.7.2", "fd00:7::2"))
        self._route("node", PODS_AWAY, away)
        self._route("node", CLIENTS, ("192.168.77.100", "fd00:77::100"))
        self._route("node", POD, ("169.254.9.2", "fd00:9::2"))
        self._route("node", default, ("169.254.8.2", "fd00:8::2"))
        self._route("here", PODS_HERE, None, local=True)
        self._route("here", (*POD, *default), ("169.254.7.1", "fd00:7::1"))
        self._route("pod", POD, None, local=True)
        self._route("pod", default, ("169.254.9.1", "fd00:9::1"))
        self._route("away", PODS_AWAY, None, local=True)
        self._route("outside", CLIENTS, None, local=True)
        for part in ("away", "outside"):
            self._route(part, (*PODS_HERE, *(POD_OUTSIDE if part == "away" else ())), node)
            self._route(part, default, node)
        self._route("beyond", (*BALANCERS, *CLUSTER_IPS), None, local=True)
        self._route("beyond", default, ("169.254.8.1", "fd00:8::1"))

    def send(self, probes):
        """What became of each probe: (sender, protocol, address, port)."""
        fates = [None] * len(probes)
        threads = [threading.Thread(target=self._send_from, args=(part, probes, fates))
                   for part in self.probers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return fates

    def _send_from(self, part, probes, fates):
        (numbers, words) = ([], [])
        for (number, (sender, protocol, address, port)) in enumerate(probes):
            (where, four, six) = SENDERS[sender]
            if where == part:
                numbers.append(number)
                words.append([protocol, six if ":" in address else four, address, port])
        for (number, fate) in zip(numbers, self.probers[part].ask(words)):
            fates[number] = fate

    def stop(self):
        for end in (*self.servers, *self.probers.values()):
            end.stop()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False)
