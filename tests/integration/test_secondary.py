#!/usr/bin/env python3
"""The plugin secondary: zones from Knot and from hostile primaries, NOTIFY in and out, refresh,
expiry, and zones handed on."""

import os
import shutil
import socket
import struct
import subprocess
import threading

import nameplane

ZONE = """$ORIGIN example.
$TTL 300
@ SOA ns hostmaster %d %d %d %d 30
@ NS ns
ns A 192.0.2.53
www A %s
alias CNAME www
*.wild TXT "wild"
""" + "".join(f"big A 10.0.{i // 250}.{i % 250 + 1}\n" for i in range(2000))


def zone(serial=1, refresh=3600, retry=600, expire=86400, address="192.0.2.1"):
    return ZONE % (serial, refresh, retry, expire, address)


def knot_head(folder, port):
    """What a configuration of Knot begins with that has all it needs in FOLDER and listens at PORT."""
    return f"""server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
control:
    listen: {folder}/control
database:
    storage: {folder}
log:
  - target: stderr
    any: info
"""


class Knot:
    """Knot as primary of `example`, which tells `tells` of changes."""

    def __init__(self, test, text, tells=None, key=""):
        self.test = test
        self.folder = os.path.join(test.folder, "knot")
        os.mkdir(self.folder)
        self.port = nameplane.free_port()
        self.write_zone(text)
        remote = f"""
remote:
  - id: them
    address: 127.0.0.1@{tells}
""" if tells else ""
        self.config = test.write("knot.conf", f"""
{knot_head(self.folder, self.port)}{remote}
acl:
  - id: all
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: example
    storage: {self.folder}
    file: example.zone
    acl: all
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
{"    notify: them" if tells else ""}
""")
        self.server = None
        self.start()

    def start(self):
        self.server = nameplane.Server(["knotd", "-c", self.config])
        self.test.addCleanup(self.server.kill)
        self.server.wait_for(r"server started")

    def write_zone(self, text):
        with open(os.path.join(self.folder, "example.zone"), "w", encoding="ascii") as file:
            file.write(text)

    def reload(self):
        subprocess.run(["knotc", "-b", "-c", self.config, "zone-reload", "example"], check=True,
                       capture_output=True)


class SecondaryTest(nameplane.AgentTest):
    def serve(self, primaries, more="", port="0", outside=""):
        text = """
example {
    log
    prometheus 127.0.0.1:0
    %s
    secondary {
        transfer from %s
    }
}
%s
""" % (more, primaries, outside)
        agent = self.start("-conf", self.write("Corefile", text), port=port)
        return agent.started()

    def wait_for_counter(self, agent, name, least=1):
        """Reads /metrics until the counter is there."""
        nameplane.await_true("%s is %d" % (name, least), lambda: any(
            line.startswith(name + " ") and float(line.split()[1]) >= least
            for line in agent.get("metrics")[1].splitlines()))


