"""Start, change, reload and end of the real program."""

import os
import select
import signal
import socket
import struct
import threading
import unittest

import nameplane

WEB = "web.demo.svc.cluster.local"


def service(name, address):
    return ("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: demo}\n"
            "spec: {clusterIP: %s, ports: [{port: 80}]}\n" % (name, address))


class Life(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.manifest("web.yaml", service("web", "10.96.0.1"))

    def test_a_change_of_a_manifest_is_seen(self):
        agent = self.start().started()
        self.assertEqual(agent.udp(WEB).data("A"), ["10.96.0.1"])
        self.manifest("web.yaml", service("web", "10.96.0.2"))
        agent.wait_for(r" services\.changed\b")
        self.assertEqual(agent.udp(WEB).data("A"), ["10.96.0.2"])
        self.manifest("more.yaml", service("more", "10.96.0.3"))
        agent.wait_for(r" services\.changed\b")
        self.assertEqual(agent.udp("more.demo.svc.cluster.local").data("A"), ["10.96.0.3"])
        os.remove(os.path.join(self.manifests, "more.yaml"))
        agent.wait_for(r" services\.changed\b")
        self.assertEqual(agent.udp("more.demo.svc.cluster.local").rcode, "NXDOMAIN")
        self.assertEqual(agent.udp(WEB).data("A"), ["10.96.0.2"])

    def test_a_broken_manifest_keeps_its_last_good_state(self):
        agent = self.start().started()
        self.manifest("web.yaml", "kind: Service\nmetadata: {name: web\n")
        self.assertIn("web.yaml:", agent.wait_for(r"web\.yaml:\d+: .*expected"))
        self.manifest("more.yaml", service("more", "10.96.0.3"))
        agent.wait_for(r" services\.changed\b")
        self.assertEqual(agent.udp(WEB).data("A"), ["10.96.0.1"])
        self.assertEqual(agent.udp("more.demo.svc.cluster.local").data("A"), ["10.96.0.3"])
        self.manifest("web.yaml", service("web", "10.96.0.9"))
        agent.wait_for(r" services\.changed\b")
        self.assertEqual(agent.udp(WEB).data("A"), ["10.96.0.9"])

    def test_signals_drain_and_end_with_success(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            agent = self.start().started()
            self.assertEqual(agent.udp(WEB).rcode, "NOERROR")
            self.assertEqual(agent.stop(number), 0)
            self.assertTrue(any("agent.stopped" in line for line in agent.lines), agent.lines)

    def test_idle_connections_do_not_delay_the_end(self):
        agent = self.start().started()
        with agent.connect() as idle:
            query = nameplane.query_bytes(WEB, "A")
            idle.sendall(struct.pack("!H", len(query)) + query)
            self.assertEqual(nameplane.read_tcp(idle).rcode, "NOERROR")
            self.assertEqual(agent.stop(), 0)
            self.assertEqual(idle.recv(1), b"")

    def test_two_agents_at_the_same_time(self):
        first = self.start().started()
        second = self.start().started()
        self.assertNotEqual(first.ports["dns"], second.ports["dns"])
        for agent in (first, second):
            self.assertEqual(agent.udp(WEB).data("A"), ["10.96.0.1"])
        self.assertEqual(first.stop(), 0)
        self.assertEqual(second.udp(WEB).data("A"), ["10.96.0.1"])

    def test_many_threads_share_the_port(self):
        agent = self.start("--threads", "4").started()
        for _ in range(64):
            self.assertEqual(agent.udp(WEB).data("A"), ["10.96.0.1"])
            self.assertEqual(agent.tcp(WEB).data("A"), ["10.96.0.1"])


class Reload(nameplane.AgentTest):
    TTL = '[[server]]\nzones = ["cluster.local"]\n[server.kubernetes]\nttl = %d\n'

    def setUp(self):
        super().setUp()
        self.manifest("web.yaml", service("web", "10.96.0.1"))
        self.config = self.write("np.toml", self.TTL % 10)
        self.agent = self.start("--config", self.config).started()

    def ttl(self):
        return self.agent.udp(WEB).answer[0][2]

    def hang_up(self, text, event):
        self.write("np.toml", text)
        self.agent.process.send_signal(signal.SIGHUP)
        return self.agent.wait_for(event)

    def test_new_options_count_after_a_reload(self):
        self.assertEqual(self.ttl(), 10)
        self.hang_up(self.TTL % 20, r" reload\.done\b")
        self.assertEqual(self.ttl(), 20)

    def test_a_broken_file_changes_nothing(self):
        problem = self.hang_up("[dns]\nprot = 1\n", r" config\.problem\b")
        self.assertIn("np.toml:2: unknown option 'prot', did you mean 'port'?", problem)
        self.agent.wait_for(r" reload\.refused\b")
        self.assertEqual(self.ttl(), 10)
        self.hang_up(self.TTL % 30, r" reload\.done\b")
        self.assertEqual(self.ttl(), 30)

    def test_what_needs_a_restart_is_refused_by_name(self):
        line = self.hang_up("[dns]\nudp_size_max = 4000\n" + self.TTL % 40, r" reload\.refused\b")
        self.assertIn("dns.udp_size_max", line)
        self.assertEqual(self.ttl(), 10)


class Start(nameplane.AgentTest):
    def test_without_a_source_it_says_so(self):
        (code, _, error) = self.run_command("--port", "0", "--listen", "127.0.0.1")
        self.assertEqual(code, 2)
        self.assertIn("--manifests", error)

    def test_a_source_that_is_not_there_is_named(self):
        agent = self.start(manifests=os.path.join(self.folder, "nowhere"))
        self.assertEqual(agent.end(), 1)
        self.assertTrue(any("nowhere" in line for line in agent.lines), agent.lines)

    def test_a_port_in_use_is_named(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            (code, _, error) = self.run_command("--manifests", self.manifests, "--listen",
                                                "127.0.0.1", "--port", str(port))
        self.assertEqual(code, 1)
        self.assertIn("127.0.0.1:%d" % port, error)

    def test_a_wrong_configuration_is_told_whole(self):
        config = self.write("np.toml", "[dns]\nprot = 1\nthreads = 1000\n")
        (code, _, error) = self.run_command("--manifests", self.manifests, "--config", config)
        self.assertEqual(code, 2)
        self.assertIn("np.toml:2: unknown option 'prot', did you mean 'port'?", error)
        self.assertIn("np.toml:3: threads: '1000', expected a number from 0 to 64", error)


def never_finish(clients, ended):
    """Lets each client say a little more of its request every 50 ms."""
    while not ended.wait(0.05):
        for client in clients:
            try:
                client.sendall(b"G")
            except OSError:
                pass  # sent away


class Pages(nameplane.AgentTest):
    ADMIN = '[admin]\nhealth = "127.0.0.1:0"\nready = "127.0.0.1:0"\nmetrics = "127.0.0.1:0"\n'

    def test_probes_and_metrics(self):
        self.manifest("web.yaml", service("web", "10.96.0.1"))
        agent = self.start("--config", self.write("np.toml", self.ADMIN)).started()
        self.assertEqual(agent.get("health"), (200, "OK"))
        self.assertEqual(agent.get("ready"), (200, "OK"))
        agent.udp(WEB)
        (status, text) = agent.get("metrics")
        self.assertEqual(status, 200)
        for line in ("nameplane_services 1", "process_resident_memory_bytes ",
                     "nameplane_build_info{version="):
            self.assertIn("\n" + line, text)
        self.assertRegex(text, r"\ncoredns_dns_requests_total\{[^}]*\} [1-9]")
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for(r" reload\.done\b")
        self.assertIn('nameplane_reloads_total{result="done"} 1', agent.get("metrics")[1])

    def test_a_probe_does_not_wait_for_silent_clients(self):
        self.manifest("web.yaml", service("web", "10.96.0.1"))
        agent = self.start("--config", self.write("np.toml", self.ADMIN)).started()

        def answered_before_them():
            silent = [socket.create_connection(("127.0.0.1", agent.ports["health"]))
                      for _ in range(6)]
            ended = threading.Event()
            # An octet now and then, for who says nothing at all is sent away after a second.
            talker = threading.Thread(target=never_finish, args=(silent, ended))
            talker.start()
            try:
                self.assertEqual(agent.get("health"), (200, "OK"))
                return not all(select.select([client], [], [], 0)[0] for client in silent)
            finally:
                ended.set()
                talker.join()
                for client in silent:
                    client.close()

        # On a machine that lets the talker wait for a second all that proves nothing: once more.
        nameplane.await_true("a probe is answered before silent clients", answered_before_them)

    def test_pages_may_share_an_address_and_a_taken_one_is_named(self):
        address = "127.0.0.1:%d" % nameplane.free_port()
        with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))):
            config = self.write("np.toml", '[admin]\nhealth = "%s"\n' % address)
            agent = self.start("--config", config)
            self.assertEqual(agent.end(), 1)
        self.assertTrue(any(address in line and "/health" in line for line in agent.lines),
                        agent.lines)
        config = self.write("np.toml", '[admin]\nhealth = "%s"\nready = "%s"\n' % (address, address))
        agent = self.start("--config", config).started()
        self.assertEqual(agent.ports["health"], agent.ports["ready"])
        self.assertEqual(agent.get("health")[0], 200)
        self.assertEqual(agent.get("ready")[0], 200)


if __name__ == "__main__":
    unittest.main()
