"""Ten thousand random changes as fast as the API server takes them; in the end names and rules are what
the API says."""

import random
import time

import changes
import cluster_test
from cluster_test import IS_SHORT

COUNT = 1500 if IS_SHORT else 10_000
WORKERS = 3


class Random(cluster_test.ClusterTest):
    def test_random_changes(self):
        agent = self.ready_agent()
        asker = self.anchor(agent)
        seed = random.randrange(10**6)
        started = time.monotonic()
        done = changes.Changes(self.api, seed, WORKERS).start(count=COUNT // WORKERS + 1)
        done.join()
        print("seed %d: %d changes in %.1f s, %d more refused" % (
            seed, done.done, time.monotonic() - started, done.refused), flush=True)
        self.assertGreaterEqual(done.done, COUNT)
        self.await_equal(agent, done.used)
        wrong = asker.stop()
        self.assertEqual(wrong[:5], [], "%d of %d answers" % (len(wrong), asker.asked))
        # A second agent that lists what is there now says the same.
        self.assertEqual(agent.stop(), 0)
        self.await_equal(self.ready_agent(), done.used)


if __name__ == "__main__":
    cluster_test.main()
