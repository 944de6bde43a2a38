"""What the scripts of this folder share: the same Corefile for both servers, questions asked of both,
and what differs beyond known.py as a failure."""

import collections
import dataclasses
import pathlib
import sys
import tempfile
import time

import servers  # finds the folders of the others
import asking
import cluster_test
import compare
import known
import wire

SHOWN = 12  # differences in full
LOOKS = 3   # at what differs: an upstream may be late, a TTL may end between two questions


def is_cut(question, own, other):
    if question.tcp or not isinstance(own, wire.Answer) or not isinstance(other, wire.Answer):
        return False
    return own.flag("TC") or other.flag("TC") or len(own.additional) != len(other.additional)


class PeerTest(cluster_test.unittest.TestCase):
    """`used` counts the known differences that were met; `compared` all questions."""

    @classmethod
    def setUpClass(cls):
        (cls.used, cls.compared) = (collections.Counter(), 0)

    def pair(self, corefile):
        """Both, ready; they end with the test."""
        pair = []
        for kind in (servers.Nameplane, servers.CoreDns):
            server = kind(pathlib.Path(tempfile.mkdtemp()), corefile)
            self.addCleanup(server.kill)
            server.start(wait=False)
            pair.append(server)
        for server in pair:
            server.wait()
        return pair

    def compare(self, pair, asked, options=()):
        """Asks both all of it; fails with what nobody meant to differ."""
        differing = self.differences(pair, asked, options)
        for _ in range(1, LOOKS):
            if differing:
                time.sleep(1)
                differing = self.differences(pair, list(differing), options)
        type(self).compared += len(asked)
        print("%d questions, %d differences not known" % (len(asked), len(differing)), flush=True)
        if differing:
            self.fail("%d of %d answers differ\n%s" % (
                len(differing), len(asked), "\n\n".join([*differing.values()][:SHOWN])))

    def differences(self, pair, asked, options):
        """What nobody meant to differ now, in words, by question."""
        (ours, theirs) = (asking.ask_all(server.port, asked) for server in pair)
        whole = self.ask_whole(pair[0], asked, (ours, theirs))
        problems = {}
        for (question, own, other) in zip(asked, ours, theirs):
            parts = compare.differing(own, other)
            case = known.Case(question, own, other, tuple(options), whole.get(question))
            (used, left) = known.explain(case, parts)
            self.used.update(used)
            if left:
                problems[question] = "%s: %s differ\nours: %s\ntheirs: %s" % (
                    question, ", ".join(left), own, other)
        return problems

    def ask_whole(self, server, asked, answers):
        """Answers by TCP to what one of both cut, or has fewer additional records of."""
        cut = [question for (question, *both) in zip(asked, *answers) if is_cut(question, *both)]
        again = [dataclasses.replace(question, tcp=True) for question in cut]
        return dict(zip(cut, asking.ask_all(server.port, again)))


def main(cluster=True, missing=lambda: None):
    """Runs the tests of a script, those without a cluster where there is no control plane, too."""
    reason = servers.missing() or missing() or (None if cluster else cluster_test.missing_tools())
    if reason:
        print("skipped: " + reason)
        sys.exit(77)
    if cluster:
        cluster_test.main()
        return
    cluster_test.enter()
    cluster_test.unittest.main(verbosity=2, warnings="ignore")
