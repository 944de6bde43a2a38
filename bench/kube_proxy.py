#!/usr/bin/env python3
"""The agent's rule writers beside kube-proxy's, at one real API server, one after the other on a node of its
own (a network namespace): CPU time, memory, and how long a change takes.

    bench/kube_proxy.py [--binary build/plain/src/agent/nameplane] [--sizes 100x10,1000x10]
                        [--proxies kube-proxy-iptables,nameplane-iptables,...] [--changes 50]
                        [--change-seconds 100] [--give-up 600] [--roll 500] [--minutes 0]
                        [--out FILE] [--connect build/plain/bench/bench_connect]

Needs root, etcd, the programs that tools/lib/control_plane.sh builds, and for kube-proxy-1.37-nftables the one
that bench/kube-proxy/build builds. Runs in namespaces of its own.

  first      from the start of the process until the last Service is served; CPU time, its children's too
  change     one endpoint changes: from the API's answer until a new flow arrives at the new endpoint; the
             median, the 99th percentile, and CPU time of one. --changes of them, fewer where one takes long
             (then --change-seconds worth of them, 3 at least)
  flow       what a new flow to a Service costs above one to the endpoint itself before any rule was there: of 40 Services,
             spread over all, the one that costs most (median of 200 flows)
  roll       an endpoint of each of --roll Services changes, as fast as the API server takes it: from the answer to
             the last of these until a new flow meets the change of a Service made last; CPU time of it all
  memory     resident: at rest after `first`, and at most in all; of the process alone, without its children. And
             what a pod's limit would have seen at most: a control group's peak, with children, what the kernel
             keeps for it, and files that were read

No sync period of kube-proxy delays anything: minSyncPeriod is 1ms in both modes.

--minutes: the whole takes no longer than that, but for the last row's end; what does not come to its end says
so. So what may take longest (kube-proxy-nftables of 1.35) is best the last of a size. --out: the tables as they
are printed. --connect: bench_connect, run once after all, adds what a new connection costs with 10 Services
and with 10,000.
"""
import argparse
import concurrent.futures
import ctypes
import os
import pathlib
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import api as api_bench

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "control-plane"))
NEWER = ROOT / ".cache" / "kube-proxy-1.37" / "kube-proxy"
PROXIES = {  # name: (mode, program or None for ours)
    "kube-proxy-iptables": ("iptables", "kube-proxy"),
    "nameplane-iptables": ("iptables", None),
    "kube-proxy-nftables": ("nftables", "kube-proxy"),
    "kube-proxy-1.37-nftables": ("nftables", NEWER),
    "nameplane-nftables": ("nftables", None),
}
NETWORKS = 'detect_local_mode = "cluster_cidr"\ncluster_cidr = ["10.128.0.0/9"]'
CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: %s
clientConnection: {kubeconfig: %s}
hostnameOverride: %s
clusterCIDR: 10.128.0.0/9
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {minSyncPeriod: 1ms}
nftables: {minSyncPeriod: 1ms}
"""
PODS = ("10.127.0.1", "10.127.0.2")
PORT = 9999
FLOW_SERVICES = 40
PROBES_UNDER_WAY = 50
FLOWS = 200
CLONE_NEWNET = 0x40000000


def options_given():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/plain/src/agent/nameplane"))
    parser.add_argument("--sizes", default="100x10,1000x10")
    parser.add_argument("--proxies", default=",".join(PROXIES))
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--give-up", type=float, default=600, help="seconds for the first writing")
    parser.add_argument("--roll", type=int, default=500)
    parser.add_argument("--change-seconds", type=float, default=100)
    parser.add_argument("--minutes", type=float, default=0, help="for all of it; 0: any time")
    parser.add_argument("--out", help="a file that also gets the tables")
    parser.add_argument("--connect", help="bench_connect, to be run at the end")
    return parser.parse_args()


def cpu(pid):
    """Of a process and its children that have ended, seconds."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return sum(int(word) for word in fields[11:15]) / api_bench.TICKS


def settle(pid, deadline):
    """Until the process and its children do nothing for two seconds."""
    quiet = 0
    while quiet < 4:
        if time.monotonic() > deadline:
            raise TimeoutError
        before = cpu(pid)
        time.sleep(0.5)
        children = pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().strip()
        quiet = quiet + 1 if cpu(pid) - before < 0.03 and not children else 0


