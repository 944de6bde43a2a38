#!/usr/bin/env python3
"""Nameplane beside CoreDNS: the same real API server, the same configuration, the same questions, in
turn (CoreDNS, Nameplane, CoreDNS, ...), each pair a ratio of its own. Root, for namespaces.

    bench/coredns.py [--binary build/plain/src/agent/nameplane] [--services 10000] [--endpoints 10]
                     [--rounds 4] [--seconds 4] [--floor build/plain/bench/bench_udp_floor]
                     [--only WORKLOAD...]

Needs what tools/lib/control_plane.sh and tools/lib/peers.sh build, and dnsperf, knot and taskset from
Debian. To create 10,000 Services takes two minutes. dnsperf and the upstream (Knot) run on one processor,
the server on the other. CPU time is that of the server's process while dnsperf ran, divided by the
queries it completed; where CPU is bound, kQPS is what the server can do while the load generator and Knot
have a processor of their own. Workloads:

    cluster    names of Services: 60 % A, 20 % AAAA, 10 % SRV, 10 % that do not exist
    cached     1,000 names of an upstream, all in the cache
    forwarded  names of an upstream that nobody asked before, each once
    storm      one external name as a pod with ndots:5 asks for it: three search domains, then itself,
               A and AAAA each
    log        `cluster` with the plugin log, to /dev/null

With --floor a third server is asked in turn, which sends every question back: what the kernel alone takes."""
import argparse
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/peers"), str(ROOT / "tests/control-plane"), str(ROOT / "bench")]
import api_client
import control_plane
import dns as dns_bench
import rounds
import servers
import upstream

ZONE = "cluster.local"
UPSTREAM_ZONE = "example.test"
KUBERNETES = ("kubernetes cluster.local in-addr.arpa ip6.arpa",
              ["pods insecure", "fallthrough in-addr.arpa ip6.arpa", "ttl 30"])
EXTERNAL_NAMES = 1000
CREATORS = 24


# -- what is asked --

def storm_lines():
    lines = []
    for search in ("namespace-1.svc.%s" % ZONE, "svc.%s" % ZONE, ZONE, ""):
        owner = ("name-7.%s.%s" % (UPSTREAM_ZONE, search)).rstrip(".")
        lines += [owner + " A", owner + " AAAA"]
    return lines


def write_workloads(folder, services):
    """A file of questions by workload."""
    files = {name: folder / name for name in ("cluster", "cached", "forwarded", "storm")}
    dns_bench.write_queries(files["cluster"], services, 100000)
    rng = random.Random(2)
    files["cached"].write_text("".join(
        "name-%d.%s A\n" % (rng.randrange(EXTERNAL_NAMES), UPSTREAM_ZONE) for _ in range(50000)))
    files["storm"].write_text("\n".join(storm_lines()) + "\n")
    files["log"] = files["cluster"]
    return files


def write_unique(path, number, count):
    """Names that were not asked before."""
    path.write_text("".join("u%d-%d.%s A\n" % (number, i, UPSTREAM_ZONE) for i in range(count)))


# -- who is there --

