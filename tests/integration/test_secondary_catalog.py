#!/usr/bin/env python3
"""The plugin secondary with catalog zones (RFC 9432): catalogs that Knot makes, and those of a primary that
makes them as it likes."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import threading

import nameplane
import test_secondary as wire

MEMBER = """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 30
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
"""
AXFR = 252
SOA = 6


class Catalogs(nameplane.AgentTest):
    def serve(self, primary, *lines, catalogs=("catalog.test",), more="", port="0"):
        """An agent that takes its zones from the catalogs of `primary`."""
        self.corefile = self.write("Corefile", ". {\n    log\n    %s\n    secondary %s {\n"
                                   "        transfer from 127.0.0.1:%d\n        %s\n    }\n}\n" % (
                                       more, " ".join(catalogs), primary,
                                       "\n        ".join(lines or ["catalog"])))
        return self.start("-conf", self.corefile, port=port).started()

    def await_answer(self, agent, name, expected):
        """Asks until the answer is an address, or a code."""
        def said():
            reply = agent.udp(name)
            got = reply.data("A")[0] if reply.answer else reply.rcode
            answers.append(got)
            return got == expected
        answers = []
        nameplane.await_true(lambda: "%s %s, last %s" % (name, expected, answers[-1]), said)

    def served(self, agent, **zones):
        """Waits until www of each zone is answered so."""
        for (zone, expected) in zones.items():
            self.await_answer(agent, "www.%s.example" % zone, expected)

    def reload(self, agent):
        """The same configuration anew, and one block more, so that it is not the same."""
        with open(self.corefile, "a", encoding="ascii") as file:
            file.write("other.test {\n    whoami\n}\n")
        agent.process.send_signal(signal.SIGUSR1)
        agent.wait_for(r"reload\.done")


class Knot:
    """Knot, which makes a catalog of the zones that it has. `folder` is made for it."""

    def __init__(self, folder):
        self.port = nameplane.free_port()
        self.folder = folder
        self.config = os.path.join(folder, "knot.conf")
        self.tells = []
        self.server = None
        os.mkdir(folder)
        with open(os.path.join(self.folder, "member.zone"), "w", encoding="ascii") as file:
            file.write(MEMBER)

    def start(self, test, zones, tells):
        """It tells who listens at the ports `tells` of changes."""
        self.tells = tells
        self.configure(zones)
        self.server = nameplane.Server(["knotd", "-c", self.config])
        test.addCleanup(self.server.kill)
        self.server.wait_for(r"server started")

    def configure(self, zones):
        """`zones` below `example` are members of catalog.test."""
        remotes = "".join(f"""
  - id: at-{port}
    address: 127.0.0.1@{port}
""" for port in self.tells)
        members = "".join(f"""
  - domain: {zone}.example
    file: member.zone
    catalog-role: member
    catalog-zone: catalog.test
    catalog-group: {zone}
""" for zone in zones)
        with open(self.config, "w", encoding="ascii") as file:
            file.write(f"""
{wire.knot_head(self.folder, self.port)}remote:{remotes}
acl:
  - id: all
    address: 127.0.0.0/8
    action: transfer
