"""The last state on disk: an agent that starts while the API server is away has names and rules at once,
and makes them right without a gap when the server is back."""

import os
import signal
import time

import changes
import cluster_test
import expected
import tcp_proxy
from cluster_test import await_true, run
from tcp_proxy import Mode

LAST = "the-last-one"  # of the Services before the end


class Warm(cluster_test.ClusterTest):
    def setUp(self):
        super().setUp()
        self.proxy = tcp_proxy.TcpProxy(self.plane.port)
        self.addCleanup(self.proxy.close)
        self.kubeconfig = self.plane.kubeconfig("warm.kubeconfig", {"token": "admin-token"},
                                                self.proxy.port)
        self.state = os.path.join(self.folder, "state")

    def agent(self, **options):
        return self.start_agent(kubeconfig=self.kubeconfig, state_file=self.state, **options)

    def cluster_unreachable(self):
        self.proxy.mode = Mode.refusing
        self.proxy.cut()

    def flush(self):
        """As after a reboot: no rules of ours."""
        for command in ("iptables-legacy", "ip6tables-legacy"):
            for table in ("nat", "filter"):
                for what in ("-F", "-X"):
                    run(command, "-t", table, what)

    def test_reboot_without_an_api_server(self):
        agent = self.agent().started()
        self.await_ready(agent)
        done = changes.Changes(self.api, seed=11, workers=2).start(count=200)
        done.join()
        self.anchor(agent, "anchor-warm").stop()
        self.await_equal(agent, done.used)
        # The state is written every 10 s at most; what holds this Service is all there is now.
        self.api.create(self.service(LAST))
        self.await_name(agent, LAST)
        await_true("the state is on disk", self.is_saved)
        self.assertEqual(os.stat(self.state).st_mode & 0o777, 0o600)
        agent.stop(signal.SIGKILL)

        self.cluster_unreachable()
        self.flush()
        # The API server is away for the agent; the test still asks it what was.
        cluster = expected.Cluster(self.api)
        started = time.monotonic()
        agent = self.agent().started()
        self.await_answers(agent, cluster)
        print("names after %.2f s" % (time.monotonic() - started), flush=True)
        await_true("rules are there", lambda: not self.rules_differ(agent, cluster))
        print("rules after %.2f s" % (time.monotonic() - started), flush=True)
        self.assertEqual(expected.names_differ(agent, cluster, done.used), [])
        (status, body) = agent.get("ready")
        self.assertEqual(status, 503, body + "\n" + "\n".join(agent.read_lines()))
        self.assertRegex(body, r"state of \d+ s ago")
        self.assertEqual(agent.get("health")[0], 200)

        # Meanwhile the world goes on.
        address = self.api.get("Service", "default", "anchor-warm")["spec"]["clusterIP"]
        asker = expected.Asker(agent, "anchor-warm.default.svc.cluster.local", address)
        self.addCleanup(asker.stop)
        self.api.delete("Service", "default", LAST)
        more = changes.Changes(self.api, seed=12, workers=2).start(count=100)
        more.join()
        self.proxy.mode = Mode.passing
        self.await_equal(agent, {*done.used, *more.used, LAST + ".default.svc.cluster.local."})
        self.await_ready(agent)
        wrong = asker.stop()
        self.assertEqual(wrong[:5], [], "%d of %d answers" % (len(wrong), asker.asked))
        self.assertEqual(agent.stop(), 0)

    def is_saved(self):
        try:
            with open(self.state, "rb") as file:
                return LAST.encode() in file.read()
        except FileNotFoundError:
            return False

    def await_answers(self, agent, cluster):
        """Until the name of one Service is right; all of them came at once then."""
        service = next(one for one in cluster.services if one["metadata"]["name"] == "anchor-warm")
        await_true("a name", lambda: agent.udp(expected.name_of(service)).data("A") ==
                   [service["spec"]["clusterIP"]])

    def rules_differ(self, agent, cluster):
        return [line for family in expected.SAVE
                for line in expected.rules_differ(cluster, self.folder, agent.config, family)]

    def test_a_damaged_state_is_dropped(self):
        agent = self.agent(rules=False).started()
        self.await_ready(agent)
        self.assertEqual(agent.stop(), 0)  # an orderly stop writes it
        with open(self.state, "r+b") as file:
            octets = bytearray(file.read())
            octets[len(octets) // 2] ^= 1
            file.seek(0)
            file.write(octets)
        agent = self.agent(rules=False).started()
        agent.wait_for(r" state\.dropped\b", seen=True)
        self.await_ready(agent)
        self.await_names(agent)
        self.assertEqual(agent.stop(), 0)

    def test_the_state_of_another_server_is_dropped(self):
        agent = self.agent(rules=False).started()
        self.await_ready(agent)
        self.assertEqual(agent.stop(), 0)
        agent = self.start_agent(rules=False, state_file=self.state).started()
        agent.wait_for(r" state\.dropped\b", seen=True)
        self.await_ready(agent)
        self.assertEqual(agent.stop(), 0)


if __name__ == "__main__":
    cluster_test.main()
