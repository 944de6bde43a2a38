#!/usr/bin/env python3
"""DNS on loopback with 10,000 Services, beside NSD with the same names, in one run.

    bench/dns.py [--binary build/plain/src/agent/nameplane] [--services 10000] [--rounds 5]
                 [--seconds 5] [--threads 1]

dnsperf (Debian) is the load, pinned to one processor; each server runs with as many threads
(NSD: processes) on the other. The two are asked in turn, round by round; figures are medians over the
rounds. CPU time is that of the server's processes while dnsperf ran, divided by the queries it
completed; user is the part of it outside of the kernel. Needs dnsperf, nsd, taskset."""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
ZONE = "cluster.local"


def cluster_ip(i):
    return f"10.{96 + i // 65536}.{i // 256 % 256}.{i % 256}"


def name(i):
    return f"service-{i}", f"namespace-{i % 100}"


def write_manifests(path, count):
    """One List of Services and EndpointSlices, two endpoints each; every tenth is headless."""
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
            "endpoints": [{"addresses": [f"172.{16 + i // 16384}.{i // 64 % 256}.{i % 64 * 4 + j}"],
                           "conditions": {"ready": True}} for j in range(2)]})
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
                address = f"172.{16 + i // 16384}.{i // 64 % 256}.{i % 64 * 4 + j}"
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


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid):
    """`pid` and its descendants."""
    pids = [pid]
    for entry in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in entry.read_text().split():
                pids += tree(int(child))
        except OSError:
            pass
    return pids


def cpu(pid):
    """User and system seconds of a process tree, by the scheduler's clock where it is finer."""
    user = system = 0.0
    for p in tree(pid):
        try:
            fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        user += int(fields[11]) / TICKS
        system += int(fields[12]) / TICKS
    return user, system


def resident_mb(pid):
    total = 0
    for p in tree(pid):
        try:
            text = pathlib.Path(f"/proc/{p}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
    return total / 1024


def wait_for_answer(port, owner):
    for _ in range(600):
        done = subprocess.run(["dig", "+short", "+tries=1", "+time=1", "-p", str(port),
                               "@127.0.0.1", owner, "A"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and re.match(r"\d+\.", done.stdout):
            return
        time.sleep(0.1)
    sys.exit(f"no answer on port {port}")


class Nameplane:
    title = "nameplane"

    def __init__(self, options, folder):
        self.port = free_port()
        manifests = folder / "cluster.json"
        write_manifests(manifests, options.services)
        self.log = open(folder / "nameplane.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["taskset", "-c", options.server_cpus, options.binary, "--manifests", str(manifests),
             "--listen", "127.0.0.1", "--port", str(self.port), "--threads", str(options.threads)],
            stdout=self.log, stderr=self.log)


class Nsd:
    title = "nsd"

    def __init__(self, options, folder):
        self.port = free_port()
        write_zone(folder / "zone", options.services)
        config = folder / "nsd.conf"
        config.write_text(f"""
server:
  ip-address: 127.0.0.1@{self.port}
  reuseport: yes
  server-count: {options.threads}
  zonesdir: "{folder}"
  username: ""
  pidfile: "{folder}/nsd.pid"
  database: ""
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "{ZONE}"
  zonefile: "zone"
""")
        self.log = open(folder / "nsd.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["taskset", "-c", options.server_cpus, "nsd", "-d", "-c", str(config)],
            stdout=self.log, stderr=self.log)


def measure(server, options, queries):
    before = cpu(server.process.pid)
    done = subprocess.run(
        ["taskset", "-c", options.load_cpus, "dnsperf", "-s", "127.0.0.1", "-p", str(server.port),
         "-d", str(queries), "-l", str(options.seconds), "-c", "8", "-T", "1", "-q", "400"],
        capture_output=True, text=True, check=True).stdout
    after = cpu(server.process.pid)
    completed = int(re.search(r"Queries completed:\s+(\d+)", done).group(1))
    lost = int(re.search(r"Queries lost:\s+(\d+)", done).group(1))
    rate = float(re.search(r"Queries per second:\s+([\d.]+)", done).group(1))
    user, system = after[0] - before[0], after[1] - before[1]
    return {"cpu": (user + system) * 1e6 / completed, "user": user * 1e6 / completed,
            "kqps": rate / 1000, "lost": lost}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/plain/src/agent/nameplane")
    parser.add_argument("--services", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--load-cpus", default="0")
    parser.add_argument("--server-cpus", default="1")
    options = parser.parse_args()
    for tool in ("dnsperf", "nsd", "dig", "taskset"):
        if not shutil.which(tool):
            sys.exit(f"needs {tool}: apt-get install dnsperf nsd bind9-dnsutils util-linux")
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = pathlib.Path(name_of_folder)
        queries = folder / "queries"
        write_queries(queries, options.services, 100000)
        servers = [Nameplane(options, folder), Nsd(options, folder)]
        try:
            for server in servers:
                wait_for_answer(server.port, f"service-1.namespace-1.svc.{ZONE}")
            at_rest = {s.title: resident_mb(s.process.pid) for s in servers}
            rounds = {s.title: [] for s in servers}
            for _ in range(options.rounds):
                for server in servers:
                    rounds[server.title].append(measure(server, options, queries))
            print(f"{options.services} Services, {options.threads} server thread(s), "
                  f"{options.rounds} rounds of {options.seconds} s in turn, medians")
            print("| server | CPU us/query | of it user | kQPS | lost | resident MB at rest | after |")
            print("|---|---|---|---|---|---|---|")
            for server in servers:
                rows = rounds[server.title]

                def median(key, rows=rows):
                    return statistics.median(row[key] for row in rows)
                print(f"| {server.title} | {median('cpu'):.2f} | {median('user'):.2f} | "
                      f"{median('kqps'):.0f} | {sum(r['lost'] for r in rows)} | "
                      f"{at_rest[server.title]:.0f} | {resident_mb(server.process.pid):.0f} |")
            pairs = list(zip(rounds["nameplane"], rounds["nsd"]))
            for key in ("cpu", "kqps"):
                ratios = sorted(a[key] / b[key] for a, b in pairs)
                print(f"nameplane / nsd, {key}: median {statistics.median(ratios):.2f} "
                      f"({ratios[0]:.2f} to {ratios[-1]:.2f})")
        finally:
            for server in servers:
                server.process.send_signal(signal.SIGTERM)
                server.process.wait(timeout=30)
                server.log.close()


if __name__ == "__main__":
    main()