def enter_network(path):
    """This thread's sockets are made in that network namespace from now on."""
    with open(path, encoding="ascii") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns " + path)


class Inside:
    """One thread in a network namespace that runs what it is told."""

    def __init__(self, namespace):
        self.pool = concurrent.futures.ThreadPoolExecutor(
            1, initializer=enter_network, initargs=("/run/netns/" + namespace,))

    def call(self, function, *arguments):
        return self.pool.submit(function, *arguments).result()


def echo(addresses):
    """Says on which address a datagram arrived; runs for ever in threads of the namespace it is called in."""
    for address in addresses:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, PORT))

        def run(one=one, address=address):
            while True:
                (_, peer) = one.recvfrom(64)
                one.sendto(address.encode(), peer)
        threading.Thread(target=run, daemon=True).start()


def bound(client):
    """Binds to a port that no flow used lately."""
    while True:
        try:
            return client.bind(("", next(api_bench.source_ports)))
        except OSError:
            continue  # somebody has it


def time_of_arrival(address, port, target, deadline):
    """When the first new flow to a Service arrived at `target`: a flow each millisecond, since a probe may be
    lost (its own entry of the connection table is forgotten with those of the endpoint before)."""
    probes = []
    pause = 0.001
    try:
        while time.monotonic() < deadline:
            # No port comes again while the connection table may know its last flow.
            pause = min(pause * 1.01, 0.005)
            again = time.monotonic() + pause
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client.setblocking(False)
            bound(client)
            probes.append(client)
            try:
                client.connect((address, port))
                client.send(b"?")
            except OSError:
                pass  # refused: no rule leads anywhere
            while (left := again - time.monotonic()) > 0:
                for ready in select.select(probes, [], [], left)[0]:
                    try:
                        if ready.recv(64).decode() == target:
                            return time.monotonic()
                    except OSError:
                        pass
                    probes.remove(ready)
                    ready.close()
            while len(probes) > PROBES_UNDER_WAY:
                probes.pop(0).close()
        raise TimeoutError
    finally:
        for client in probes:
            client.close()


