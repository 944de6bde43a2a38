"""Our iptables rules beside those of a real kube-proxy after random changes, all from one seed
(random_services.py): live after every few of them, and from nothing under one setting after another. Ours lives through another Node of its
name each time; kube-proxy, which must be started again for that, is.

NAMEPLANE_RANDOM_RULES_S=600 goes on for that many seconds, NAMEPLANE_RANDOM_RULES_SEED=7 begins with that seed."""

import os
import time

import cluster_test
import proxy_pair
import random_services
import service_cases
import test_kube_proxy
from cluster_test import NODE

SEED = int(os.environ.get("NAMEPLANE_RANDOM_RULES_SEED", "6"))
LONG_S = float(os.environ.get("NAMEPLANE_RANDOM_RULES_S", "0"))
CHANGES = 20  # between two comparisons
ROUNDS = 6    # of changes under one setting
VARIANTS = ("masquerade-all", "node-cidr", "addresses", "no-localhost", "prefix", "loopback", "one-cidr", "mark",
            "primary", "bridge", "everywhere", "no-cidr")
SHORT = 3     # of these, where no time is given


class RandomRules(test_kube_proxy.RulesTest):
    def test_random_changes_give_the_same_rules(self):
        services = random_services.RandomServices(self.api, SEED)
        end = time.monotonic() + LONG_S
        turn = 0
        while turn < SHORT or time.monotonic() < end:
            name = VARIANTS[turn % len(VARIANTS)]
            pair = self.pair("%s-%d" % (name, turn), *test_kube_proxy.VARIANTS[name])
            for number in range(ROUNDS + 1):
                with self.subTest(seed=SEED, setting=name, changes=services.done):
                    self.await_seen(pair, self.cluster.mark())
                    self.assert_equal_rules(pair)
                services.change(CHANGES)
            services.replace_node()
            with self.subTest(seed=SEED, setting=name, changes=services.done, node="another"):
                pair.proxy.kill()
                pair.start_theirs()
                self.await_seen(pair, self.cluster.mark())
                self.assert_equal_rules(pair)
            pair.stop()
            turn += 1
        print("seed %d: %d changes, %d more refused, %d settings" % (
            SEED, services.done, services.refused, turn), flush=True)


if __name__ == "__main__":
    cluster_test.main()
