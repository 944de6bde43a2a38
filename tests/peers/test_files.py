"""CoreDNS and Nameplane with the same zone files: what tests/plugins/zones has of every shape."""

import pathlib
import random
import re
import tempfile

import peer_test  # finds the folders of the others
import cluster_test
import questions
import servers
import upstream
from wire import Edns, Question, TYPES

ZONES = pathlib.Path(__file__).resolve().parents[1] / "plugins/zones"
COUNT = 200 if cluster_test.IS_SHORT else 900
OUTSIDE = "@ 300 SOA ns hostmaster 1 2 3 4 60\n@ 300 NS ns\nns 300 A 192.0.2.1\nwww 77 A 198.51.100.1\n" \
    "www 77 A 198.51.100.2\nonly6 77 AAAA 2001:db8::6\n"
OTHERS = {name: 1 for name in ("www.example.com", "example.com", "www.example.net", "org", "com", "")}


def plain(name):
    """Labels of a name as zone files write it."""
    out = []
    for label in re.findall(r"(?:\\\d\d\d|\\.|[^.\\])+", name):
        out.append(re.sub(rb"\\(\d\d\d|.)", lambda match: bytes([int(match[1])]) if len(match[1]) > 1
                          else match[1], label.encode("ascii")))
    return tuple(out)


def type_of(word):
    word = word.upper()
    return int(word[4:]) if word.startswith("TYPE") else TYPES.get(word) or {"DNAME": 39}[word]


def asked(*files):
    """The questions that golden answers exist for, each without EDNS, with, and with DO."""
    found = []
    for file in files:
        for line in (ZONES / file).read_text(encoding="ascii").splitlines():
            (name, kind, *_) = line.split()
            if kind in ("AXFR", "IXFR"):
                continue
            (name, kind) = (plain(name), type_of(kind))
            found += [Question(name, kind), Question(name, kind, edns=Edns(do=True)),
                      Question(name, kind, edns=Edns(size=4096), tcp=True)]
    return found


def names_in(found):
    """All that are asked for, and names above and below them."""
    names = {question.name for question in found} | {plain(name) for name in OTHERS}
    return sorted(names | {name[1:] for name in names} | {(b"new", *name) for name in names} |
                  {(b"*", *name) for name in names})


def generate(seed, *files):
    rng = random.Random(seed)
    found = asked(*files)
    names = names_in(found)
    for name in names:
        for kind in rng.sample(questions.USUAL + ("AAAA", "DS", "NSEC", "RRSIG", "ANY"), 3):
            found.append(Question(name, TYPES[kind],
                                  edns=Edns(do=True) if rng.random() < 0.5 else None))
    found += questions.random_questions(names, COUNT, rng)
    # What is cut when it is signed, other tests say.
    found = [question for question in found if question.kind not in (251, 252) and not
             (question.edns and question.edns.do and question.edns.size < 1232)]
    return list(dict.fromkeys(found))


class Files(peer_test.PeerTest):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        server = upstream.Upstream(self.folder / "upstream", zone="example.net", records=OUTSIDE)
        self.addCleanup(server.kill)
        server.start()
        self.forward = "forward . 127.0.0.1:%d" % server.port

    @classmethod
    def tearDownClass(cls):
        print("%d questions in all; known differences: %s" % (cls.compared, dict(cls.used)))

    def files(self, *names):
        for name in names:
            (self.folder / name[0]).write_bytes((ZONES / name[1]).read_bytes())
        return self.folder

    def both(self, text, found, *options):
        pair = self.pair(text)
        try:
            self.compare(pair, found, ("file", *options))
        finally:
            for one in pair:
                one.kill()

    def test_a_zone_in_a_block_of_its_own(self):
        folder = self.files(("db", "example.zone"))
        text = servers.block(["example.org"], "file %s/db" % folder, ready=False) + \
            servers.block(["."], self.forward)
        self.both(text, generate(1, "questions.txt"))

    def test_a_zone_in_front_of_others(self):
        folder = self.files(("db", "example.zone"))
        self.both(servers.block(["."], "root %s" % folder, ("file db example.org", ["fallthrough"]),
                                self.forward),
                  generate(2, "questions.txt"), "fallthrough")

    def test_a_signed_zone(self):
        folder = self.files(("db", "signed.zone"), ("other", "example.zone"))
        self.both(servers.block(["."], "file %s/db signed.example" % folder,
                                "file %s/other example.org" % folder),
                  generate(3, "signed-questions.txt"))

    def test_a_folder_of_zones(self):
        folder = self.files(("db.example.org", "example.zone"), ("db.signed.example", "signed.zone"))
        self.both(servers.block(["."], ("auto org example", ["directory %s" % folder]), self.forward),
                  generate(4, "questions.txt", "signed-questions.txt"), "auto")


if __name__ == "__main__":
    peer_test.main(cluster=False, missing=upstream.missing)