def start_upstream(folder, options):
    """Knot with one zone and a wildcard, on the load's processor."""
    records = ["@ 3600 SOA ns hostmaster 1 7200 1800 86400 300", "@ 3600 NS ns", "ns 3600 A 192.0.2.1",
               "* 3600 A 192.0.2.2"]
    records += ["name-%d 3600 A 198.51.%d.%d" % (i, 100 + i // 250, i % 250 + 1)
                for i in range(EXTERNAL_NAMES)]
    server = upstream.Upstream(folder, UPSTREAM_ZONE, "\n".join(records) + "\n",
                               ("taskset", "-c", options.load_cpus))
    server.start()
    return server


def corefile(plane, upstream, log):
    (line, body) = KUBERNETES
    return servers.block(
        ["."], *(["log"] if log else []), "errors", "prometheus {$METRICS}",
        (line, [*body, "kubeconfig %s test" % plane.admin_kubeconfig]),
        ("forward . 127.0.0.1:%d" % upstream.port, ["max_concurrent 1000"]), "cache 30", "loadbalance")


def start(kind, folder, options, text, log):
    server = kind(folder, text, "taskset", "-c", options.server_cpus)
    # Lines of the query log go nowhere; what else is said, to a file.
    server.log = pathlib.Path("/dev/null") if log else server.log
    server.start()
    server.pid = server.process.pid
    return server


def create_cluster(api, services, endpoints):
    """Services and slices as bench/dns.py has them, many at a time."""
    path = pathlib.Path(tempfile.mkdtemp()) / "cluster.json"
    dns_bench.write_manifests(path, services, endpoints)
    items = json.loads(path.read_text())["items"]
    for one in items:
        if one["kind"] == "Service" and one["spec"]["clusterIP"] != "None":
            del one["spec"]["clusterIP"]  # the API server's choice; some are taken
    for i in range(100):
        api_client.until_done(lambda i=i: api.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "namespace-%d" % i}}))
    todo = iter(items)
    lock = threading.Lock()

    def run():
        while True:
            with lock:
                one = next(todo, None)
            if one is None:
                return
            api_client.until_done(lambda: api.create(one), seconds=300, fine=(409,))
    threads = [threading.Thread(target=run) for _ in range(CREATORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- measuring --

def compare(name, asked, options, files, folder):
    """Rounds in turn; prints a row a server."""
    at_rest = {server.title: rounds.resident_mb(server.pid) for server in asked}
    if name in ("cached", "storm"):
        for server in asked:
            rounds.load(server, options, files[name], "-n", "1")

    def queries_for(server, number):
        if name != "forwarded":
            return files[name]
        write_unique(folder / "unique", len(asked) * number + asked.index(server), options.forwarded)
        return folder / "unique"
    rows = rounds.in_turn(asked, options, queries_for)
    rounds.print_rows(asked, rows, at_rest, name)
    return (name, rows)


def run(options, folder):
    plane = control_plane.ControlPlane(folder / "plane", controllers=("namespace-controller",))
    servers_up = []
    results = []
    try:
        plane.start(kubelet_too=False)
        started = time.monotonic()
        create_cluster(plane.api, options.services, options.endpoints)
        print("%d Services with %d endpoints each in %.0f s; %d rounds of %d s in turn, medians" % (
            options.services, options.endpoints, time.monotonic() - started, options.rounds,
            options.seconds))
        behind = start_upstream(folder / "upstream", options)
        files = write_workloads(folder, options.services)
        rounds.print_head("workload")
        for (log, names) in itertools.groupby(options.only, lambda name: name == "log"):
            text = corefile(plane, behind, log)
            asked = [start(kind, folder / ("%s-%d" % (kind.title, log)), options, text, log)
                     for kind in (servers.CoreDns, servers.Nameplane)]
            asked += [rounds.Floor(options)] if options.floor else []
            servers_up += asked
            for name in names:
                results.append(compare(name, asked, options, files, folder))
            for server in asked:
                server.kill()
        for (name, rows) in results:
            rounds.print_ratios(name, rows["nameplane"], rows["coredns"])
            if options.floor:
                rounds.print_ratios(name + ", the floor", rows["floor"], rows["coredns"])
    finally:
        for server in servers_up:
            server.kill()
        plane.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    workloads = ("cluster", "cached", "forwarded", "storm", "log")
    rounds.add_options(parser, rounds=4, seconds=4)
    parser.add_argument("--floor", help="bench_udp_floor, to be asked, too")
    parser.add_argument("--services", type=int, default=10000)
    parser.add_argument("--endpoints", type=int, default=10, choices=range(1, 17), metavar="1..16")
    parser.add_argument("--forwarded", type=int, default=600000, help="names a round, more than are asked")
    parser.add_argument("--only", nargs="+", choices=workloads, default=workloads)
    options = parser.parse_args()
    rounds.need(dnsperf="dnsperf", taskset="util-linux")
    reason = control_plane.missing() or servers.missing() or upstream.missing()
    if reason:
        sys.exit(reason)
    servers.nameplane.BINARY = os.path.abspath(options.binary)
    if os.environ.pop("NAMEPLANE_INSIDE", None) is None:
        command = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                   sys.executable, *sys.argv]
        os.execvpe(command[0], command, {**os.environ, "NAMEPLANE_INSIDE": "1"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", "192.168.77.1/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        run(options, pathlib.Path(folder))


if __name__ == "__main__":
    main()
