"""Servers asked in turn by dnsperf, and the tables of what that gave: what the benchmarks of the whole
server have in common. A server is anything with `title`, `port` and `pid`; the options have `load_cpus`,
`rounds` and `seconds`."""
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

TICKS = os.sysconf("SC_CLK_TCK")
COLUMNS = "server | CPU us/query | of it user | kQPS | lost | resident MB at rest | after | rcodes"


def need(**packages):
    """Ends with what is missing; a program each, and the Debian package that has it."""
    missing = {program: package for (program, package) in packages.items()
               if not shutil.which(program)}
    if missing:
        sys.exit("needs %s: apt-get install %s" % (", ".join(missing), " ".join(missing.values())))


def add_options(parser, rounds, seconds):
    parser.add_argument("--binary", default="build/plain/src/agent/nameplane")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=int, default=seconds)
    parser.add_argument("--load-cpus", default="0")
    parser.add_argument("--server-cpus", default="1")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_nsd(folder, port, zone, cpus, processes=1, log=subprocess.DEVNULL):
    """NSD with the zone of that name in FOLDER/zone, at PORT of loopback."""
    config = folder / "nsd.conf"
    config.write_text(f"""
server:
  ip-address: 127.0.0.1@{port}
  reuseport: yes
  server-count: {processes}
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
  name: "{zone}"
  zonefile: "zone"
""")
    return subprocess.Popen(["taskset", "-c", cpus, "nsd", "-d", "-c", str(config)],
                            stdout=log, stderr=log)


def wait_for_answer(port, owner):
    for _ in range(600):
        done = subprocess.run(["dig", "+short", "+tries=1", "+time=1", "-p", str(port),
                               "@127.0.0.1", owner, "A"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and re.match(r"\d+\.", done.stdout):
            return
        time.sleep(0.1)
    sys.exit(f"no answer on port {port}")


class Floor:
    """Answers nothing, but sends every question back: what any server on sockets pays here."""
    title = "floor"

    def __init__(self, options):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["taskset", "-c", options.server_cpus, options.floor, str(self.port)])
        self.pid = self.process.pid

    def kill(self):
        self.process.kill()
        self.process.wait()


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
    """User and system seconds of a process tree."""
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
    """Of a process tree; what its processes share counts once."""
    total = 0
    for p in tree(pid):
        try:
            text = pathlib.Path(f"/proc/{p}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
    return total / 1024


def load(server, options, queries, *more):
    """What dnsperf says: 8 sockets, 400 questions under way."""
    return subprocess.run(
        ["taskset", "-c", options.load_cpus, "dnsperf", "-s", "127.0.0.1", "-p", str(server.port),
         "-d", str(queries), "-c", "8", "-T", "1", "-q", "400", *more],
        capture_output=True, text=True, check=True).stdout


def measure(server, options, queries):
    """One round. Questions are sent for `seconds`; what dnsperf then waits for those that were lost does not
    count into the rate."""
    before = cpu(server.pid)
    done = load(server, options, queries, "-l", str(options.seconds))
    after = cpu(server.pid)
    completed = int(re.search(r"Queries completed:\s+(\d+)", done).group(1))
    lost = int(re.search(r"Queries lost:\s+(\d+)", done).group(1))
    codes = re.search(r"Response codes:\s+(.*)", done)
    user, system = after[0] - before[0], after[1] - before[1]
    return {"cpu": (user + system) * 1e6 / completed, "user": user * 1e6 / completed,
            "kqps": completed / options.seconds / 1000, "lost": lost,
            "codes": codes.group(1) if codes else ""}


def in_turn(servers, options, queries_for):
    """Rows by title; `queries_for(server, round)` gives the file of questions."""
    rows = {server.title: [] for server in servers}
    for number in range(options.rounds):
        for server in servers:
            rows[server.title].append(measure(server, options, queries_for(server, number)))
    return rows


def print_head(first=""):
    columns = (first + " | " if first else "") + COLUMNS
    print("| %s |\n|%s" % (columns, "---|" * (columns.count("|") + 1)), flush=True)


def print_rows(servers, rows, at_rest, first=""):
    """Medians over the rounds, a line a server; `at_rest` is MB by title."""
    for server in servers:
        mine = rows[server.title]
        (cpu_us, user, kqps) = (statistics.median(row[key] for row in mine)
                                for key in ("cpu", "user", "kqps"))
        print("| %s%s | %.2f | %.2f | %.1f | %d | %.0f | %.0f | %s |" % (
            first + " | " if first else "", server.title, cpu_us, user, kqps,
            sum(row["lost"] for row in mine), at_rest[server.title], resident_mb(server.pid),
            mine[-1]["codes"]), flush=True)


def print_ratios(what, ours, theirs):
    """Pair by pair: theirs over ours for CPU, ours over theirs for the rate. Above 1, ours is better."""
    for (key, text) in (("cpu", "less CPU a query"), ("kqps", "more kQPS")):
        (top, bottom) = (theirs, ours) if key == "cpu" else (ours, theirs)
        ratios = sorted(a[key] / b[key] for (a, b) in zip(top, bottom))
        print("%s, %s: %.2f times (%.2f to %.2f)" % (
            what, text, statistics.median(ratios), ratios[0], ratios[-1]), flush=True)
