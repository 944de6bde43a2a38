"""Services come, change and go at random for five minutes while clients open connections all the time to
Services that nobody changes: not one fails, with either writer. In the end the kernel holds what a fresh
agent writes.

NAMEPLANE_CHURN_S=3600 makes it an hour."""

import json
import os
import random
import re
import subprocess
import tempfile
import threading
import time

import changes
import cluster_test
import packet_world
import proxy_pair
import service_cases
from cluster_test import await_true
from service_cases import endpoint, port

SECONDS = int(os.environ.get("NAMEPLANE_CHURN_S", "20" if cluster_test.IS_SHORT else "300"))
CHANGE_PAUSE_S = 0.03  # of each of three who change; the API server, not the agent, is slow
PROBE_PAUSE_S = 0.1
PATIENCE_S = 60  # all probes are answered, and a packet that is dropped is so after a minute, too
MODES = ("iptables", "nftables")
NETWORKS = 'detect_local_mode = "cluster_cidr"\ncluster_cidr = ["10.244.0.0/16", "fd00:244::/32"]'
BACKENDS = {"10.244.1.1", "10.244.2.1", "fd00:244::1", "fd00:244:2::1"}
TARGET = r'"target": "((?:pick|sticky)-[a-z0-9-]+)"'
TABLES = {"ipv4": "ip", "ipv6": "ip6"}


def stable_services(cluster):
    """Of every kind that a connection can be opened to."""
    both = [port(80), port(53, "dns", "UDP")]
    behind = [port(8080), port(5353, "dns", "UDP")]
    dual = {"ipFamilyPolicy": "RequireDualStack"}
    named = {
        "stable": {},
        "stable-np": {"type": "NodePort"},
        "stable-lb": {"type": "LoadBalancer", "ingress": [{"ip": "198.51.100.1"},
                                                          {"ip": "2001:db8:1::1"}]},
        "stable-local": {"type": "NodePort", "externalTrafficPolicy": "Local"},
        "stable-eip": {"externalIPs": ["203.0.113.1", "2001:db8::1"]},
        "stable-sticky": {"sessionAffinity": "ClientIP"},
    }
    for (name, spec) in named.items():
        cluster.service(name, ports=both, **dual, **spec)
        for (suffix, endpoints) in (("a", ("10.244.1.1", "10.244.2.1")),
                                    ("b", ("fd00:244::1", "fd00:244:2::1"))):
            cluster.slice(name, [endpoint(endpoints[0], service_cases.NODE, ready=True),
                                 endpoint(endpoints[1], ready=True)], ports=behind, suffix=suffix)


def probes_of(services):
    for service in services:
        spec = service["spec"]
        ingress = service["status"].get("loadBalancer", {}).get("ingress") or ()
        addresses = [*spec["clusterIPs"], *spec.get("externalIPs", ()),
                     *(one["ip"] for one in ingress)]
        for one in spec["ports"]:
            for sender in ("pod", "node", "outside"):
                for address in addresses:
                    yield (sender, one["protocol"], address, one["port"])
                if "nodePort" in one:
                    yield (sender, one["protocol"], packet_world.NODE_IPS[0], one["nodePort"])


class Clients(threading.Thread):
    """Opens connections in a world until stopped; what was not answered by a backend is in `failed`."""

    def __init__(self, world, probes):
        super().__init__(daemon=True)
        (self.world, self.probes) = (world, probes)
        (self.failed, self.opened, self.error) = ([], 0, None)
        self._stop_now = threading.Event()

    def run(self):
        try:
            while not self._stop_now.wait(PROBE_PAUSE_S):
                for (probe, fate) in zip(self.probes, self.world.send(self.probes)):
                    self.opened += 1
                    words = fate.split()
                    if words[0] != "ok" or words[1] not in BACKENDS:
                        self.failed.append("%s: %s" % (probe, fate))
        except Exception as error:  # told by stop(), in the test's own thread
            self.error = error

    def stop(self):
        self._stop_now.set()
        self.join()
        if self.error:
            raise self.error


