"""CoreDNS and Nameplane with many plugins at once, in several blocks and views: mixes.py makes the
Corefiles and the questions, from a seed. And what both say of queries that failed."""

import os
import pathlib
import random
import re
import tempfile

import peer_test  # finds the folders of the others
import asking
import cluster_test
import mixes
import servers
import upstream
from cluster_test import await_true
from wire import Question, labels

# NAMEPLANE_MIXES=FIRST-LAST: others than those of every run.
(FIRST, LAST) = map(int, os.environ.get("NAMEPLANE_MIXES", "1-3" if cluster_test.IS_SHORT else "1-40").split("-"))
COUNT = int(os.environ.get("NAMEPLANE_MIX_QUESTIONS", "250"))
NOBODY = "127.0.0.1:1"  # where nobody listens
FAILING = {
    "udp.test": ["forward . %s {\n max_fails 0\n }" % NOBODY],
    "tcp.test": ["forward . %s {\n max_fails 0\n force_tcp\n }" % NOBODY],
    "hosts.test": [("hosts", ["10.0.0.1 a.hosts.test", "fallthrough"])],
    "template.test": ["template IN A a.template.test {\n rcode NXDOMAIN\n }", "cache"],
    "silent.test": [("hosts", ["10.0.0.1 a.silent.test"])],
    "busy.test": ["forward . %s {\n max_fails 0\n failfast_all_unhealthy_upstreams\n }" % NOBODY],
}


class Mixes(peer_test.PeerTest):
    maxDiff = None

    def test_mixes(self):
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        for seed in range(FIRST, LAST + 1):
            rng = random.Random(seed)
            (text, lines) = mixes.corefile(rng, pathlib.Path(tempfile.mkdtemp()), server.port)
            with self.subTest("seed %d\n%s" % (seed, text)):
                pair = self.pair(text)
                try:
                    self.compare(pair, mixes.asked(rng, COUNT, mixes.names()), lines)
                finally:
                    for one in pair:
                        one.kill()

    def test_failures_are_told_alike(self):
        shown_once = "consolidate 1h \"^read udp .* connection refused$\" warning show_first"
        text = "".join(servers.block([zone], ("errors", [shown_once]), *lines, ready=False)
                       for (zone, lines) in FAILING.items()) + servers.block(["."], "errors")
        asked = [Question(labels("%s.%s" % (name, zone)), tcp=tcp) for zone in (*FAILING, "other")
                 for (name, tcp) in (("a", False), ("x", False), ("y", True))]
        told = []
        for one in self.pair(text):
            for question in asked:
                asking.ask_all(one.port, [question])
            await_true("the last failure", lambda one=one: any(" y.other. " in line for line in self.lines(one)))
            told.append(self.lines(one))
        self.assertEqual(*told)
        self.assertEqual(sum("no next plugin found" in line for line in told[0]), 7)
        self.assertEqual(sum("connection refused" in line for line in told[0]), 7)

    @staticmethod
    def lines(one):
        """What it said of failures, without ports."""
        found = re.findall(r"^\[(?:ERROR|WARNING)\] plugin/errors: .*$", one.log.read_text("utf-8", "replace"), re.M)
        return sorted(re.sub(r"127\.0\.0\.1:\d{4,5}", "LOCAL", line) for line in found if "ready.test" not in line)

    @classmethod
    def tearDownClass(cls):
        print("%d questions in all; known differences: %s" % (cls.compared, dict(cls.used)))


if __name__ == "__main__":
    peer_test.main(cluster=False, missing=upstream.missing)
