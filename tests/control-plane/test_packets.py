"""What becomes of packets, beside a real kube-proxy in both of its modes: the same Services on the same API
server, each proxy on a node of its own (packet_world.py), ours with iptables once with lists and once with
trees. Every probe must meet the same fate: answered by the same endpoints, which see the same source,
refused in the same way, dropped, or left alone. First with the Services of service_cases.py, then with random
ones, all from one seed (random_services.py).

NAMEPLANE_RANDOM_PACKETS_S=600 goes on with random ones alone for that many seconds,
NAMEPLANE_RANDOM_PACKETS_SEED=7 begins with that seed."""

import collections
import concurrent.futures
import os
import random
import re
import subprocess
import tempfile
import time

import cluster_test
import packet_world
import proxy_pair
import random_services
import service_cases
from cluster_test import await_true

CIDRS = "10.244.0.0/16,fd00:244::/32"
# Kube-proxy's modes, and its iptables one beside ours with dispatch = "tree".
MODES = ("iptables", "tree", "nftables")
TREE = 'dispatch = "tree"\ndetect_local_mode = "cluster_cidr"\ncluster_cidr = [%s]' % ", ".join(
    '"%s"' % cidr for cidr in CIDRS.split(","))
TABLES = {True: "nameplane", False: "kube-proxy"}
ROUNDS = 4  # of all probes; those that still differ are sent again and again
MORE_ROUNDS = 25
AFRESH = 3  # times that all is forgotten of what differs: a proxy may have been late
SHORT_S = 30  # so long a client's affinity may be over between two rounds
FEW = 4     # of that many endpoints each is met in time
CHANGES = "an_endpoint_begins_to_terminate"  # the first case that changes what others made

# A ServiceCIDR beside the one that the API server makes of its flag, and addresses that no Service has: in
# either of the two, and beside them.
MORE_CIDRS = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "more"},
              "spec": {"cidrs": ["10.120.7.0/24", "fd00:10:120::/112"]}}
UNUSED = ("10.111.255.77", "fd00:10:96::fe77", "10.120.7.77", "fd00:10:120::77", "10.119.0.77",
          "fd00:10:119::77")
SEED = int(os.environ.get("NAMEPLANE_RANDOM_PACKETS_SEED", "6"))
LONG_S = float(os.environ.get("NAMEPLANE_RANDOM_PACKETS_S", "0"))
RANDOM_PORTS = (80, 443, 53, 132, 5353, 8080)
RANDOM_CHANGES = 120  # before each comparison of random Services
SAMPLE = 500          # of their probes
NO_SERVICE = {"metadata": {"name": "no Service"}, "spec": {"sessionAffinity": "None"}}

Probe = collections.namedtuple("Probe", "service sender protocol address port")


def ports_of(services, slices):
    numbers = {1}
    for service in services:
        for port in service["spec"].get("ports") or ():
            numbers.update(port[key] for key in ("port", "nodePort") if port.get(key))
    for one in slices:
        numbers.update(port["port"] for port in one.get("ports") or () if port.get("port"))
    return numbers


def plain(address):
    """An address in an old form that the API lets pass, in today's."""
    return re.sub(r"\b0+(?=[0-9a-f])", "", address).removeprefix("::ffff:")


def probes_of(service):
    (spec, name) = (service["spec"], service["metadata"]["name"])
    ingress = (service["status"].get("loadBalancer") or {}).get("ingress") or ()
    balancers = [plain(one["ip"]) for one in ingress if one.get("ip")]
    outside = ("pod", "endpoint", "node", "outside", "pod elsewhere")
    for port in spec.get("ports") or ():
        (protocol, number) = (port["protocol"], port["port"])
        for address in [plain(ip) for ip in spec.get("clusterIPs") or () if ip != "None"]:
            for sender in outside:
                yield Probe(name, sender, protocol, address, number)
            yield Probe(name, "pod", protocol, address, 1)
        for address in map(plain, spec.get("externalIPs") or ()):
            for sender in outside:
                yield Probe(name, sender, protocol, address, number)
        for address in balancers:
            ranges = spec.get("loadBalancerSourceRanges")
            for sender in (*outside, "allowed", "allowed too") if ranges else outside:
                yield Probe(name, sender, protocol, address, number)
            yield Probe(name, "outside", protocol, address, 1)
        if port.get("nodePort"):
            for address in packet_world.NODE_IPS:
                for sender in outside:
                    yield Probe(name, sender, protocol, address, port["nodePort"])
            for address in ("127.0.0.1", "::1"):
                yield Probe(name, "node", protocol, address, port["nodePort"])


