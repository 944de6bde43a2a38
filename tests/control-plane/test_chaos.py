"""Servers are killed, connections spoilt, history forgotten, while objects change. What was right stays
right all the time, and in the end names and rules are what the API says."""

import random
import time
import unittest

import changes
import cluster_test
import expected
import tcp_proxy
from cluster_test import IS_SHORT, await_true, run
from tcp_proxy import Mode

CHAOS_S = 30 if IS_SHORT else 45
CHANGES_MIN = 100  # meanwhile


class Chaos(cluster_test.ClusterTest):
    def setUp(self):
        super().setUp()
        self.proxy = tcp_proxy.TcpProxy(self.plane.port)
        self.addCleanup(self.proxy.close)
        kubeconfig = self.plane.kubeconfig("proxied.kubeconfig", {"token": "admin-token"},
                                           self.proxy.port)
        self.agent = self.ready_agent(kubeconfig=kubeconfig)
        self.number = 0

    def change(self):
        """Creates a Service and gives its name."""
        self.number += 1
        name = "%s-%d" % (self.id().rpartition(".")[2].replace("_", "-")[:40], self.number)
        self.api.create(self.service(name))
        return name

    def still_right(self, asker):
        await_true("it was asked often", lambda: asker.asked > 100)
        wrong = asker.stop()
        self.assertEqual(wrong[:5], [], "%d of %d answers" % (len(wrong), asker.asked))
        found = expected.rules_now()
        self.assertTrue(any("--to-destination 10.244.9.9:8080" in line
                            for rules in found.values() for line in rules))

    def test_servers_killed_and_connections_spoilt(self):
        asker = self.anchor(self.agent, "anchor-chaos")
        seed = random.randrange(10**6)
        print("seed %d" % seed, flush=True)
        self.random = random.Random(seed)
        done = changes.Changes(self.api, seed, workers=2).start(pause_s=0.02)
        deadline = time.monotonic() + CHAOS_S
        disturbances = [self.plane.apiserver.restart, self.plane.etcd.restart, self.proxy.cut,
                        self.proxy.half_close, self.garble, self.cut_after, self.refuse, self.delay,
                        self.both_servers]
        while time.monotonic() < deadline or done.done <= CHANGES_MIN:
            self.random.choice(disturbances)()
            time.sleep(self.random.random() * 2)
        self.proxy.mode = Mode.passing
        done.stop()
        self.await_equal(self.agent, done.used)
        self.still_right(asker)
        self.assertEqual(self.agent.stop(), 0)

    def garble(self):
        self.proxy.garble(self.random.randrange(1, 40))

    def cut_after(self):
        self.proxy.cut_after(self.random.randrange(0, 3000))

    def refuse(self):
        self.proxy.mode = Mode.refusing
        self.proxy.cut()
        time.sleep(self.random.random() * 2)
        self.proxy.mode = Mode.passing

    def delay(self):
        self.proxy.mode = Mode.delaying
        time.sleep(self.random.random() * 2)
        self.proxy.mode = Mode.passing

    def both_servers(self):
        for piece in (self.plane.apiserver, self.plane.etcd):
            piece.kill()
        for piece in (self.plane.etcd, self.plane.apiserver):
            piece.start()

    def test_history_forgotten(self):
        asker = self.anchor(self.agent, "anchor-history")
        names = [self.change() for _ in range(20)]
        for name in names:
            self.await_name(self.agent, name)
        self.proxy.mode = Mode.refusing
        self.proxy.cut()
        for name in names[:10]:
            self.api.delete("Service", "default", name)
        for _ in range(200):
            self.change()
        self.plane.compact()
        self.plane.apiserver.restart()  # its memory of events goes with it: 410 from here on
        before = len(self.agent.read_lines())
        self.proxy.mode = Mode.passing
        self.await_equal(self.agent, {"%s.default.svc.cluster.local." % name for name in names})
        await_true("it says that it lists again", lambda: any(
            "410" in line or "relist" in line for line in self.agent.read_lines()[before:]))
        self.still_right(asker)

    def test_connection_goes_silent(self):
        asker = self.anchor(self.agent, "anchor-silent")
        accepted = self.proxy.accepted
        self.proxy.mode = Mode.silent
        started = time.monotonic()
        name = self.change()
        await_true("the silence is noticed", lambda: self.proxy.accepted > accepted)
        print("noticed after %.1f s" % (time.monotonic() - started), flush=True)
        self.proxy.mode = Mode.passing
        self.await_name(self.agent, name)
        self.await_equal(self.agent)
        self.still_right(asker)

    @unittest.skipIf(IS_SHORT, "takes half a minute")
    def test_packets_are_dropped(self):
        asker = self.anchor(self.agent, "anchor-dropped")
        accepted = self.proxy.accepted
        drop = ("PREROUTING", "-p", "tcp", "--sport", str(self.proxy.port), "-j", "DROP")
        command = ("iptables-legacy", "-w", "60", "-t", "raw")  # the lock is the agent's, too
        run(*command, "-A", *drop)
        started = time.monotonic()
        name = self.change()
        # New connections are not answered either, so that they arrive is all there is to see.
        await_true("the silence is noticed", lambda: self.proxy.accepted > accepted or
                   self.has_new_connection())
        print("noticed after %.1f s" % (time.monotonic() - started), flush=True)
        run(*command, "-D", *drop)
        self.await_name(self.agent, name)
        self.await_equal(self.agent)
        self.still_right(asker)

    def has_new_connection(self):
        return bool(run("ss", "-tnH", "state", "syn-sent", "dport", "=", ":%d" % self.proxy.port))

    def test_octets_changed_before_they_are_read(self):
        """Without TLS in between, so that HTTP and JSON meet them."""
        context = self.plane.client_context()
        context.load_cert_chain(self.plane.certificates.path("admin.crt"),
                                self.plane.certificates.path("admin.key"))
        proxy = tcp_proxy.TcpProxy(self.plane.port, upstream_tls=context)
        self.addCleanup(proxy.close)
        self.agent.kill()
        agent = self.ready_agent("--master", "http://127.0.0.1:%d" % proxy.port, kubeconfig="")
        asker = self.anchor(agent, "anchor-garbled")
        source = random.Random(random.randrange(10**6))
        for _ in range(15 if IS_SHORT else 40):
            source.choice((proxy.garble, proxy.cut_after))(source.randrange(1, 300))
            self.change()
            time.sleep(source.random() * 0.3)
        for connection in proxy.connections():
            (connection.garble_next, connection.cut_after) = (0, None)
        proxy.cut()
        self.await_equal(agent)
        self.still_right(asker)
        self.assertEqual(agent.stop(), 0)

    def test_one_absurd_object_does_not_stop_the_others(self):
        """What the server takes may still be more than we do."""
        self.api.create(self.service("huge-note"))
        self.api.patch("Service", "default", "huge-note",
                       {"metadata": {"annotations": {"note": "x" * 200_000}}})
        self.api.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                         "metadata": {"name": "odd", "namespace": "default",
                                      "labels": {expected.LABEL: "huge-note"}},
                         "addressType": "FQDN",
                         "endpoints": [{"addresses": ["example.com"]}]})
        name = self.change()
        self.await_name(self.agent, name)
        self.await_name(self.agent, "huge-note")
        self.api.delete("EndpointSlice", "default", "odd")


if __name__ == "__main__":
    cluster_test.main()
