"""What the integration tests share: a running agent, its log, and a DNS client.

Standard library only. A test never asserts at once what another thread, another process or the kernel
does in its own time: it waits for a line of the log or for an answer, or asks again until it is so.
"""

import ctypes
import http.client
import os
import queue
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

BINARY = os.environ.get("NAMEPLANE", "nameplane")
WAIT_S = 90  # for what is about to happen; machines that run tests are busy, sanitizers slow

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33}
NAMES_OF_TYPES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def await_true(what, condition, seconds=WAIT_S, pause_s=0.05):
    """Asks again and again until `condition` gives something true, and returns it. What it gave last is
    part of the complaint if it never does; `what` may be a function that says more about it then."""
    deadline = time.monotonic() + seconds
    while True:
        is_last = time.monotonic() > deadline
        value = condition()
        if value:
            return value
        if is_last:
            said = what() if callable(what) else what
            raise AssertionError("not within %d s: %s; last %r" % (seconds, said, value))
        time.sleep(pause_s)


class Reply:
    """A parsed answer; records are (name, type, ttl, rdata as text)."""

    def __init__(self, wire):
        (self.id, flags, questions, *counts) = struct.unpack_from("!6H", wire)
        self.rcode = RCODES.get(flags & 15, str(flags & 15))
        self.aa = bool(flags & 0x0400)
        self.tc = bool(flags & 0x0200)
        at = 12
        for _ in range(questions):
            (self.qname, at) = read_name(wire, at)
            at += 4
        sections = []
        for count in counts:
            records = []
            for _ in range(count):
                (record, at) = read_record(wire, at)
                if record is not None:
                    records.append(record)
            sections.append(records)
        (self.answer, self.authority, self.additional) = sections

    def data(self, type_name):
        """The rdata of the answers of one type, sorted."""
        return sorted(data for (_, kind, _, data) in self.answer if kind == type_name)


def read_name(wire, at):
    labels = []
    end = None
    while wire[at] != 0:
        if wire[at] & 0xC0:
            end = end or at + 2
            at = struct.unpack_from("!H", wire, at)[0] & 0x3FFF
            continue
        labels.append(wire[at + 1 : at + 1 + wire[at]].decode("ascii"))
        at += 1 + wire[at]
    return (".".join(labels) + ".", end or at + 1)


def read_record(wire, at):
    (name, at) = read_name(wire, at)
    (kind, _, ttl, size) = struct.unpack_from("!HHIH", wire, at)
    at += 10
    end = at + size
    if kind == 41:  # OPT is no record of anybody
        return (None, end)
    name_of_type = NAMES_OF_TYPES.get(kind, str(kind))
    if kind == TYPES["A"]:
        data = socket.inet_ntop(socket.AF_INET, wire[at:end])
    elif kind == TYPES["AAAA"]:
        data = socket.inet_ntop(socket.AF_INET6, wire[at:end])
    elif kind in (TYPES["NS"], TYPES["CNAME"], TYPES["PTR"]):
        data = read_name(wire, at)[0]
    elif kind == TYPES["SRV"]:
        data = "%d %d %d " % struct.unpack_from("!3H", wire, at) + read_name(wire, at + 6)[0]
    elif kind == TYPES["TXT"]:
        data = wire[at + 1 : at + 1 + wire[at]].decode("ascii")
    elif kind == TYPES["SOA"]:
        data = read_name(wire, at)[0]
    else:
        data = wire[at:end].hex()
    return ((name, name_of_type, ttl, data), end)


def query_bytes(name, type_name, query_id=0x4E50, edns=False):
    wire = struct.pack("!6H", query_id, 0x0100, 1, 0, 0, 1 if edns else 0)
    for label in name.rstrip(".").split("."):
        wire += bytes([len(label)]) + label.encode("ascii")
    wire += b"\0" + struct.pack("!2H", TYPES[type_name], 1)
    if edns:
        wire += b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
    return wire


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError("closed after %d of %d octets" % (len(data), count))
        data += more
    return data


def read_tcp(stream):
    (size,) = struct.unpack("!H", read_exactly(stream, 2))
    return Reply(read_exactly(stream, size))