class FromKnot(SecondaryTest):
    def test_a_zone_is_fetched_and_answered(self):
        knot = Knot(self, zone())
        agent = self.serve("127.0.0.1:%d" % knot.port)
        agent.wait_for(r"secondary\.transferred .*serial=1 ", seen=True)
        reply = agent.udp("www.example")
        self.assertEqual((reply.rcode, reply.aa, reply.data("A")), ("NOERROR", True, ["192.0.2.1"]))
        self.assertEqual(agent.udp("alias.example").data("A"), ["192.0.2.1"])
        self.assertEqual(agent.udp("a.wild.example", "TXT").data("TXT"), ["wild"])
        self.assertEqual(agent.udp("nothing.example").rcode, "NXDOMAIN")
        self.assertEqual(len(agent.tcp("big.example").answer), 2000)

    def test_the_next_primary_is_asked_when_one_is_dead(self):
        knot = Knot(self, zone())
        agent = self.serve("127.0.0.1:%d 127.0.0.1:%d" % (nameplane.free_port(), knot.port))
        agent.wait_for(r"secondary\.transferred ", seen=True)
        self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.1"])

    def test_a_notify_from_a_primary_brings_the_change(self):
        port = nameplane.free_port()
        knot = Knot(self, zone(), tells=port)
        agent = self.serve("127.0.0.1:%d" % knot.port, port=str(port))
        agent.wait_for(r"secondary\.transferred .*serial=1 ", seen=True)
        knot.write_zone(zone(serial=2, address="192.0.2.2"))
        knot.reload()
        agent.wait_for(r"secondary\.transferred .*serial=2 ", seen=True)
        self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.2"])

    def test_a_change_is_found_at_refresh(self):
        knot = Knot(self, zone(refresh=1))
        agent = self.serve("127.0.0.1:%d" % knot.port)
        agent.wait_for(r"secondary\.transferred .*serial=1 ", seen=True)
        knot.write_zone(zone(serial=2, refresh=1, address="192.0.2.2"))
        knot.reload()
        agent.wait_for(r"secondary\.transferred .*serial=2 ", seen=True)
        self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.2"])

    def test_a_zone_expires_and_comes_back(self):
        knot = Knot(self, zone(refresh=1, retry=1, expire=2))
        agent = self.serve("127.0.0.1:%d" % knot.port)
        agent.wait_for(r"secondary\.transferred ", seen=True)
        # Two seconds are short enough for a busy machine to miss: it may expire and come back before.
        agent.await_rcode("www.example", "NOERROR")
        knot.server.kill()
        agent.await_rcode("www.example", "SERVFAIL")
        agent.wait_for(r"secondary\.expired ", seen=True)
        knot.start()
        agent.wait_for(r"secondary\.well_again ", seen=True)
        agent.await_rcode("www.example", "NOERROR")

    def test_a_reload_takes_no_zone_away(self):
        knot = Knot(self, zone())
        agent = self.serve("127.0.0.1:%d" % knot.port)
        agent.wait_for(r"secondary\.transferred ", seen=True)
        knot.server.kill()
        with open(self.corefile_path(), "a", encoding="ascii") as file:
            file.write("other.example {\n    whoami\n}\n")
        agent.process.send_signal(nameplane.signal.SIGUSR1)
        agent.wait_for(r"reload\.done")
        self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.1"])

    def corefile_path(self):
        return os.path.join(self.folder, "Corefile")

    def test_what_was_fetched_is_handed_on_and_told(self):
        knot = Knot(self, zone())
        there = nameplane.free_port()
        agent = self.serve("127.0.0.1:%d" % knot.port,
                           more="transfer {\n to 127.0.0.1:%d\n }" % there)
        agent.wait_for(r"secondary\.transferred ", seen=True)
        out = subprocess.run(["dig", "@127.0.0.1", "-p", str(agent.ports["dns"]), "example",
                              "AXFR", "+noall", "+answer"], capture_output=True, text=True,
                             check=False, timeout=nameplane.WAIT_S).stdout
        own = subprocess.run(["dig", "@127.0.0.1", "-p", str(knot.port), "example", "AXFR",
                              "+noall", "+answer"], capture_output=True, text=True, check=False,
                             timeout=nameplane.WAIT_S).stdout
        self.assertEqual(sorted(" ".join(line.split()) for line in out.splitlines()),
                         sorted(" ".join(line.split()) for line in own.splitlines()))
        second = self.start("-conf", self.write("Corefile2", """
example {
    secondary {
        transfer from 127.0.0.1:%d
    }
}
""" % agent.ports["dns"]), port=str(there))
        second.started()
        second.wait_for(r"secondary\.transferred .*serial=1 ", seen=True)
        # Told by us: its own refresh would come in an hour.
        knot.write_zone(zone(serial=5, address="192.0.2.5"))
        knot.reload()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(nameplane.WAIT_S)
            client.sendto(notify("example"), ("127.0.0.1", agent.ports["dns"]))
            self.assertEqual(nameplane.Reply(client.recv(512)).rcode, "NOERROR")
        second.wait_for(r"secondary\.transferred .*serial=5 ", seen=True)
        self.assertEqual(second.udp("www.example").data("A"), ["192.0.2.5"])


