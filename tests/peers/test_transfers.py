"""CoreDNS and Nameplane with the same Corefile: signed questions (tsig) and questions for whole zones
(transfer), asked by dig, which checks the signatures of both; and zones that both fetch because a catalog
says so (secondary)."""

import pathlib
import re
import shutil
import subprocess
import tempfile

import peer_test  # finds the folders of the others
import servers
import asking
import nameplane
import test_secondary_catalog
import wire

SECRET = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
OTHER = "Zm9vYmFyIHF1dXggZm9vYmFyIHF1dXg="
ZONE = """$ORIGIN hosts.test.
$TTL 60
@ SOA ns h 7 3600 600 86400 30
@ NS ns
ns A 10.1.1.53
one A 10.1.1.1
one AAAA fd00::1
*.wild TXT "wild" "card"
sub NS ns.sub
ns.sub A 10.1.1.54
alias CNAME one
mx MX 10 one
""" + "".join("n%d TXT \"%s\"\n" % (i, "x" * 200) for i in range(500))
HOSTS = ("hosts", ["10.1.1.1 one.hosts.test", "ttl 30", "fallthrough"])


def tsig(*more):
    return ("tsig", ["secret some.key. " + SECRET, *more])


SETS = {
    "signed": [tsig(), HOSTS],
    "types that must be": [tsig("require A AXFR IXFR"), HOSTS],
    "all must be": [tsig("require all"), HOSTS],
    "none must be": [tsig("require AAAA", "require none"), HOSTS],
    "opcodes that must be": [tsig("require_opcode QUERY"), HOSTS],
    "of a zone": [("tsig hosts.test", ["secret some.key. " + SECRET, "require A"]), HOSTS],
    "transfer, but to others": [("transfer", ["to 192.0.2.1"]), HOSTS],
    "transfer of another zone": [("transfer other.test", ["to *"]), HOSTS],
    "transfer of nobody's zone": [("transfer", ["to *"]), "errors"],
    "transfer of a file": ["file ZONE hosts.test", ("transfer", ["to *"])],
    "signed transfer of a file": [tsig("require AXFR IXFR"), "file ZONE hosts.test",
                                  ("transfer", ["to *"])],
    "both": [tsig("require AXFR"), ("transfer", ["to 192.0.2.1"]), HOSTS],
}
# A client whose serial is newer: CoreDNS sends it a file's zone whole, we the SOA alone, as for the
# same serial (RFC 1995 2).
NEWER = ("hosts.test", "IXFR=8")
SAME = ("hosts.test", "IXFR=7")
KEYS = [(), ("-y", "hmac-sha256:some.key.:" + SECRET), ("-y", "hmac-sha512:Some.Key.:" + SECRET),
        ("-y", "hmac-sha1:some.key.:" + SECRET), ("-y", "hmac-sha256:some.key.:" + OTHER),
        ("-y", "hmac-sha256:other.key.:" + SECRET)]
QUESTIONS = [("one.hosts.test", "A"), ("one.hosts.test", "A", "+tcp"),
             ("one.hosts.test", "A", "+noedns"), ("one.hosts.test", "AAAA"),
             ("elsewhere.test", "A"), ("hosts.test", "AXFR"), ("hosts.test", "IXFR=7"),
             ("hosts.test", "IXFR=6"), NEWER, ("sub.hosts.test", "AXFR"),
             ("hosts.test", "IXFR=7", "+notcp")]


def told(port, *arguments):
    """What dig makes of an answer: code, error in the TSIG record, records, complaints."""
    done = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+time=20", "+nocookie",
                           *arguments], capture_output=True, text=True, check=False, timeout=120)
    out = done.stdout + done.stderr
    code = re.search(r"status: (\w+)", out)
    error = re.search(r" TSIG\s+hmac-\S+ \d+ 300 \d+ \S* ?\d+ (\w+) (\d+)", out)
    answers = sorted(" ".join(line.split()) for line in out.splitlines()
                     if re.search(r"\sIN\s", line) and not line.startswith(";"))
    return (code and code.group(1), error and error.groups(), answers,
            "verif" in out.lower(), "Transfer failed" in out)


class Transfers(peer_test.PeerTest):
    def assert_told_alike(self, port, arguments, other_port, other_arguments):
        """One that was late is asked again."""
        for _ in range(peer_test.LOOKS):
            (own, other) = (told(port, *arguments), told(other_port, *other_arguments))
            if own == other:
                break
        self.assertEqual(own, other)

    def test_sets(self):
        compared = 0
        path = pathlib.Path(tempfile.mkdtemp()) / "zone"
        self.addCleanup(shutil.rmtree, path.parent)
        path.write_text(ZONE, encoding="ascii")
        for (title, plugins) in SETS.items():
            is_file = any("file ZONE" in plugin for plugin in plugins)
            (ours, peer) = pair = self.pair(servers.block(["."], *plugins).replace("ZONE", str(path)))
            try:
                for key in KEYS:
                    for question in QUESTIONS:
                        with self.subTest(title, key=key[1:], question=question):
                            theirs = SAME if question == NEWER and is_file else question
                            self.assert_told_alike(ours.port, (*key, *question), peer.port,
                                                   (*key, *theirs))
                            compared += 1
            finally:
                for server in pair:
                    server.kill()
        print("%d answers compared" % compared)


def question(name, kind=1):
    return wire.Question(tuple(label.encode("ascii") for label in name.split(".")), kind)


class Catalogs(peer_test.PeerTest):
    """A catalog zone that Knot makes, as it changes."""

    CHANGES = [["one", "two", "below"], ["one", "two", "a.below", "below"], ["two", "below"], ["two"],
               ["one", "two", "three"], []]

    def follow(self, filtering=()):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        zones = sorted({zone for change in self.CHANGES for zone in change})
        knot = test_secondary_catalog.Knot(str(folder / "knot"))
        pair = self.pair(servers.block(["."], ("secondary catalog.test", [
            "transfer from 127.0.0.1:%d" % knot.port, "catalog " + " ".join(filtering)])))
        knot.start(self, [], [server.port for server in pair])
        for change in self.CHANGES:
            knot.change(change)
            for server in pair:
                nameplane.await_true(lambda: "%s with %s" % (server.title, change),
                                     lambda: self.is_served(server, zones, change, filtering))
            with self.subTest(change):
                self.compare(pair, [question(first + zone + ".example", kind) for zone in zones
                                    for (first, kind) in (("www.", 1), ("no.", 1), ("", 2))])

    def is_served(self, server, zones, change, filtering):
        """Whether it answers for those of `zones` that it is to have, and refuses the others."""
        allowed = [zone for zone in change if not filtering or any(
            (zone + ".example").endswith(allowed) for allowed in filtering)]
        expected = {zone: any(zone == one or zone.endswith("." + one) for one in allowed)
                    for zone in zones}
        answers = asking.ask_all(server.port, [question("no.%s.example" % zone) for zone in zones])
        return all(isinstance(answer, wire.Answer) and
                   (answer.rcode == "NXDOMAIN") == expected[zone]
                   for (zone, answer) in zip(zones, answers))

    def test_members(self):
        self.follow()

    def test_members_of_a_filter(self):
        self.follow(["below.example", "one.example"])


if __name__ == "__main__":
    peer_test.main(cluster=False)
