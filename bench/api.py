#!/usr/bin/env python3
"""The agent with a real API server as its source: start, memory, relist, and how long one change takes.

    bench/api.py [--binary build/plain/src/agent/nameplane] [--size 1000x10] [--rules iptables]
                 [--changes 200] [--writers 16] [--skip relist|changes ...]

Needs root, etcd, and the programs that tools/lib/control_plane.sh builds. Runs in namespaces of its own;
everything is on loopback. --size is Services x endpoints of each; to create them takes 2 s at 1,000, 80 s
at 10,000.

  start      from the start of the process: the first right answer; /ready (all lists in, their rules in the
             kernel). Peak and steady memory (VmHWM, VmRSS), CPU time.
  relist     etcd forgets its history and the API server is killed and started: watches get 410, everything is
             listed again, nothing has changed. CPU time of the agent, and what its peak grew by.
  rule       one endpoint of a Service changes: from the API's answer to the PATCH until a packet to the
             Service arrives at the new endpoint.
  name       the same for a headless Service: until its name is answered with the new endpoint.
"""
import argparse
import concurrent.futures
import itertools
import os
import pathlib
import re
import socket
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "control-plane"))
TICKS = os.sysconf("SC_CLK_TCK")
PROBES = ("192.168.78.1", "192.168.78.2")
PROBE_PORT = 9999
NAMESPACES = 100


def options_given():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/plain/src/agent/nameplane"))
    parser.add_argument("--size", default="1000x10")
    parser.add_argument("--rules", default="iptables")
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--rule-changes", type=int, help="fewer of those that wait for the kernel")
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--skip", action="append", default=[],
                        choices=["relist", "changes"])
    return parser.parse_args()