class Agent:
    """A running nameplane on loopback with free ports."""

    def __init__(self, arguments, folder, prefix=(), port="0"):
        self.port_file = os.path.join(folder, "ports")
        self.lines = []
        self._lines = queue.Queue()
        command = [*prefix, BINARY, "--port", port, "--log-level", "debug", "--port-file",
                   self.port_file, *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self.ports = {}

    def _read_log(self):
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, pattern, seen=False):
        """The next line of the log that `pattern` is found in; lines that were read already count
        only with `seen`."""
        if seen:
            for line in self.lines:
                if re.search(pattern, line):
                    return line
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(
                    "no line with %r in the log:\n%s" % (pattern, "\n".join(self.lines)))
            self.lines.append(line)
            if re.search(pattern, line):
                return line

    def read_lines(self):
        """All lines of the log so far."""
        while not self._lines.empty():
            line = self._lines.get()
            if line is None:
                self._lines.put(None)
                break
            self.lines.append(line)
        return self.lines

    def started(self):
        """Waits until everything listens; the ports are known then."""
        self.wait_for(r" agent\.started\b")
        with open(self.port_file, encoding="ascii") as file:
            self.ports = {name: int(port) for name, port in (line.split() for line in file)}
        return self

    def stop(self, number=signal.SIGTERM):
        """Sends the signal and returns the exit code."""
        self.process.send_signal(number)
        return self.end()

    def end(self):
        """Waits for the end of the process, reads the rest of its log and returns the exit code."""
        code = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        while not self._lines.empty():
            line = self._lines.get()
            if line is not None:
                self.lines.append(line)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    # -- questions --

    def udp(self, name, type_name="A", address="127.0.0.1", edns=False):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(WAIT_S)
            client.sendto(query_bytes(name, type_name, edns=edns), (address, self.ports["dns"]))
            return Reply(client.recv(65535))

    def await_data(self, name, data, type_name="A", over="udp"):
        """The answer with that data. Where somebody else is asked for it, who may be late on a busy machine,
        it may take more than one question."""
        def answered():
            reply = getattr(self, over)(name, type_name)
            return reply if reply.data(type_name) == data else None
        return await_true("%s %s is %s" % (name, type_name, data), answered)

    def await_rcode(self, name, rcode, type_name="A"):
        """The like of an answer with that rcode."""
        def answered():
            reply = self.udp(name, type_name)
            return reply if reply.rcode == rcode else None
        return await_true("%s %s is %s" % (name, type_name, rcode), answered)

    def connect(self, address="127.0.0.1"):
        return socket.create_connection((address, self.ports["dns"]), timeout=WAIT_S)

    def tcp(self, name, type_name="A", address="127.0.0.1"):
        with self.connect(address) as client:
            query = query_bytes(name, type_name)
            client.sendall(struct.pack("!H", len(query)) + query)
            return read_tcp(client)

    def get(self, page):
        """Status and body of an admin page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[page], timeout=WAIT_S)
        try:
            connection.request("GET", "/" + page)
            response = connection.getresponse()
            return (response.status, response.read().decode("utf-8"))
        finally:
            connection.close()

    def await_page(self, page, *parts):
        """The body of an admin page, once all `parts` are found in it as they are."""
        seen = []

        def has_all():
            (_, body) = self.get(page)
            seen[:] = [body]
            return body if all(part in body for part in parts) else ""

        return await_true(lambda: "%s with %r:\n%s" % (page, parts, seen[0]), has_all)


class Namespace:
    """A network namespace that lives as long as a process that does nothing."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && read _"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.path = "/proc/%d/ns/net" % self.holder.pid
        self.prefix = ("nsenter", "--net=" + self.path)
        # New addresses count at once: nobody else can have them.
        self.sh("for which in all default; do echo 0 > /proc/sys/net/ipv6/conf/$which/accept_dad; done")

    def run(self, *command):
        return subprocess.run([*self.prefix, *command], capture_output=True, text=True, check=True,
                              timeout=WAIT_S).stdout

    def sh(self, script):
        return self.run("sh", "-ec", script)

    def inside(self, work):
        """What `work` gives back on a thread in this namespace. Sockets that it makes stay there."""
        results = []

        def enter():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(self.path, "rb") as namespace:
                if libc.setns(namespace.fileno(), 0x40000000) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            results.append(work())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return results[0]

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


_ports = []  # that this process has given out, each held by a socket of no other use


def free_port():
    """One that is free for UDP and TCP on loopback, and that no other test is given while this process
    lives. It is outside of the range that the kernel takes ports for connections from: who gives it up for
    a moment gets it again."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        (low, high) = map(int, file.read().split())
    ours = [port for port in range(10000, 30000) if not low <= port <= high] or range(10000, 65536)
    while True:
        port = random.choice(ours)
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            taken.bind("\0nameplane-test-port-%d" % port)  # goes with the process, however that ends
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            taken.close()
            continue
        _ports.append(taken)
        return port


def await_server(port, name):
    """Returns when what listens at PORT of loopback answers about NAME over UDP."""
    def answers():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(1)
            asker.connect(("127.0.0.1", port))
            try:
                asker.send(query_bytes(name, "A"))
                return asker.recv(512)
            except OSError:  # nobody there yet, or not quick enough
                return None
    await_true("somebody answers at port %d" % port, answers)


def nsd_config(folder, port, server="", zone=""):
    """What NSD reads to have the zone "example" of FOLDER/example.zone at PORT of loopback; `server` and
    `zone` are further lines of these clauses."""
    return f"""server:
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  xfrdir: "{folder}"
  server-count: 1
{server}
remote-control:
  control-enable: no
zone:
  name: "example"
  zonefile: "example.zone"
{zone}
"""


class Server:
    """Another program that says on standard error what it does."""

    def __init__(self, command):
        self.lines = []
        self._lines = queue.Queue()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))
        self._lines.put("the program has ended")

    def wait_for(self, pattern, patience=WAIT_S):
        """The next line that `pattern` is found in."""
        deadline = time.monotonic() + patience
        while True:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    "no line with %r:\n%s" % (pattern, "\n".join(self.lines))) from None
            self.lines.append(line)
            if re.search(pattern, line):
                return line

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(WAIT_S)
        self.process.stderr.close()


class AgentTest(unittest.TestCase):
    """A test with a folder of its own and agents that do not outlive it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nameplane-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.manifests = os.path.join(self.folder, "manifests")
        os.mkdir(self.manifests)

    def write(self, name, text):
        """Puts a file of the test's folder in place, by rename as editors and config maps do."""
        path = os.path.join(self.folder, name)
        with open(path + ".draft", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".draft", path)
        return path

    def manifest(self, name, text):
        return self.write(os.path.join("manifests", name), text)

    def start(self, *arguments, prefix=(), listen=("127.0.0.1",), manifests=None, port="0"):
        folder = tempfile.mkdtemp(dir=self.folder)
        addresses = [word for address in listen for word in ("--listen", address)]
        agent = Agent([*addresses, "--manifests", manifests or self.manifests, *arguments], folder,
                      prefix, port)
        self.addCleanup(agent.kill)
        return agent

    def run_command(self, *arguments):
        """Runs a subcommand to its end: exit code, standard output, standard error."""
        done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=WAIT_S,
                              check=False)
        return (done.returncode, done.stdout, done.stderr)
