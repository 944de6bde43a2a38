#!/usr/bin/env python3
"""DNS on loopback with 10,000 Services, beside NSD with the same names, in one run.

    bench/dns.py [--binary build/plain/src/agent/nameplane] [--services 10000] [--rounds 5]
                 [--seconds 5] [--threads 1] [--floor build/plain/bench/bench_udp_floor]
                 [--before FILE] [--cache] [--asked 10000]

dnsperf (Debian) is the load, pinned to one processor; each server runs with as many threads
(NSD: processes) on the other. The two are asked in turn, round by round; figures are medians over the
rounds. CPU time is that of the server's processes while dnsperf ran, divided by the queries it
completed; user is the part of it outside of the kernel. With --before another build of Nameplane is asked
in turn with this one; with --cache both have a Corefile like kubeadm's, whose `cache` stands before
`kubernetes`; --asked says of how many Services names are asked. Needs dnsperf, nsd, taskset."""
import argparse
import json
import pathlib
import random
import signal
import subprocess
import tempfile

import rounds

ZONE = "cluster.local"


def endpoint_address(i, j):
    """Of endpoint `j` of Service `i`, at most 16 of them."""
    number = 16 * i + j
    return f"172.{16 + number // 65536}.{number // 256 % 256}.{number % 256}"


def cluster_ip(i):
    return f"10.{96 + i // 65536}.{i // 256 % 256}.{i % 256}"


def name(i):
    return f"service-{i}", f"namespace-{i % 100}"


def write_manifests(path, count, endpoints=2):
    """One List of Services and EndpointSlices; every tenth is headless."""
    items = []
    for i in range(1, count + 1):
        service, namespace = name(i)
        headless = i % 10 == 0
        items.append({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": service, "namespace": namespace},
            "spec": {"clusterIP": "None" if headless else cluster_ip(i), "type": "ClusterIP",
                     "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}})
        items.append({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{service}-x", "namespace": namespace,
                         "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [endpoint_address(i, j)], "conditions": {"ready": True}}
                          for j in range(endpoints)]})
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def write_zone(path, count):
    """The same names for NSD."""
    lines = [f"$ORIGIN {ZONE}.", "$TTL 5",
             "@ SOA ns.dns hostmaster 1 7200 1800 86400 5", "@ NS ns.dns", "ns.dns A 127.0.0.1"]
    for i in range(1, count + 1):
        service, namespace = name(i)
        owner = f"{service}.{namespace}.svc"
        if i % 10 == 0:
            for j in range(2):
                address = endpoint_address(i, j)
                dashed = address.replace(".", "-")
                lines += [f"{owner} A {address}", f"{dashed}.{owner} A {address}",
                          f"_http._tcp.{owner} SRV 0 50 8080 {dashed}.{owner}"]
        else:
            lines += [f"{owner} A {cluster_ip(i)}",
                      f"_http._tcp.{owner} SRV 0 100 80 {owner}"]
    path.write_text("\n".join(lines) + "\n")


def write_queries(path, count, queries):
    """What pods ask: mostly A, some AAAA (no data), SRV, and names that do not exist."""
    rng = random.Random(1)
    lines = []
    for _ in range(queries):
        service, namespace = name(rng.randint(1, count))
        owner = f"{service}.{namespace}.svc.{ZONE}"
        roll = rng.random()
        if roll < 0.60:
            lines.append(f"{owner} A")
        elif roll < 0.80:
            lines.append(f"{owner} AAAA")
        elif roll < 0.90:
            lines.append(f"_http._tcp.{owner} SRV")
        else:
            lines.append(f"missing-{rng.randint(1, 10**6)}.{namespace}.svc.{ZONE} A")
    path.write_text("\n".join(lines) + "\n")


COREFILE = """\
.:%d {
    bind 127.0.0.1
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
        fallthrough in-addr.arpa ip6.arpa
    }
    cache 30
    loadbalance
}
"""


class Nameplane:
    def __init__(self, title, binary, options, folder):
        self.title = title
        self.port = rounds.free_port()
        manifests = folder / "cluster.json"
        if not manifests.exists():
            write_manifests(manifests, options.services)
        where = ["--listen", "127.0.0.1", "--port", str(self.port)]
        if options.cache:
            corefile = folder / (title + ".corefile")
            corefile.write_text(COREFILE % self.port)
            where = ["-conf", str(corefile)]
        self.log = open(folder / (title + ".log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["taskset", "-c", options.server_cpus, binary, "--manifests", str(manifests), *where,
             "--threads", str(options.threads)],
            stdout=self.log, stderr=self.log)
        self.pid = self.process.pid


class Nsd:
    title = "nsd"

    def __init__(self, options, folder):
        self.port = rounds.free_port()
        write_zone(folder / "zone", options.services)
        self.log = open(folder / "nsd.log", "w", encoding="utf-8")
        self.process = rounds.start_nsd(folder, self.port, ZONE, options.server_cpus,
                                        options.threads, self.log)
        self.pid = self.process.pid


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    rounds.add_options(parser, rounds=5, seconds=5)
    parser.add_argument("--floor", help="bench_udp_floor, to be asked, too")
    parser.add_argument("--services", type=int, default=10000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--before", help="another build of nameplane, to be asked, too")
    parser.add_argument("--cache", action="store_true", help="with `cache` before `kubernetes`")
    parser.add_argument("--asked", type=int, help="of so many Services names are asked; unset: all")
    options = parser.parse_args()
    rounds.need(dnsperf="dnsperf", nsd="nsd", dig="bind9-dnsutils", taskset="util-linux")
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = pathlib.Path(name_of_folder)
        queries = folder / "queries"
        write_queries(queries, options.asked or options.services, 100000)
        servers = [Nameplane("nameplane", options.binary, options, folder)]
        if options.before:
            servers.append(Nameplane("before", options.before, options, folder))
        servers.append(Nsd(options, folder))
        named = list(servers)
        servers += [rounds.Floor(options)] if options.floor else []
        try:
            for server in named:
                rounds.wait_for_answer(server.port, f"service-1.namespace-1.svc.{ZONE}")
            at_rest = {s.title: rounds.resident_mb(s.pid) for s in servers}
            rows = rounds.in_turn(servers, options, lambda *_: queries)
            print(f"{options.services} Services, {options.threads} server thread(s), "
                  f"{options.rounds} rounds of {options.seconds} s in turn, medians")
            rounds.print_head()
            rounds.print_rows(servers, rows, at_rest)
            for other in servers[1:]:
                rounds.print_ratios(f"nameplane beside {other.title}", rows["nameplane"],
                                    rows[other.title])
        finally:
            for server in servers:
                server.process.send_signal(signal.SIGTERM)
                server.process.wait(timeout=30)


if __name__ == "__main__":
    main()