def address_of(number):
    return "10.%d.%d.%d" % (128 + number // 65536, number // 256 % 256, number % 256)


def objects(i, endpoints):
    meta = {"name": "service-%d" % i, "namespace": "namespace-%d" % (i % NAMESPACES)}
    # What the endpoint slice controller writes is as long as this.
    entries = [{"addresses": [address_of(i * endpoints + j)],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": "node-%d" % (j % 50), "zone": "zone-%d" % (j % 3),
                "targetRef": {"kind": "Pod", "namespace": meta["namespace"],
                              "name": "service-%d-7d4b9c6f5d-%05d" % (i, j),
                              "uid": "00000000-0000-4000-8000-%012d" % (i * endpoints + j)}}
               for j in range(endpoints)]
    yield {"apiVersion": "v1", "kind": "Service", "metadata": meta,
           "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}
    for at in range(0, endpoints, 100):
        yield {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
               "metadata": {**meta, "name": "%s-%d" % (meta["name"], at),
                            "labels": {"kubernetes.io/service-name": meta["name"]}},
               "addressType": "IPv4",
               "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
               "endpoints": entries[at:at + 100]}


def load(api, services, endpoints, writers):
    for i in range(NAMESPACES):
        api.create({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": "namespace-%d" % i}})

    def create(i):
        for value in objects(i, endpoints):
            api.create(value)
    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        for done in pool.map(create, range(services)):
            assert done is None


def status(pid, field):
    text = pathlib.Path("/proc/%d/status" % pid).read_text(encoding="ascii")
    return int(re.search(r"^%s:\s+(\d+)" % field, text, re.MULTILINE).group(1)) / 1024


def cpu(pid):
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def settle(pid):
    """Until the process does nothing for a second."""
    while True:
        before = cpu(pid)
        time.sleep(1)
        if cpu(pid) - before < 0.03:
            return


class Echo:
    """Says on which of its addresses a datagram arrived."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, PROBE_PORT))
        self.address = address
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            (_, peer) = self.socket.recvfrom(64)
            self.socket.sendto(self.address.encode(), peer)


# The kernel likes to give a port again that it has just got back, and would then remember the flow.
source_ports = itertools.cycle(range(10_000, 60_000))


def arrives_at(address, port):
    """Where a new flow to a Service ends up; None if nowhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.02)
        try:
            client.bind(("", next(source_ports)))
            client.connect((address, port))
            client.send(b"?")
            return client.recv(64).decode()
        except OSError:
            return None


class Bench:
    def __init__(self, given, test, plane):
        (self.given, self.test, self.plane, self.api) = (given, test, plane, plane.api)
        (self.services, self.endpoints) = (int(word) for word in given.size.split("x"))
        self.agent = None

    def probe_objects(self):
        for (name, spec, port) in (
                ("probe-rule", {"ports": [{"name": "echo", "port": 9, "protocol": "UDP",
                                           "targetPort": PROBE_PORT}]}, PROBE_PORT),
                ("probe-name", {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]}, 80)):
            self.api.create({"apiVersion": "v1", "kind": "Service",
                             "metadata": {"name": name, "namespace": "default"}, "spec": spec})
            self.api.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                             "metadata": {"name": name, "namespace": "default",
                                          "labels": {"kubernetes.io/service-name": name}},
                             "addressType": "IPv4",
                             "ports": [{"name": spec["ports"][0]["name"], "port": port,
                                        "protocol": spec["ports"][0].get("protocol", "TCP")}],
                             "endpoints": [{"addresses": [PROBES[0]]}]})
        return self.api.get("Service", "default", "probe-rule")["spec"]["clusterIP"]

    def move(self, name, address):
        """Changes the endpoint; the moment of the API's answer."""
        self.api.patch("EndpointSlice", "default", name,
                       {"endpoints": [{"addresses": [address]}]})
        return time.monotonic()

    def start(self):
        started = time.monotonic()
        agent = self.test.start_agent(more_rules='publish_wait = "1m"')
        agent.started()
        name = "service-%d.namespace-%d.svc.cluster.local" % (
            self.services - 1, (self.services - 1) % NAMESPACES)
        (names, ready) = (None, None)
        while ready is None:
            if names is None and agent.udp(name).rcode == "NOERROR":
                names = time.monotonic() - started
            if agent.get("ready")[0] == 200:
                ready = time.monotonic() - started
            time.sleep(0.01)
        self.agent = agent
        pid = agent.process.pid
        settle(pid)
        print("start: ready after %.2f s, first answer after %s; CPU %.2f s; peak %.0f MB, "
              "steady %.0f MB" % (ready, "%.2f s" % names if names else "that", cpu(pid),
                                  status(pid, "VmHWM"), status(pid, "VmRSS")), flush=True)

    def lists(self):
        return sum(int(float(count)) for count in re.findall(
            r"^nameplane_api_list_duration_seconds_count\{.*\} (\S+)", self.agent.get("metrics")[1],
            re.MULTILINE))

    def relist(self):
        pid = self.agent.process.pid
        (before, lists) = (status(pid, "VmRSS"), self.lists())
        kinds = lists  # one list a kind so far
        pathlib.Path("/proc/%d/clear_refs" % pid).write_text("5")  # VmHWM begins anew
        used = cpu(pid)
        self.api.create({"apiVersion": "v1", "kind": "ConfigMap",
                         "metadata": {"name": "newer", "namespace": "default"}})
        self.plane.apiserver.kill()
        self.plane.compact()
        self.plane.apiserver.start()
        deadline = time.monotonic() + 300
        while self.lists() < lists + kinds:
            if time.monotonic() > deadline:
                sys.exit("no relist: " + "\n".join(self.agent.read_lines()[-20:]))
            time.sleep(0.05)
        settle(pid)
        print("relist of %d kinds: CPU %.2f s; peak %.0f MB, before it %.0f MB (+%.0f %%), after it "
              "%.0f MB" % (kinds, cpu(pid) - used, status(pid, "VmHWM"), before,
                           100 * (status(pid, "VmHWM") / before - 1), status(pid, "VmRSS")),
              flush=True)

    def changes(self, what, count, cluster_ip):
        took = []
        for i in range(count):
            target = PROBES[(i + 1) % 2]
            if what == "rule":
                began = self.move("probe-rule", target)
                while arrives_at(cluster_ip, 9) != target:
                    time.sleep(0.0005)
            else:
                began = self.move("probe-name", target)
                while self.agent.udp("probe-name.default.svc.cluster.local").data("A") != [target]:
                    time.sleep(0.0005)
            took.append((time.monotonic() - began) * 1000)
        took.sort()
        print("%s: median %.1f ms, p99 %.1f ms, least %.1f ms of %d" % (
            what, statistics.median(took), took[min(len(took) - 1, len(took) * 99 // 100)], took[0],
            len(took)), flush=True)

    def run(self):
        began = time.monotonic()
        load(self.api, self.services, self.endpoints, self.given.writers)
        cluster_ip = self.probe_objects()
        print("%d Services x %d endpoints, made in %.0f s" % (
            self.services, self.endpoints, time.monotonic() - began), flush=True)
        self.start()
        if "relist" not in self.given.skip:
            self.relist()
        if "changes" not in self.given.skip:
            self.changes("name", self.given.changes, cluster_ip)
            if self.given.rules != "off":
                self.changes("rule", self.given.rule_changes or self.given.changes, cluster_ip)
        print("after all: peak %.0f MB, %.0f MB" % (status(self.agent.process.pid, "VmHWM"),
                                                    status(self.agent.process.pid, "VmRSS")))


def main():
    given = options_given()
    os.environ["NAMEPLANE"] = str(pathlib.Path(given.binary).resolve())
    import cluster_test  # reads the environment
    import control_plane
    reason = cluster_test.missing()
    if reason:
        sys.exit(reason)
    cluster_test.enter()
    for address in PROBES:
        cluster_test.run("ip", "address", "add", address + "/32", "dev", "lo")
        Echo(address)
    cluster_test.run("ip", "route", "add", "10.96.0.0/12", "dev", "lo", "src",
                     cluster_test.NODE_ADDRESS)
    test = cluster_test.ClusterTest()
    test.folder = tempfile.mkdtemp()
    cluster_test.CONFIG = cluster_test.CONFIG.replace('"iptables"', '"%s"' % given.rules)
    plane = test.plane = control_plane.ControlPlane(
        tempfile.mkdtemp(), node=cluster_test.NODE, node_address=cluster_test.NODE_ADDRESS)
    plane.etcd.start()
    plane.apiserver.start()
    plane.api.create(plane.kubelet.node_object())
    Bench(given, test, plane).run()


if __name__ == "__main__":
    main()
