"""What names and rules must be, by what the API lists: worked out here anew for names, and by
`nameplane render` and iptables-restore in a namespace of its own for rules. And what they are."""

import collections
import ipaddress
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import nameplane

ZONE = "cluster.local."
SAVE = {"ipv4": "iptables-legacy-save", "ipv6": "ip6tables-legacy-save"}
RESTORE = {"ipv4": "iptables-legacy-restore", "ipv6": "ip6tables-legacy-restore"}
LABEL = "kubernetes.io/service-name"


class Cluster:
    """Services and EndpointSlices as one list of each says."""

    def __init__(self, api):
        (self.services, _) = api.list("Service")
        (self.slices, _) = api.list("EndpointSlice")
        (self.namespaces, _) = api.list("Namespace")
        (self.nodes, _) = api.list("Node")
        self.slices_of = collections.defaultdict(list)
        for one in self.slices:
            meta = one["metadata"]
            service = meta.get("labels", {}).get(LABEL)
            self.slices_of[meta["namespace"], service].append(one)

    def write(self, path):
        items = self.services + self.slices + self.namespaces + self.nodes
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "List", "items": items}, file)
        return path


def name_of(service):
    meta = service["metadata"]
    return "%s.%s.svc.%s" % (meta["name"], meta["namespace"], ZONE)


def is_headless(service):
    return service["spec"].get("clusterIP") == "None"


def headless_endpoints(slices):
    """(address, port) pairs by port's name and protocol, and all addresses, of what is ready; where
    what is not ready is to be published, the controller says of all that it is ready."""
    (addresses, ports) = (set(), collections.defaultdict(set))
    for one in slices:
        for endpoint in one.get("endpoints") or ():
            if endpoint.get("conditions", {}).get("ready") is False:
                continue
            for address in endpoint["addresses"][:1]:
                addresses.add(address)
                for port in one.get("ports") or ():
                    ports[port.get("name", ""), port["protocol"].lower()].add(
                        (address, port["port"]))
    return (addresses, ports)


def by_family(addresses):
    of = {"A": [], "AAAA": []}
    for address in addresses:
        of["AAAA" if ":" in address else "A"].append(address)
    return {kind: sorted(found) for (kind, found) in of.items()}


def expected_names(cluster):
    """(name, type) to ("NOERROR" or "NXDOMAIN", sorted data)."""
    wanted = {}
    for service in cluster.services:
        (name, spec) = (name_of(service), service["spec"])
        if spec["type"] == "ExternalName":
            wanted[name, "A"] = ("NOERROR", [spec["externalName"].rstrip(".") + "."])
            continue
        if is_headless(service):
            meta = service["metadata"]
            (addresses, ports) = headless_endpoints(
                cluster.slices_of[meta["namespace"], meta["name"]])
            rcode = "NOERROR" if addresses else "NXDOMAIN"
            for (kind, found) in by_family(addresses).items():
                wanted[name, kind] = (rcode, found)
            for ((port, protocol), found) in ports.items():
                if port:
                    wanted["_%s._%s.%s" % (port, protocol, name), "SRV"] = (
                        "NOERROR", sorted({number for (_, number) in found}))
            continue
        ips = spec.get("clusterIPs") or [spec["clusterIP"]]
        for (kind, found) in by_family(ips).items():
            wanted[name, kind] = ("NOERROR", found)
        for port in spec.get("ports") or ():
            if port.get("name"):
                wanted["_%s._%s.%s" % (port["name"], port["protocol"].lower(), name), "SRV"] = (
                    "NOERROR", [port["port"]])
        for ip in ips:
            wanted[ipaddress.ip_address(ip).reverse_pointer + ".", "PTR"] = ("NOERROR", [name])
    return wanted


def data_of(reply, kind):
    if kind == "SRV":
        return sorted({int(data.split()[2]) for data in reply.data("SRV")})
    if kind == "A" and reply.data("CNAME"):
        return reply.data("CNAME")[:1]
    return reply.data(kind)