def probes_of_none():
    for address in UNUSED:
        for protocol in ("TCP", "UDP", "SCTP"):
            for sender in ("pod", "node", "outside", "pod elsewhere"):
                yield Probe(NO_SERVICE["metadata"]["name"], sender, protocol, address, 1)


def ways_in(service, sender):
    """By port of the Service and family: probes from one client by every address, the primary one of the node's."""
    spec = service["spec"]
    found = collections.defaultdict(list)
    for port in spec["ports"]:
        for (address, number) in (
                *((address, port["port"]) for address in spec["clusterIPs"]),
                *((address, port["port"]) for address in spec.get("externalIPs") or ()),
                *((address, port["nodePort"]) for address in (packet_world.NODE_IPS[0],
                                                              packet_world.NODE_IPS[2]))):
            found[port["name"], ":" in address].append(
                (sender, port["protocol"], address, number))
    return found


def timeout_s(service):
    return (service["spec"].get("sessionAffinityConfig") or {}).get("clientIP", {}).get("timeoutSeconds", 10800)


def contested(services):
    """(address, protocol, port) of more than one Service: whose it is, is chance in kube-proxy."""
    owners = collections.defaultdict(set)
    for service in services:
        for probe in probes_of(service):
            if probe.port != 1:
                owners[probe[2:]].add((service["metadata"]["namespace"], probe.service))
    return {place for (place, names) in owners.items() if len(names) > 1}


class Comparison:
    """Fates of one probe with both proxies, gathered until they are equal."""

    def __init__(self, probe, service, endpoints):
        (self.probe, self.is_many) = (probe, endpoints > FEW)
        self.is_sticky = service["spec"]["sessionAffinity"] == "ClientIP"
        self.is_short = self.is_sticky and timeout_s(service) < SHORT_S
        self.fates = (set(), set())

    def _shown(self, fates):
        if any(fate.startswith("icmp") for fate in fates):
            fates = fates - {"silent"}  # the kernel sends so many of them a second, and no more
        if not self.is_sticky and not self.is_many:
            return fates
        if self.is_sticky:  # which one is chance, and the source depends on where it is
            return (self.is_short or len(fates), {fate.split()[0] for fate in fates})
        return {" ".join(["ok", "*"] + fate.split()[2:]) if fate.startswith("ok ") else fate
                for fate in fates}

    def is_equal(self):
        return self._shown(self.fates[0]) == self._shown(self.fates[1])

    def text(self, mode):
        return "%s: %s from %s to %s %s %d: kube-proxy %s, ours %s" % (
            mode, self.probe.service, self.probe.sender, self.probe.protocol, self.probe.address,
            self.probe.port, sorted(self.fates[0]), sorted(self.fates[1]))


