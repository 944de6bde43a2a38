#!/usr/bin/env python3
"""The two ways to list: as a stream, where etcd lets the API server offer it, and in pages."""

import control_plane
import expected
from cluster_test import ClusterTest, await_true, main

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


if __name__ == "__main__":
    main()
