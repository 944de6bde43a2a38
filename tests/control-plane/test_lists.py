#!/usr/bin/env python3
"""The two ways to list: as a stream, where etcd lets the API server offer it, and in pages; and a kind that the
server does not know."""

import re

import control_plane
import expected
from cluster_test import CONFIG, ClusterTest, await_true, main, run

SERVICES = 620  # more than a page


class Streamed(ClusterTest):
    HOW = "stream"

    def test_a_list_and_what_follows(self):
        for number in range(SERVICES):
            self.api.create(self.service("s%d" % number))
        agent = self.ready_agent()
        def listed():
            lines = [line for line in agent.read_lines() if " api.listed " in line]
            return lines if len(lines) >= 4 else None
        lists = await_true("four kinds are listed", listed)
        self.assertEqual([self.HOW] * 4, [line.split("how=")[1].split()[0] for line in lists])
        self.assertTrue(any("kind=Service objects=%d " % (SERVICES + 1) in line for line in lists))
        self.await_equal(agent)
        self.api.create(self.service("late"))
        self.api.delete("Service", "default", "s0")
        self.await_equal(agent, gone=[expected.name_of(self.service("s0"))])
        (_, metrics) = agent.get("metrics")
        self.assertIn("\nnameplane_api_connections_total 1\n", metrics)
        self.assertNotIn("nameplane_api_relists_total{", metrics)


class Paged(Streamed):
    etcd = control_plane.OLD_ETCD
    HOW = "pages"


class OfBefore133(ClusterTest):
    """A server that knows no ServiceCIDR, which rules of nftables look at."""

    api_flags = ("--emulated-version=1.32",)

    def test_rules_come_and_what_is_not_there_is_rarely_asked_for(self):
        status = self.api.request("GET", "/apis/networking.k8s.io/v1/servicecidrs")[0]
        self.assertEqual(status, 404)
        config = self.write("nft.toml", (CONFIG % "").replace('"iptables"', '"nftables"'))
        agent = self.ready_agent(config=config)
        self.await_lines(agent, "the list that failed", "api.optional_list_failed", "ServiceCIDR", "404")
        for number in range(100):  # which takes longer than the pauses after any other failure
            self.api.create(self.service("s%d" % number))
        address = self.await_name(agent, "s99")
        await_true("the last Service has rules", lambda: address in run(
            "nft", "list", "table", "ip", "nameplane"))
        asked = re.findall(r"^coredns_kubernetes_rest_client_requests_total\{.*404.*\} (\d+)$",
                           agent.get("metrics")[1], re.MULTILINE)
        self.assertEqual(asked, ["1"])


if __name__ == "__main__":
    main()