def table_of(node, family):
    """Our nftables table as sorted lines, without what packets put there, and without the chains
    pick-* and sticky-* that no Service needs any more: they are kept for the next one with as many
    endpoints."""
    text = subprocess.run([*node.enter(), "nft", "-s", "-j", "list", "table", TABLES[family],
                           "nameplane"], capture_output=True, text=True, check=False).stdout
    if not text:  # not there yet
        return []
    (elements, others) = ([], [])
    for item in json.loads(text)["nftables"]:
        (kind, value) = next(iter(item.items()))
        if kind in ("set", "map"):
            found = value.pop("elem", [])
            if "timeout" not in value.get("flags", []):
                elements += ["%s: %s" % (value["name"], json.dumps(one, sort_keys=True))
                             for one in found]
        if kind != "metainfo":
            others.append((kind, {key: part for (key, part) in value.items()
                                  if key not in ("handle", "index")}))
    used = set(re.findall(TARGET, "".join(elements)))
    for (kind, value) in others:  # sticky-* go on to pick-*
        if kind == "rule" and value["chain"] in used:
            used = used.union(re.findall(TARGET, json.dumps(value)))
    lines = [kind + " " + json.dumps(value, sort_keys=True) for (kind, value) in others
             if not is_spare(value.get("chain" if kind == "rule" else "name", ""), used)]
    return sorted(elements + lines)


def is_spare(chain, used):
    return chain.startswith(("pick-", "sticky-")) and chain not in used


class Churn(proxy_pair.NodesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = service_cases.Cluster(cls.api)

    def agent(self, node, mode):
        agent = proxy_pair.start_agent(node, tempfile.mkdtemp(dir=self.folder), mode, NETWORKS)
        self.addCleanup(agent.kill)
        agent.started()
        return agent

    def differences(self, mode, node, fresh):
        if mode == "iptables":
            return [line for family in TABLES
                    for line in proxy_pair.differences(fresh.saved(family), node.saved(family))]
        lines = []
        for family in TABLES:
            (wanted, found) = (table_of(fresh, family), table_of(node, family))
            lines += ["- " + line for line in wanted if line not in found]
            lines += ["+ " + line for line in found if line not in wanted]
        return lines

    @staticmethod
    def await_rules(node, mode):
        def there():
            if mode == "iptables":
                return "stable-sticky" in node.saved("ipv6")
            return any("stable-sticky" in line for line in table_of(node, "ipv6"))
        await_true("%s: rules of the last Service" % node.name, there)

    def test_stable_services_stay_reachable(self):
        stable_services(self.cluster)
        (services, _) = self.api.list("Service", service_cases.NAMESPACE)
        probes = list(probes_of(one for one in services
                                if one["metadata"]["name"] != service_cases.MARKER))
        worlds = {mode: packet_world.World("np-" + mode[:3], self.plane, {8080, 5353}, PATIENCE_S)
                  for mode in MODES}
        for (mode, world) in worlds.items():
            self.addCleanup(world.stop)
            self.agent(world.node, mode)
        for (mode, world) in worlds.items():
            self.await_rules(world.node, mode)
        clients = [Clients(world, probes) for world in worlds.values()]
        for one in clients:
            one.start()
        seed = random.randrange(10**6)
        churn = changes.Changes(self.api, seed).start(pause_s=CHANGE_PAUSE_S)
        time.sleep(SECONDS)  # this long, and no event ends it
        await_true("much has changed", lambda: churn.done > SECONDS)
        await_true("many connections were opened", lambda: all(
            one.opened >= 3 * len(probes) or one.error for one in clients))
        churn.stop()
        for one in clients:
            one.stop()
        print("seed %d: %d changes, %s connections" % (
            seed, churn.done, " + ".join(str(one.opened) for one in clients)), flush=True)
        for (mode, one) in zip(MODES, clients):
            self.assertEqual(one.failed[:5], [], "%s: %d of %d" % (mode, len(one.failed), one.opened))
        for (mode, world) in worlds.items():
            fresh = proxy_pair.Node("fresh-" + mode[:3], self.plane)
            self.addCleanup(fresh.close)
            self.agent(fresh, mode)
            self.await_rules(fresh, mode)
            try:
                await_true("the kernel holds what a fresh agent writes",
                           lambda: not self.differences(mode, world.node, fresh))
            except AssertionError:
                found = self.differences(mode, world.node, fresh)
                self.fail("%s: %d lines differ\n%s" % (mode, len(found), "\n".join(found[:20])))


if __name__ == "__main__":
    cluster_test.main()