template:
  - id: default
    storage: {self.folder}
    acl: all
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    notify: [{", ".join(f"at-{port}" for port in self.tells)}]
zone:
  - domain: catalog.test
    catalog-role: generate
{members}""")

    def change(self, zones):
        """From now on it has these."""
        self.configure(zones)
        subprocess.run(["knotc", "-b", "-t", str(nameplane.WAIT_S), "-c", self.config, "reload"],
                       check=True, capture_output=True, timeout=2 * nameplane.WAIT_S)


class FromKnot(Catalogs):
    def start_both(self, zones, *lines):
        port = nameplane.free_port()
        knot = Knot(os.path.join(self.folder, "knot"))
        knot.start(self, zones, [port])
        return (knot, self.serve(knot.port, *lines, port=str(port)))

    def test_members_are_served(self):
        (_, agent) = self.start_both(["one", "two"])
        self.served(agent, one="192.0.2.1", two="192.0.2.1", three="REFUSED")
        self.assertTrue(agent.udp("www.one.example").aa)
        self.assertEqual(agent.udp("nothing.two.example").rcode, "NXDOMAIN")
        self.assertEqual(agent.udp("version.catalog.test", "TXT").data("TXT"), ["2"])

    def test_members_come_and_go_by_notify(self):
        # The catalog's own refresh would come in an hour.
        (knot, agent) = self.start_both(["one", "two"])
        self.served(agent, one="192.0.2.1", two="192.0.2.1")
        knot.change(["one", "two", "three"])
        self.served(agent, three="192.0.2.1")
        knot.change(["two", "three"])
        self.served(agent, one="REFUSED")
        self.served(agent, two="192.0.2.1", three="192.0.2.1")
        knot.change(["one", "two", "three"])
        self.served(agent, one="192.0.2.1")

    def test_all_members_go(self):
        (knot, agent) = self.start_both(["one", "two"])
        self.served(agent, one="192.0.2.1", two="192.0.2.1")
        knot.change([])
        self.served(agent, one="REFUSED", two="REFUSED")

    def test_only_members_of_the_filter_are_served(self):
        (knot, agent) = self.start_both(["one", "two", "three"], "catalog one.example",
                                        "catalog below.example THREE.example")
        self.served(agent, one="192.0.2.1", three="192.0.2.1")
        knot.change(["one", "two", "three", "a.below"])
        self.await_answer(agent, "www.a.below.example", "192.0.2.1")
        self.assertEqual(agent.udp("www.two.example").rcode, "REFUSED")

    def test_a_reload_keeps_members(self):
        (knot, agent) = self.start_both(["one", "two"])
        self.served(agent, one="192.0.2.1", two="192.0.2.1")
        knot.server.kill()
        self.reload(agent)
        self.assertEqual(agent.udp("www.one.example").data("A"), ["192.0.2.1"])
        self.assertEqual(agent.udp("www.two.example").data("A"), ["192.0.2.1"])
        self.assertEqual(agent.udp("www.three.example").rcode, "REFUSED")


def zone(origin, *records, serial=1):
    """All of a zone as it is transferred but for the SOA behind it."""
    return [soa(origin, serial), wire.record(origin, 2, wire.name("invalid")), *records]


def soa(origin, serial):
    return wire.record(origin, SOA, wire.name("invalid") + wire.name("invalid")
                       + struct.pack("!5I", serial, 3600, 1, 86400, 30))


def member(identity, target, catalog="catalog.test", coo=""):
    """The PTR of a member, and where it may move to."""
    owner = "%s.zones.%s" % (identity, catalog)
    moves = [wire.record("coo." + owner, 12, wire.name(coo))] if coo else []
    return [wire.record(owner, 12, wire.name(target)), *moves]


def catalog(*members, origin="catalog.test", serial=1, version="2"):
    """A catalog of lists of records."""
    text = version.encode("ascii")
    return zone(origin, wire.record("version." + origin, 16, bytes([len(text)]) + text),
                *(record for records in members for record in records), serial=serial)


def www(origin, last=1, serial=1):
    """A zone with one address."""
    return zone(origin, wire.record("www." + origin, 1, bytes([192, 0, 2, last])), serial=serial)


class Primary:
    """Serves `zones`, by name, to many at once; REFUSED for all others."""

    def __init__(self, test, **zones):
        self.zones = {}
        self.put(**zones)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def close(self):
        wire.end_listening(self.listener, self.thread)

    def put(self, **zones):
        """Zones by name, '_' for '.'."""
        self.zones = {**self.zones, **{key.replace("_", "."): value for (key, value) in zones.items()}}

    def _serve(self):
        while True:
            try:
                (client, _) = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with client:
            client.settimeout(nameplane.WAIT_S)
            try:
                (size,) = struct.unpack("!H", nameplane.read_exactly(client, 2))
                query = nameplane.read_exactly(client, size)
                client.sendall(self._reply(query))
            except (OSError, ConnectionError):
                pass

    def _reply(self, query):
        (origin, at) = nameplane.read_name(query, 12)
        (kind,) = struct.unpack_from("!H", query, at)
        records = self.zones.get(origin.rstrip("."))
        answer = [] if records is None else records[:1] if kind == SOA else [*records, records[0]]
        flags = 0x8405 if records is None else 0x8400
        reply = query[:2] + struct.pack("!5H", flags, 1, len(answer), 0, 0) + query[12 : at + 4] \
            + b"".join(answer)
        return struct.pack("!H", len(reply)) + reply


class FromAnybody(Catalogs):
    def notify(self, agent, origin="catalog.test"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(nameplane.WAIT_S)
            client.sendto(wire.notify(origin), ("127.0.0.1", agent.ports["dns"]))
            self.assertEqual(nameplane.Reply(client.recv(512)).rcode, "NOERROR")

    def test_a_broken_catalog_leaves_all_as_it_is(self):
        good = [member("a", "one.example"), member("b", "two.example")]
        broken = {
            "another version": catalog(*good[1:], version="1"),
            "no version": zone("catalog.test", *good[1]),
            "an id with two zones": catalog(*good[1:], member("b", "three.example")),
            "a zone with two ids": catalog(*good[1:], member("c", "two.example")),
            "two catalogs to move to": catalog(
                *good[1:], member("d", "four.example", coo="x.test"),
                member("d", "four.example", coo="y.test")[1:]),
            "no NS": [record for (i, record) in enumerate(catalog(*good[1:])) if i != 1],
        }
        primary = Primary(self, one_example=www("one.example"), two_example=www("two.example"),
                          catalog_test=catalog(*good))
        agent = self.serve(primary.port)
        self.served(agent, one="192.0.2.1", two="192.0.2.1")
        for (i, (what, records)) in enumerate(broken.items()):
            with self.subTest(what):
                primary.put(catalog_test=[soa("catalog.test", 10 * i + 10), *records[1:]])
                self.notify(agent)
                agent.wait_for(r"secondary\.failed zone=catalog\.test\. ")
                self.served(agent, one="192.0.2.1", two="192.0.2.1", three="REFUSED")
                self.assertEqual(agent.udp("version.catalog.test", "TXT").data("TXT"), ["2"])
                # It is whole again, and what it says counts.
                primary.put(catalog_test=catalog(*good, serial=10 * i + 15))
                self.notify(agent)
                agent.wait_for(r"secondary\.well_again zone=catalog\.test\.")
        primary.put(catalog_test=catalog(good[1], serial=100))
        self.notify(agent)
        self.served(agent, one="REFUSED", two="192.0.2.1")

    def test_a_catalog_that_is_broken_at_first_has_no_members(self):
        primary = Primary(self, one_example=www("one.example"),
                          catalog_test=catalog(member("a", "one.example"), version="3"))
        agent = self.serve(primary.port)
        agent.wait_for(r"secondary\.failed zone=catalog\.test\. ", seen=True)
        self.assertEqual(agent.udp("www.one.example").rcode, "REFUSED")
        self.assertEqual(agent.udp("version.catalog.test", "TXT").rcode, "SERVFAIL")
        primary.put(catalog_test=catalog(member("a", "one.example"), serial=2))
        self.served(agent, one="192.0.2.1")

    def test_a_member_is_kept_new_as_each_zone(self):
        primary = Primary(self, catalog_test=catalog(member("a", "one.example")))
        agent = self.serve(primary.port)
        # The primary does not have it yet.
        self.served(agent, one="SERVFAIL")
        primary.put(one_example=www("one.example"))
        self.served(agent, one="192.0.2.1")
        primary.put(one_example=www("one.example", last=2, serial=2))
        self.notify(agent, "one.example")
        self.served(agent, one="192.0.2.2")

    def test_a_member_with_another_id_is_another_zone(self):
        primary = Primary(self, one_example=www("one.example", last=7, serial=70),
                          catalog_test=catalog(member("a", "one.example")))
        agent = self.serve(primary.port)
        self.served(agent, one="192.0.2.7")
        # Its serial is less: as the same zone it would not be newer.
        primary.put(one_example=www("one.example", last=3, serial=30),
                    catalog_test=catalog(member("b", "one.example"), serial=2))
        self.notify(agent)
        self.served(agent, one="192.0.2.3")

    def test_a_zone_that_is_configured_is_no_member(self):
        primary = Primary(self, one_example=www("one.example"), two_example=www("two.example"),
                          catalog_test=catalog(member("a", "one.example"),
                                               member("b", "two.example"),
                                               member("c", "catalog.test")))
        agent = self.serve(primary.port, more="secondary one.example {\n"
                           "        transfer from 127.0.0.1:%d\n    }" % primary.port)
        self.served(agent, one="192.0.2.1", two="192.0.2.1")
        primary.put(catalog_test=catalog(member("b", "two.example"), serial=2))
        self.notify(agent)
        agent.wait_for(r"secondary\.transferred zone=catalog\.test\. .*serial=2 ", seen=True)
        primary.put(catalog_test=catalog(serial=3))
        self.notify(agent)
        self.served(agent, two="REFUSED", one="192.0.2.1")
        self.assertEqual(agent.udp("version.catalog.test", "TXT").data("TXT"), ["2"])

    def move(self, new_id):
        """An agent whose member has moved from one catalog to the other, the latter with this id; the
        primary does not have the zone itself any more."""
        to_b = member("a", "one.example", "a.test", coo="b.test")
        primary = Primary(self, one_example=www("one.example"), two_example=www("two.example"),
                          a_test=catalog(member("a", "one.example", "a.test"), origin="a.test"),
                          b_test=catalog(member("z", "two.example", "b.test"), origin="b.test"))
        agent = self.serve(primary.port, catalogs=("a.test", "b.test"))
        self.served(agent, one="192.0.2.1", two="192.0.2.1")
        primary.zones = {key: value for (key, value) in primary.zones.items() if key != "one.example"}
        there = (member(new_id, "one.example", "b.test"), member("z", "two.example", "b.test"))
        # Without the consent of the one that has it, it stays there.
        primary.put(b_test=catalog(*there, origin="b.test", serial=2))
        self.notify(agent, "b.test")
        agent.wait_for(r"secondary\.transferred zone=b\.test\. .*serial=2 ", seen=True)
        primary.put(b_test=catalog(there[1], origin="b.test", serial=3))
        self.notify(agent, "b.test")
        agent.wait_for(r"secondary\.transferred zone=b\.test\. .*serial=3 ", seen=True)
        self.served(agent, one="192.0.2.1")
        primary.put(a_test=catalog(to_b, origin="a.test", serial=2))
        self.notify(agent, "a.test")
        agent.wait_for(r"secondary\.transferred zone=a\.test\. .*serial=2 ", seen=True)
        primary.put(b_test=catalog(*there, origin="b.test", serial=4))
        self.notify(agent, "b.test")
        agent.wait_for(r"secondary\.transferred zone=b\.test\. .*serial=4 ", seen=True)
        # The first one has nothing to say any more.
        primary.put(a_test=catalog(origin="a.test", serial=3))
        self.notify(agent, "a.test")
        agent.wait_for(r"secondary\.transferred zone=a\.test\. .*serial=3 ", seen=True)
        return (primary, agent, there)

    def test_a_member_moves_to_another_catalog_as_it_is(self):
        (primary, agent, there) = self.move("a")
        self.served(agent, one="192.0.2.1")
        primary.put(b_test=catalog(there[1], origin="b.test", serial=5))
        self.notify(agent, "b.test")
        self.served(agent, one="REFUSED", two="192.0.2.1")

    def test_a_member_moves_under_another_id_and_is_fetched_anew(self):
        (primary, agent, _) = self.move("new")
        self.served(agent, one="SERVFAIL", two="192.0.2.1")
        primary.put(one_example=www("one.example", last=9))
        self.served(agent, one="192.0.2.9")

    def test_many_members(self):
        names = ["m%d" % i for i in range(500)]
        primary = Primary(self, **{name + "_example": www(name + ".example") for name in names},
                          catalog_test=catalog(*[member(name, name + ".example") for name in names]))
        agent = self.serve(primary.port)
        self.served(agent, **{name: "192.0.2.1" for name in names})
        primary.put(catalog_test=catalog(*[member(name, name + ".example") for name in names[:10]],
                                         serial=2))
        self.notify(agent)
        self.served(agent, **{name: "REFUSED" for name in names[10:]})
        self.served(agent, **{name: "192.0.2.1" for name in names[:10]})

    def test_members_are_served_when_their_catalog_has_expired(self):
        listed = catalog(member("a", "one.example"))
        short = wire.record("catalog.test", SOA, wire.name("invalid") + wire.name("invalid")
                            + struct.pack("!5I", 1, 1, 1, 2, 30))
        primary = Primary(self, one_example=www("one.example"), catalog_test=[short, *listed[1:]])
        agent = self.serve(primary.port)
        self.served(agent, one="192.0.2.1")
        primary.zones = {}
        agent.wait_for(r"secondary\.expired zone=catalog\.test\. ", seen=True)
        self.await_answer(agent, "version.catalog.test", "SERVFAIL")
        self.assertEqual(agent.udp("www.one.example").data("A"), ["192.0.2.1"])


if __name__ == "__main__":
    if shutil.which("knotd") is None:
        raise SystemExit("knotd is missing")
    nameplane.unittest.main()