class FromNsd(SecondaryTest):
    def test_a_zone_is_fetched(self):
        port = nameplane.free_port()
        folder = os.path.join(self.folder, "nsd")
        os.mkdir(folder)
        with open(os.path.join(folder, "example.zone"), "w", encoding="ascii") as file:
            file.write(zone())
        config = self.write("nsd.conf", nameplane.nsd_config(
            folder, port, zone="  provide-xfr: 127.0.0.0/8 NOKEY"))
        nsd = nameplane.Server(["nsd", "-d", "-c", config])
        self.addCleanup(nsd.kill)
        agent = self.serve("127.0.0.1:%d" % port)
        agent.wait_for(r"secondary\.transferred .*serial=1 ", seen=True)
        self.assertEqual(len(agent.tcp("big.example").answer), 2000)


def name(text):
    return b"".join(bytes([len(label)]) + label.encode("ascii")
                    for label in text.rstrip(".").split(".")) + b"\0"


def notify(zone_name):
    return struct.pack("!6H", 0x4E4F, 0x2400, 1, 0, 0, 0) + name(zone_name) + struct.pack("!2H", 6, 1)


def record(owner, kind, data, klass=1):
    return name(owner) + struct.pack("!HHIH", kind, klass, 300, len(data)) + data


def soa(owner="example", serial=1, refresh=3600, expire=3600):
    return record(owner, 6, name("ns.example") + name("host.example")
                  + struct.pack("!5I", serial, refresh, 1, expire, 30))


def message(query_id, *records, flags=0x8400, question=True):
    wire = struct.pack("!6H", query_id, flags, 1 if question else 0, len(records), 0, 0)
    if question:
        wire += name("example") + struct.pack("!2H", 252, 1)
    wire += b"".join(records)
    return struct.pack("!H", len(wire)) + wire


def end_listening(listener, thread):
    """Ends `thread`, which accepts; only then the listener's number may be that of another one. A stopped
    and continued accept() takes what has the number then."""
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    listener.close()


class FakePrimary:
    """Answers each connection with what `script(id, kind)` yields, piece by piece."""

    def __init__(self, script):
        self.script = script
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.served = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(nameplane.WAIT_S)
                try:
                    (size,) = struct.unpack("!H", nameplane.read_exactly(client, 2))
                    query = nameplane.read_exactly(client, size)
                    (query_id,) = struct.unpack_from("!H", query)
                    (kind,) = struct.unpack_from("!H", query, len(query) - 4)
                    for piece in self.script(query_id, kind):
                        client.sendall(piece)
                except (OSError, ConnectionError):
                    pass
                self.served += 1

    def close(self):
        end_listening(self.listener, self.thread)


WWW = record("www.example", 1, bytes([192, 0, 2, 1]))


def endless(query_id, _kind):
    yield message(query_id, soa())
    i = 0
    while True:
        i += 1
        yield message(query_id, *[record("n%d-%d.example" % (i, j), 16, bytes([255]) + b"x" * 255)
                                  for j in range(200)])


