"""The control plane of the tests is a real one: it allocates, makes slices, keeps its data over
kill -9."""

import os

import changes
import cluster_test
import expected
from cluster_test import await_true


class Harness(cluster_test.ClusterTest):
    def test_services_get_addresses_and_slices_of_a_hundred(self):
        self.api.create(self.deployment("web", 3))
        made = self.api.create(self.service("web", selector={"app": "web"},
                                            ipFamilyPolicy="PreferDualStack"))
        self.assertEqual(made["spec"]["ipFamilies"], ["IPv4", "IPv6"])
        self.assertTrue(made["spec"]["clusterIP"].startswith("10."))
        await_true("three endpoints", lambda: [len(one) for one in self.endpoints("web")
                                               if one and ":" not in one[0]] == [3])
        self.api.scale("default", "web", 250)
        await_true("250 endpoints in three slices", lambda: [
            len(one) for one in self.endpoints("web") if one and ":" not in one[0]] ==
            [50, 100, 100])
        self.api.scale("default", "web", 0)
        await_true("no endpoints", lambda: not any(self.endpoints("web")))

    def test_every_piece_may_be_killed(self):
        self.api.create(self.service("kept"))
        for piece in (self.plane.apiserver, self.plane.etcd, self.plane.controllers):
            piece.restart()
        address = await_true("the API is back", lambda: self.plane._api_ready() and
                             self.api.get("Service", "default", "kept")["spec"]["clusterIP"])
        self.assertTrue(address)
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "short"}})
        self.api.create(self.service("gone", "short"))
        self.api.delete("Namespace", None, "short")
        await_true("the namespace went with all that was in it", lambda: "short" not in [
            one["metadata"]["name"] for one in self.api.list("Namespace")[0]])
        self.assertNotIn("gone", [one["metadata"]["name"] for one in self.api.list("Service")[0]])

    def test_what_must_be_is_what_an_agent_with_the_same_objects_says(self):
        done = changes.Changes(self.api, seed=7, workers=2).start(count=300)
        done.join()
        self.assertLess(done.refused, done.done / 5)
        await_true("namespaces are settled", lambda: changes.namespaces_settled(self.api))
        manifests = os.path.join(self.folder, "manifests.json")
        expected.Cluster(self.api).write(manifests)
        agent = self.start_agent(manifests=manifests).started()
        agent.wait_for(r" agent\.ready\b", seen=True)
        self.await_equal(agent, done.used)
        # And what must not be is seen.
        self.api.create(self.service("late"))
        self.assertEqual(len(expected.names_differ(agent, expected.Cluster(self.api))), 4)
        self.assertTrue(expected.rules_differ(expected.Cluster(self.api), self.folder,
                                              agent.config))


if __name__ == "__main__":
    cluster_test.main()