def flow_time(address, port):
    """Median of new flows there and back, microseconds."""
    took = []
    for _ in range(FLOWS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            bound(client)
            client.connect((address, port))
            began = time.perf_counter()
            client.send(b"?")
            client.recv(64)
            took.append((time.perf_counter() - began) * 1e6)
    return statistics.median(took)


class MemoryGroup:
    """A control group of version 1 or 2 that counts the memory of who is put into it."""

    def __init__(self, name):
        roots = {"/sys/fs/cgroup/memory": "memory.max_usage_in_bytes", "/sys/fs/cgroup": "memory.peak"}
        (root, self.peak_file) = next(
            (each for each in roots.items() if (pathlib.Path(each[0]) / "cgroup.procs").exists()), (None, None))
        self.folder = pathlib.Path(root) / name if root else None
        if self.folder:
            self.folder.mkdir()

    def take(self, pid):
        if self.folder:
            (self.folder / "cgroup.procs").write_text(str(pid))

    def peak(self):
        """MB, None where nobody counts."""
        file = self.folder / self.peak_file if self.folder else None
        return int(file.read_text()) / 2**20 if file and file.exists() else None

    def remove(self):
        """When all in it have ended."""
        if self.folder:
            self.folder.rmdir()


class Cluster:
    """A control plane with so many Services, and those that are probed."""

    def __init__(self, size, modules):
        (self.test_module, self.control_plane, self.pair) = modules
        (self.services, self.endpoints) = (int(word) for word in size.split("x"))
        self.plane = self.control_plane.ControlPlane(
            tempfile.mkdtemp(), node=self.test_module.NODE,
            node_address="192.168.77.1")
        self.plane.etcd.start()
        self.plane.apiserver.start()
        self.api = self.plane.api
        self.api.create(self.plane.kubelet.node_object())
        self.api.patch("Node", None, self.test_module.NODE, {"status": {"addresses": [
            {"type": "InternalIP", "address": "192.168.77.1"}]}}, "status")
        api_bench.load(self.api, self.services, self.endpoints, 16)
        self.flow_ips = [self.probe("service-%d-flow" % (i * self.services // FLOW_SERVICES),
                                    "namespace-%d" % (i * api_bench.NAMESPACES // FLOW_SERVICES))
                         for i in range(FLOW_SERVICES)]
        self.change_ip = self.probe("change", "default")

    def probe(self, name, namespace):
        self.api.create({"apiVersion": "v1", "kind": "Service",
                         "metadata": {"name": name, "namespace": namespace},
                         "spec": {"ports": [{"name": "echo", "port": 9, "protocol": "UDP",
                                             "targetPort": PORT}]}})
        self.api.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                         "metadata": {"name": name, "namespace": namespace,
                                      "labels": {"kubernetes.io/service-name": name}},
                         "addressType": "IPv4",
                         "ports": [{"name": "echo", "port": PORT, "protocol": "UDP"}],
                         "endpoints": [{"addresses": [PODS[0]], "conditions": {"ready": True}}]})
        return self.api.get("Service", namespace, name)["spec"]["clusterIP"]

    def change(self, address):
        """The probed endpoint becomes this one; the moment of the API's answer."""
        self.api.patch("EndpointSlice", "default", "change",
                       {"endpoints": [{"addresses": [address], "conditions": {"ready": True}}]})
        return time.monotonic()

    def roll(self, count, serial):
        """Changes the first endpoint of so many Services."""
        def one(i):
            value = list(api_bench.objects(i, self.endpoints))[1]
            value["endpoints"][0]["addresses"] = ["10.127.%d.%d" % (100 + serial * 2 + i // 200,
                                                                  i % 200 + 1)]
            self.api.patch("EndpointSlice", value["metadata"]["namespace"],
                           value["metadata"]["name"], {"endpoints": value["endpoints"]})
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for _ in pool.map(one, range(count)):
                pass

    def stop(self):
        self.plane.stop()


class Run:
    """One proxy at one cluster."""

    def __init__(self, name, cluster, given, serial):
        (self.name, self.cluster, self.given, self.serial) = (name, cluster, given, serial)
        (self.mode, self.program) = PROXIES[name]
        self.node = cluster.pair.Node("bench-%d" % serial, cluster.plane)
        self._add_pods()
        self.inside = Inside(self.node.name)
        self.at = PODS[0]
        self.direct = self.inside.call(flow_time, PODS[0], PORT)  # no rules are there yet

    def _add_pods(self):
        pods = self.node.name + "-pods"
        run = self.cluster.test_module.run
        run("ip", "netns", "add", pods)
        self.node.ip("link", "add", "pods", "type", "veth", "peer", "name", "eth0", "netns", pods)
        self.node.ip("address", "add", "10.127.255.254/16", "dev", "pods")
        self.node.ip("link", "set", "pods", "up")
        for words in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"],
                      *(["address", "add", address + "/16", "dev", "eth0"] for address in PODS),
                      ["route", "add", "default", "via", "10.127.255.254"]):
            run("ip", "-n", pods, *words)
        self.node.ip("route", "add", "default", "via", "10.127.255.253")
        Inside(pods).call(echo, PODS)

    def _start(self):
        folder = tempfile.mkdtemp()
        if self.program is None:
            agent = self.cluster.pair.start_agent(self.node, folder, self.mode, NETWORKS)
            return agent.process
        program = self.cluster.pair.KUBE_PROXY if self.program == "kube-proxy" else self.program
        config = pathlib.Path(folder) / "config"
        config.write_text(CONFIG % (self.mode, self.node.kubeconfig, self.cluster.test_module.NODE))
        path = self.cluster.pair.folder_of_legacy(folder) + ":" + os.environ["PATH"]
        proxy = self.cluster.control_plane.Piece(
            self.name, [*self.node.enter(), program, "--config", config], pathlib.Path(folder),
            lambda: True, {**os.environ, "PATH": path})
        proxy.start()
        return proxy.process

    def arrives_at(self, address):
        return self.inside.call(api_bench.arrives_at, address, 9)

    def until(self, arrived):
        deadline = min(time.monotonic() + self.given.give_up, self.given.deadline)
        while not arrived():
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.0005)

    def one_change(self):
        """Milliseconds of one."""
        target = PODS[(PODS.index(self.at) + 1) % 2]
        began = self.cluster.change(target)
        deadline = min(began + self.given.give_up, self.given.deadline)
        took = (self.inside.call(time_of_arrival, self.cluster.change_ip, 9, target, deadline) -
                began) * 1000
        self.at = target
        return took

    def changes(self):
        took = []
        used = cpu(self.process.pid)
        enough = self.given.change_seconds * 1000
        while len(took) < self.given.changes and (len(took) < 3 or sum(took) < enough):
            took.append(self.one_change())
        settle(self.process.pid, self.given.deadline)
        used = (cpu(self.process.pid) - used) * 1000 / len(took)
        took.sort()
        return "%.1f / %.1f ms, %.1f ms CPU (%d)" % (
            statistics.median(took), took[min(len(took) - 1, len(took) * 99 // 100)], used, len(took))

    def flow(self):
        return "%.0f us" % (max(self.inside.call(flow_time, address, 9)
                                for address in self.cluster.flow_ips) - self.direct)

    def roll(self):
        used = cpu(self.process.pid)
        began = time.monotonic()
        self.cluster.roll(min(self.given.roll, self.cluster.services), self.serial)
        written = time.monotonic() - began
        took = self.one_change()
        settle(self.process.pid, self.given.deadline)
        return "%.0f ms after %.1f s of writing, %.2f s CPU" % (
            took, written, cpu(self.process.pid) - used)

    def row(self):
        began = time.monotonic()
        self.cluster.change(self.at)
        group = MemoryGroup("nameplane-bench-%d-%d" % (os.getpid(), self.serial))
        self.process = self._start()
        pid = self.process.pid
        group.take(pid)
        cells = []
        rest = 0
        try:
            self.until(lambda: self.arrives_at(self.cluster.change_ip) == self.at and all(
                self.arrives_at(address) for address in self.cluster.flow_ips))
            first = time.monotonic() - began
            settle(pid, self.given.deadline)
            (used, rest) = (cpu(pid), api_bench.status(pid, "VmRSS"))
            cells.append("%.2f s, %.2f s CPU" % (first, used))
            for measure in (self.changes, self.flow, self.roll):
                cells.append(measure())
        except TimeoutError:
            cells.append("not within %.0f s" % (time.monotonic() - began))
        finally:
            peak = api_bench.status(pid, "VmHWM") if self.process.poll() is None else 0
            in_group = group.peak()
            self.stop()
            group.remove()
        cells += [""] * (4 - len(cells))
        cells.append("%.0f / %.0f MB" % (rest, peak) if rest else "- / %.0f MB" % peak)
        return [*cells, "-" if in_group is None else "%.0f MB" % in_group]

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for name in (self.node.name, self.node.name + "-pods"):
            subprocess.run(["ip", "netns", "delete", name], check=False)


class Output:
    """What is printed, also in a file if there is to be one."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8") if path else None

    def say(self, text):
        for file in (sys.stdout, self.file):
            if file:
                print(text, file=file, flush=True)


def main():
    given = options_given()
    os.environ["NAMEPLANE"] = str(pathlib.Path(given.binary).resolve())
    import cluster_test  # reads the environment
    import control_plane
    import proxy_pair
    reason = cluster_test.missing()
    if reason:
        sys.exit(reason)
    names = given.proxies.split(",")
    if "kube-proxy-1.37-nftables" in names and not NEWER.exists():
        sys.exit("no newer kube-proxy: bench/kube-proxy/build makes it")
    given.deadline = time.monotonic() + (given.minutes * 60 if given.minutes else 1e9)
    cluster_test.enter()
    cluster_test.run("mkdir", "-p", "/run/netns")
    out = Output(given.out)
    out.say("%s, Linux %s, load %.1f" % (time.strftime("%Y-%m-%d %H:%M"), os.uname().release,
                                         os.getloadavg()[0]))
    serial = 0
    for size in given.sizes.split(","):
        began = time.monotonic()
        cluster = Cluster(size, (cluster_test, control_plane, proxy_pair))
        out.say("\n%s, made in %.0f s\n\n| | first | change: median / p99 (of) | flow | roll | "
                "memory: rest / peak | of its group |\n|---|---|---|---|---|---|---|" % (size, time.monotonic() - began))
        for name in names:
            serial += 1
            out.say("| %s | %s |" % (name, " | ".join(Run(name, cluster, given, serial).row())))
        cluster.stop()
    if given.connect:
        out.say("\n```\n%s```" % subprocess.run([given.connect], check=True, text=True,
                                                stdout=subprocess.PIPE).stdout)


if __name__ == "__main__":
    main()
