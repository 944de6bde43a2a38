"""CoreDNS and Nameplane with zone files made at random (zone_files.py)."""

import os
import pathlib
import random
import re
import shutil
import tempfile

import peer_test  # finds the folders of the others
import asking
import cluster_test
import compare
import servers
import zone_files
import wire
from wire import Question, labels

# NAMEPLANE_ZONES=FIRST-LAST: others than those of every run.
(FIRST, LAST) = map(int, os.environ.get("NAMEPLANE_ZONES", "1-1" if cluster_test.IS_SHORT else "1-2").split("-"))
ZONES = 12  # of one seed
COUNT = 150  # questions about each


BASE = "@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nns 300 A 192.0.2.53\n"
END = "last 300 TXT last\n"


def records(answer, zone):
    """Of a transfer, those in the zone; None if there was none."""
    if answer.rcode != "NOERROR":
        return None
    return {record for record in map(compare.lowered, answer.answer) if record.owner[-len(zone):] == zone}


def told(records_here, records_there):
    """What one has more, or that it has no zone."""
    if records_here is None:
        return "refused"
    return "; ".join(map(str, sorted(records_here - (records_there or set())))) or "taken"


def in_order(answer):
    return [list(map(compare.lowered, section)) for section in answer.sections]


class Zones(peer_test.PeerTest):
    maxDiff = None

    def differences(self, pair, asked, options):
        """Also of the order in which records stand."""
        problems = super().differences(pair, asked, options)
        (ours, theirs) = (asking.ask_all(server.port, asked) for server in pair)
        for (question, own, other) in zip(asked, ours, theirs):
            came = isinstance(own, wire.Answer) and isinstance(other, wire.Answer)
            same = came and not compare.differing(own, other) and question.type != "RRSIG"
            if same and in_order(own) != in_order(other):
                problems[question] = "%s: another order\nours: %s\ntheirs: %s" % (question, own, other)
        return problems

    def test_whole_zones(self):
        for seed in range(FIRST, LAST + 1):
            rng = random.Random(seed)
            folder = pathlib.Path(tempfile.mkdtemp())
            self.addCleanup(shutil.rmtree, folder)
            (folder / "outer").write_text(zone_files.OUTER_ZONE)
            (lines, asked, options) = (["file %s/outer outer.test" % folder], [], ["file"])
            for i in range(ZONES):
                zone = zone_files.Zone(rng, "z%d.test." % i)
                (folder / str(i)).write_text(zone.text(), newline="")
                lines.append("file %s/%d z%d.test" % (folder, i, i))
                asked += zone.asked(COUNT)
                options += zone.empty_names()
            with self.subTest("seed %d in %s" % (seed, folder)):
                pair = self.pair(servers.block(["."], *lines))
                try:
                    self.compare(pair, asked, options)
                finally:
                    for one in pair:
                        one.kill()

    def test_one_odd_entry(self):
        """What a file of each entry makes: a zone, the same one, or none; then our log says where."""
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        (folder / "included").write_text("inc 7 A 192.0.2.7\n", encoding="utf-8")
        entries = zone_files.entries()
        for (i, entry) in enumerate(entries):
            (folder / ("db.e%d.test" % i)).write_text(BASE + entry + "\n" + END, encoding="utf-8")
        pair = self.pair(servers.block(["."], ("auto test", ["directory %s" % folder, "reload 0"]),
                                       ("transfer", ["to *"])))
        zones = [labels("e%d.test" % i) for i in range(len(entries))]
        (ours, theirs) = (asking.ask_all(one.port, [Question(zone, 252, tcp=True) for zone in zones]) for one in pair)
        log = pair[0].log.read_text("utf-8")
        (refused, taken) = map(zone_files.lines, (zone_files.REFUSED_HERE, zone_files.TAKEN_HERE))
        different = []
        for (i, entry) in enumerate(entries):
            (own, other) = (records(answers[i], zones[i]) for answers in (ours, theirs))
            if own is None and not re.search(r"db\.e%d\.test:4: " % i, log):
                different.append("%s\n  no place in the log" % entry)
            meant = entry in refused and own is None and other or entry in taken and own
            if own != other and not meant:
                different.append("%s\n  ours:   %s\n  theirs: %s" % (entry, told(own, other), told(other, own)))
        self.assertEqual([], different, "\n".join(["", *different]))
        self.assertGreater(sum(records(answer, zone) is not None for (answer, zone) in zip(ours, zones)), 200)

    @classmethod
    def tearDownClass(cls):
        print("%d questions in all; known differences: %s" % (cls.compared, dict(cls.used)))


if __name__ == "__main__":
    peer_test.main(cluster=False)