class Hostile(SecondaryTest):
    SCRIPTS = {
        "cut in the middle": lambda i, k: [message(i, soa(), WWW)],
        "cut in a message": lambda i, k: [message(i, soa(), WWW, soa())[:40]],
        "no SOA at the beginning": lambda i, k: [message(i, WWW, soa())],
        "another SOA at the end": lambda i, k: [message(i, soa(), WWW, soa(serial=2))],
        "SOA of another zone": lambda i, k: [message(i, soa("other"), WWW, soa("other"))],
        "records behind the end": lambda i, k: [message(i, soa(), WWW, soa(), WWW)],
        "another id": lambda i, k: [message(i ^ 1, soa(), WWW, soa())],
        "a question": lambda i, k: [message(i, soa(), WWW, soa(), flags=0)],
        "REFUSED": lambda i, k: [message(i, flags=0x8405)],
        "nothing": lambda i, k: [message(i)],
        "octets that are no message": lambda i, k: [b"\x00\x20" + bytes(range(32))],
        "a record of length beyond the end": lambda i, k: [
            message(i, soa(), WWW[:-4], soa())],
        "a class of its own": lambda i, k: [
            message(i, soa(), record("www.example", 1, bytes(4), klass=3), soa())],
        "an address of five octets": lambda i, k: [
            message(i, soa(), record("www.example", 1, bytes(5)), soa())],
        "an empty message": lambda i, k: [b"\0\0"],
    }

    def test_a_broken_transfer_is_no_zone(self):
        for what, script in self.SCRIPTS.items():
            with self.subTest(what):
                primary = FakePrimary(script)
                agent = self.serve("127.0.0.1:%d" % primary.port)
                agent.wait_for(r"secondary\.failed ", seen=True)
                self.assertEqual(agent.udp("www.example").rcode, "SERVFAIL")
                # It goes on trying.
                self.wait_for_counter(agent, 'nameplane_secondary_checks_total{result="failed"}', 2)
                self.assertEqual(agent.stop(), 0)
                primary.close()

    def test_a_broken_transfer_leaves_the_zone_that_is_there(self):
        state = {"broken": False}

        def script(query_id, kind):
            serial = 2 if state["broken"] else 1
            if kind == 6 or not state["broken"]:
                yield message(query_id, soa(serial=serial), *([] if kind == 6 else [WWW, soa()]))
            else:
                yield message(query_id, soa(serial=2), record("www.example", 1, bytes(4)))

        primary = FakePrimary(script)
        self.addCleanup(primary.close)
        agent = self.serve("127.0.0.1:%d" % primary.port)
        agent.wait_for(r"secondary\.transferred ", seen=True)
        state["broken"] = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(nameplane.WAIT_S)
            client.sendto(notify("example"), ("127.0.0.1", agent.ports["dns"]))
            self.assertEqual(nameplane.Reply(client.recv(512)).rcode, "NOERROR")
        agent.wait_for(r"secondary\.failed ", seen=True)
        self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.1"])

    def test_one_that_never_ends_holds_up_neither_answers_nor_the_end(self):
        primary = FakePrimary(endless)
        self.addCleanup(primary.close)
        agent = self.serve("127.0.0.1:%d" % primary.port,
                           outside="other.example {\n    whoami\n}")
        for _ in range(200):
            self.assertEqual(agent.udp("a.other.example").rcode, "NOERROR")
        self.assertEqual(agent.udp("www.example").rcode, "SERVFAIL")
        self.assertEqual(agent.stop(), 0)

    def test_a_silent_primary_holds_up_nothing(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        agent = self.serve("127.0.0.1:%d" % silent.getsockname()[1])
        self.assertEqual(agent.udp("www.example").rcode, "SERVFAIL")
        self.assertEqual(agent.stop(), 0)

    def test_records_of_other_zones_are_left_out(self):
        primary = FakePrimary(lambda i, k: [
            message(i, soa(), WWW), message(i, record("www.bank.test", 1, bytes(4)), soa(),
                                            question=False)])
        self.addCleanup(primary.close)
        agent = self.serve("127.0.0.1:%d" % primary.port)
        agent.wait_for(r"secondary\.transferred .*left_out=1", seen=True)
        self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.1"])
        self.assertEqual(agent.udp("www.bank.test").rcode, "REFUSED")

    def test_a_notify_from_somebody_else_gets_no_answer(self):
        primary = FakePrimary(lambda i, k: [message(i, soa(), WWW, soa())])
        self.addCleanup(primary.close)
        agent = self.serve("127.0.0.1:%d" % primary.port)
        agent.wait_for(r"secondary\.transferred ", seen=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.9", 0))
            client.settimeout(nameplane.WAIT_S)
            client.sendto(notify("example"), ("127.0.0.1", agent.ports["dns"]))
            # What comes behind it is answered, and nothing before that.
            client.sendto(nameplane.query_bytes("www.example", "A", 0x1111),
                          ("127.0.0.1", agent.ports["dns"]))
            self.assertEqual(nameplane.Reply(client.recv(512)).id, 0x1111)


if __name__ == "__main__":
    if shutil.which("knotd") is None:
        raise SystemExit("knotd is missing")
    nameplane.unittest.main()