class Packets(proxy_pair.NodesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = service_cases.Cluster(cls.api)

    def worlds(self, ports):
        """(theirs, ours) by mode, with their proxies."""
        (found, proxies) = ({}, [])
        for mode in MODES:
            found[mode] = []
            for is_ours in (False, True):
                world = packet_world.World("%s-%s" % ("np" if is_ours else "kp", mode[:3]),
                                           self.plane, ports)
                self.addCleanup(world.stop)
                found[mode].append(world)
                self.addCleanup(self.start(mode, is_ours, world.node).kill)
        return found

    def start(self, mode, is_ours, node):
        folder = tempfile.mkdtemp(dir=self.folder)
        if mode == "tree" and is_ours:
            return proxy_pair.start_agent(node, folder, "iptables", TREE)
        start = proxy_pair.start_in_its_place if is_ours else proxy_pair.start_kube_proxy
        return start(node, folder, "iptables" if mode == "tree" else mode, ["--cluster-cidr=" + CIDRS])

    def rules(self, mode, world, is_ours, family):
        if mode != "nftables":
            return world.node.saved(family)
        table = ["ip6" if family == "ipv6" else "ip", TABLES[is_ours]]
        return subprocess.run([*world.node.enter(), "nft", "list", "table", *table],
                              capture_output=True, text=True, check=False).stdout

    def await_seen(self, worlds):
        """Until all have written what came after everything else."""
        number = 1000 + self.cluster.serial + 1
        for (family, words) in self.cluster.mark().items():
            address = words[1].removesuffix(":8080").strip("[]")
            for (mode, pair) in worlds.items():
                for (is_ours, world) in zip((False, True), pair):
                    def seen():
                        text = self.rules(mode, world, is_ours, family)
                        return address in text and str(number) in text
                    await_true("%s %s has %s" % (mode, world.node.name, address), seen)

    def fixed_comparisons(self):
        """Of every probe that the Services of service_cases.py are worth."""
        (services, _) = self.api.list("Service", service_cases.NAMESPACE)
        counts = self.endpoint_counts(service_cases.NAMESPACE)
        comparisons = []
        for service in services:
            name = service["metadata"]["name"]
            if name == service_cases.MARKER or service["spec"]["type"] == "ExternalName":
                continue
            comparisons += [Comparison(probe, service, counts[name])
                            for probe in probes_of(service)]
        return comparisons + [Comparison(probe, NO_SERVICE, 0) for probe in probes_of_none()]

    def random_comparisons(self, chance):
        """Of a sample of the probes that random Services are worth."""
        (services, comparisons) = ([], [])
        for namespace in random_services.NAMESPACES:
            services += [one for one in self.api.list("Service", namespace)[0]
                         if one["spec"]["type"] != "ExternalName"]
        by_chance = contested(services)
        counts = {namespace: self.endpoint_counts(namespace) for namespace in random_services.NAMESPACES}
        for service in services:
            meta = service["metadata"]
            comparisons += [Comparison(probe, service, counts[meta["namespace"]][meta["name"]])
                            for probe in probes_of(service) if probe[2:] not in by_chance]
        # An endpoint beside which others are hears from these without the node: whether it is led there, is chance.
        comparisons = [one for one in comparisons if not (one.is_sticky and one.probe.sender == "endpoint")]
        return chance.sample(comparisons, min(SAMPLE, len(comparisons)))

    def endpoint_counts(self, namespace):
        counts = collections.Counter()
        for one in self.api.list("EndpointSlice", namespace)[0]:
            name = (one["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
            counts[name] += len(one.get("endpoints") or ())
        return counts

    def compare(self, mode, pair, comparisons):
        """Those that differ."""
        self.gather(pair, comparisons, ROUNDS)
        differing = [one for one in comparisons if not one.is_equal()]
        for _ in range(AFRESH):
            for _ in range(MORE_ROUNDS):
                if differing:
                    self.gather(pair, differing, 1)
                    differing = [one for one in differing if not one.is_equal()]
            again = differing
            for one in again:
                one.fates = (set(), set())
            self.gather(pair, again, ROUNDS)
            differing = [one for one in again if not one.is_equal()]
        services_seen = {one.probe.service for one in comparisons}
        kinds = collections.Counter(fate.split()[0] for one in comparisons for fate in one.fates[1])
        print("%s: %d probes of %d Services, fates %s, %d differ" % (
            mode, len(comparisons), len(services_seen), dict(kinds), len(differing)), flush=True)
        return differing

    def compare_fixed(self, mode, pair):
        """Lines of what differs."""
        comparisons = self.fixed_comparisons()
        differing = self.compare(mode, pair, comparisons)
        self.assertGreaterEqual(len({one.probe.service for one in comparisons}), 60)
        kinds = collections.Counter(fate.split()[0] for one in comparisons for fate in one.fates[1])
        for kind in ("ok", "silent", "icmp"):
            self.assertGreater(kinds[kind], 20, kind)
        answered = {(one.probe.protocol, ":" in one.probe.address) for one in comparisons
                    if any(fate.startswith("ok") for fate in one.fates[1])}
        self.assertEqual(len(answered), 6, answered)  # three protocols, two families
        for one in comparisons:  # which of those without a Service are dropped, whatever the other does
            if one.probe.service == NO_SERVICE["metadata"]["name"]:
                in_cidr = ":119::" not in one.probe.address and ".119." not in one.probe.address
                is_dropped = one.fates[1] <= {"silent", "forbidden"}
                self.assertEqual(is_dropped, in_cidr and mode == "nftables", one.text(mode))
        return [one.text(mode) for one in differing]

    def compare_random(self, mode, pair, seed):
        comparisons = self.random_comparisons(random.Random(seed))
        differing = self.compare(mode, pair, comparisons)
        self.assertGreater(sum(any(fate.startswith("ok") for fate in one.fates[1])
                               for one in comparisons), len(comparisons) / 10)
        return [one.text(mode) for one in differing]

    def gather(self, pair, comparisons, rounds):
        for number in range(rounds):
            # What is dropped once is dropped always; waiting for it again would take long.
            wanted = [one for one in comparisons
                      if number == 0 or one.fates != ({"silent"}, {"silent"})]
            probes = [one.probe[1:] for one in wanted]
            for (side, fates) in enumerate(self.pool.map(lambda world: world.send(probes), pair)):
                for (one, fate) in zip(wanted, fates):
                    one.fates[side].add(fate)

    def assert_one_endpoint_by_all_ways(self, worlds):
        """A client that came by one address of a port meets the same endpoint by every other."""
        service = self.api.get("Service", service_cases.NAMESPACE, "sticky-ways")
        for (mode, pair) in worlds.items():
            for world in pair:
                for sender in ("pod", "outside", "pod elsewhere"):
                    for (port, probes) in ways_in(service, sender).items():
                        met = [self.answered(world, probe).split()[:2] for probe in probes]
                        with self.subTest(mode=mode, node=world.node.name, sender=sender, port=port):
                            self.assertEqual(len(probes), 3)
                            self.assertEqual(met[0][0], "ok", met)
                            self.assertEqual(met, [met[0]] * 3)

    @staticmethod
    def answered(world, probe):
        """The fate of what should be answered; a machine that stood still is asked again."""
        return await_true("%s is answered" % (probe,), lambda: next(
            (fate for fate in world.send([probe]) if fate != "silent"), None))

    def assert_equal_fates(self, worlds, compare, *more):
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as self.pool:
            found = [line for lines in self.pool.map(lambda item: compare(*item, *more),
                                                     worlds.items()) for line in lines]
        print("%.1f s" % (time.monotonic() - begun), flush=True)
        if found:
            self.fail("%d fates differ\n%s" % (len(found), "\n".join(found[:60])))

    def test_packets_meet_the_same_fate(self):
        names = [name for (name, _) in service_cases.CASES]
        first_change = names.index(CHANGES)
        if not LONG_S:
            for (_, case) in service_cases.CASES[:first_change]:
                case(self.cluster)
        self.api.create(MORE_CIDRS)
        (services, _) = self.api.list("Service", service_cases.NAMESPACE)
        (slices, _) = self.api.list("EndpointSlice", service_cases.NAMESPACE)
        worlds = self.worlds(ports_of(services, slices) | {8443, 30010, 30011, 30012, 30020, *RANDOM_PORTS})
        self.await_seen(worlds)
        if not LONG_S:
            with self.subTest(after="all Services are there"):
                self.assert_one_endpoint_by_all_ways(worlds)
                self.assert_equal_fates(worlds, self.compare_fixed)
            for (_, case) in service_cases.CASES[first_change:]:
                case(self.cluster)
            self.await_seen(worlds)
            with self.subTest(after="changes"):
                self.assert_equal_fates(worlds, self.compare_fixed)
            self.service_cidrs_count_at_once(worlds["nftables"][1])
        self.random_services_meet_the_same_fate(worlds)

    def random_services_meet_the_same_fate(self, worlds):
        # Kube-proxy's rules of nftables fail with names that are long, and of few endpoints each is met in time.
        services = random_services.RandomServices(self.api, SEED, RANDOM_PORTS, random_services.NAMES[:-1], (0, 1, 1, 2))
        (seed, end) = (SEED, time.monotonic() + LONG_S)
        while seed == SEED or time.monotonic() < end:
            services.change(RANDOM_CHANGES)
            self.await_seen(worlds)
            with self.subTest(seed=SEED, changes=services.done):
                self.assert_equal_fates(worlds, self.compare_random, seed)
            seed += 1

    def service_cidrs_count_at_once(self, world):
        """Ours; kube-proxy tells its own rules of a change within an hour."""
        probe = ("pod", "TCP", UNUSED[2], 1)
        self.assertEqual(world.send([probe]), ["silent"])
        self.api.delete("ServiceCIDR", None, "more")
        await_true("packets to 10.120.7.77 go on", lambda: world.send([probe]) != ["silent"])
        self.api.create(MORE_CIDRS)
        await_true("packets to 10.120.7.77 are dropped", lambda: world.send([probe]) == ["silent"])


if __name__ == "__main__":
    cluster_test.main()