def ask_all(agent, questions):
    """Answers by question, many under way at a time, each asked again when none comes."""
    (answers, waiting, todo) = ({}, {}, list(questions))
    deadline = time.monotonic() + nameplane.WAIT_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", agent.ports["dns"]))
        number = 0
        while todo or waiting:
            while todo and len(waiting) < 64:
                number = (number + 1) % 65536
                waiting[number] = todo.pop()
                client.send(nameplane.query_bytes(*waiting[number], query_id=number, edns=True))
            if not select.select([client], [], [], 2)[0]:
                todo += waiting.values()
                waiting.clear()
                if time.monotonic() > deadline:
                    raise AssertionError("no answers for %r" % todo[:3])
                continue
            reply = nameplane.Reply(client.recv(65535))
            question = waiting.pop(reply.id, None)
            if question is not None:
                answers[question] = agent.tcp(*question) if reply.tc else reply
    return answers


def names_differ(agent, cluster, gone=()):
    """What is answered other than the API says; `gone` are names that once were."""
    wanted = expected_names(cluster)
    known = {name for (name, _) in wanted}
    for name in gone:
        if name not in known:
            wanted[name, "A"] = ("NXDOMAIN", [])
    differences = []
    for ((name, kind), reply) in ask_all(agent, wanted).items():
        found = (reply.rcode, data_of(reply, kind))
        if found != wanted[name, kind]:
            differences.append("%s %s: answered %s, the API says %s"
                               % (name, kind, found, wanted[name, kind]))
    return differences


def chains(saved):
    """Rules by (table, chain), in their order, of what iptables-save prints."""
    (found, table) = (collections.defaultdict(list), "")
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            found[table, line[1:].split()[0]]  # also those without rules
        elif line.startswith("-A "):
            found[table, line.split()[1]].append(line)
    return found


def rules_now(family="ipv4"):
    """Without the counters that the agent adds where the kernel has them: `render` asks no kernel."""
    saved = subprocess.run([SAVE[family]], capture_output=True, text=True, check=True).stdout
    saved = re.sub(r"^.* --nfacct-name +localhost_nps_accepted_pkts .*\n", "", saved, flags=re.M)
    return chains(re.sub(r" -m nfacct --nfacct-name +\S+", "", saved))


def rules_wanted(cluster, folder, config, family="ipv4"):
    """As the kernel would print them."""
    path = cluster.write(os.path.join(folder, "cluster.json"))
    rendered = subprocess.run(
        [nameplane.BINARY, "render", "--manifests", path, "--config", config, "--to",
         "iptables-restore", "--family", family], capture_output=True, text=True, check=False)
    if rendered.returncode != 0:
        raise AssertionError(rendered.stderr)
    done = subprocess.run(
        # The lock is the agent's, too.
        ["unshare", "--net", "sh", "-c", "%s -w %d && %s" % (RESTORE[family], nameplane.WAIT_S, SAVE[family])],
        input=rendered.stdout, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return chains(done.stdout)


def rules_differ(cluster, folder, config, family="ipv4"):
    (wanted, found) = (rules_wanted(cluster, folder, config, family), rules_now(family))
    differences = []
    for key in sorted({*wanted, *found}):
        (own, other) = (found.get(key), wanted.get(key))
        if own != other and (own or other):
            differences.append("%s %s %s: in the kernel %s, by the API %s"
                               % (family, *key, own, other))
    return differences


def differences(agent, api, folder, gone=()):
    """All there is to complain about now."""
    cluster = Cluster(api)
    return names_differ(agent, cluster, gone) + [
        line for family in SAVE for line in rules_differ(cluster, folder, agent.config, family)]


class Asker:
    """Asks for one name all the time; every answer but the wanted one is kept in `wrong`."""

    def __init__(self, agent, name, address):
        (self.agent, self.name, self.address) = (agent, name, address)
        (self.wrong, self.asked) = ([], 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(nameplane.WAIT_S)
            client.connect(("127.0.0.1", self.agent.ports["dns"]))
            while not self._stop.wait(0.002):
                number = self.asked % 65536
                self.asked += 1
                client.send(nameplane.query_bytes(self.name, "A", query_id=number))
                try:
                    reply = nameplane.Reply(client.recv(65535))
                except OSError as error:
                    self.wrong.append(str(error))
                    continue
                if reply.id != number or reply.data("A") != [self.address]:
                    self.wrong.append("%s %s" % (reply.rcode, reply.answer))

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.wrong
