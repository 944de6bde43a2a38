"""forward, cache and loop of the real program, with a real name server (NSD) as upstream."""

import os
import shutil
import signal
import socket
import subprocess
import unittest

import nameplane

ZONE = """$ORIGIN example.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 30
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
alias CNAME www
short 1 A 192.0.2.7
""" + "".join(f"big A 10.0.{i // 250}.{i % 250 + 1}\n" for i in range(300))


class Upstream:
    """NSD on loopback, over UDP, TCP and TLS."""

    def __init__(self, folder):
        self.folder = folder
        self.port = nameplane.free_port()
        self.tls_port = nameplane.free_port()
        self.process = None
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=dns.example", "-addext", "subjectAltName=DNS:dns.example",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem")],
                       check=True, capture_output=True)
        with open(self.path("example.zone"), "w", encoding="ascii") as file:
            file.write(ZONE)
        with open(self.path("nsd.conf"), "w", encoding="ascii") as file:
            file.write(nameplane.nsd_config(folder, self.port, f"""
  ip-address: 127.0.0.1@{self.tls_port}
  tls-port: {self.tls_port}
  tls-service-key: "{self.path('key.pem')}"
  tls-service-pem: "{self.path('cert.pem')}"
  hide-version: yes"""))

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        self.process = subprocess.Popen(["nsd", "-d", "-c", self.path("nsd.conf")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        nameplane.await_server(self.port, "www.example")
        return self

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(nameplane.WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@unittest.skipUnless(shutil.which("nsd") and shutil.which("openssl"), "needs nsd and openssl")
class Forward(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        folder = os.path.join(self.folder, "nsd")
        os.mkdir(folder)
        self.upstream = Upstream(folder)
        self.addCleanup(self.upstream.stop)

    def config(self, plugins):
        return self.write("forward.toml", '[[server]]\nzones = ["."]\n' + plugins)

    def forward(self, to, more=""):
        return f'[server.forward]\nfrom = "."\nto = ["{to}"]\n{more}'

    def agent(self, plugins):
        return self.start("--config", self.config(plugins)).started()

    def test_names_of_an_upstream_over_udp_and_tcp(self):
        self.upstream.start()
        agent = self.agent(self.forward(f"127.0.0.1:{self.upstream.port}"))
        agent.await_data("www.example", ["192.0.2.1"])
        self.assertEqual([record[1] for record in
                          agent.await_data("alias.example", ["192.0.2.1"]).answer], ["CNAME", "A"])
        agent.await_rcode("no.example", "NXDOMAIN")
        agent.await_data("www.example", ["192.0.2.1"], over="tcp")
        # More than a datagram holds: NSD truncates, so do we, and over TCP all of it comes.
        self.assertTrue(agent.udp("big.example").tc)
        self.assertEqual(len(agent.tcp("big.example").answer), 300)

    def test_tls_and_whom_we_trust(self):
        self.upstream.start()
        tls = f'tls = ["{self.upstream.path("cert.pem")}"]\n'
        agent = self.agent(self.forward(f"tls://127.0.0.1%dns.example:{self.upstream.tls_port}",
                                        tls))
        agent.await_data("www.example", ["192.0.2.1"])
        self.assertEqual(len(agent.tcp("big.example").answer), 300)
        agent.stop()
        for to, files in ((f"tls://127.0.0.1%other.example:{self.upstream.tls_port}", tls),
                          (f"tls://127.0.0.1:{self.upstream.tls_port}", tls),
                          (f"tls://127.0.0.1%dns.example:{self.upstream.tls_port}", "")):
            agent = self.agent(self.forward(to, files))
            self.assertEqual(agent.udp("www.example").rcode, "SERVFAIL")
            agent.stop()

    def test_stale_answers_of_a_dead_upstream(self):
        self.upstream.start()
        agent = self.agent('[server.cache]\nsuccess = ["1024 3600 0"]\n'
                           'serve_stale = ["1h verify 200ms 30s"]\n' +
                           self.forward(f"127.0.0.1:{self.upstream.port}"))
        agent.await_data("short.example", ["192.0.2.7"])
        self.upstream.stop()

        def is_stale():
            reply = agent.udp("short.example")
            self.assertEqual(reply.data("A"), ["192.0.2.7"])
            return reply.answer[0][2] == 30
        nameplane.await_true("a stale answer has the TTL of such", is_stale)

    def test_a_reload_keeps_what_is_cached(self):
        self.upstream.start()
        plugins = "[server.cache]\n" + self.forward(f"127.0.0.1:{self.upstream.port}")
        agent = self.agent(plugins)
        agent.await_data("www.example", ["192.0.2.1"])
        self.upstream.stop()
        for _ in range(3):
            agent.process.send_signal(signal.SIGHUP)
            agent.wait_for(r" reload\.done\b")
            for _ in range(64):  # each by another worker
                self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.1"])

    def on_its_own_port(self, port, to):
        """An agent that listens where its loop plugin looks for it."""
        config = self.write("loop.toml",
                            f'[dns]\nlisten = ["127.0.0.1"]\nport = {port}\n'
                            f'[[server]]\nzones = ["."]\n[server.loop]\n{self.forward(to)}')
        process = subprocess.Popen(
            [nameplane.BINARY, "--config", config, "--manifests", self.manifests],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_a_loop_ends_the_process(self):
        port = nameplane.free_port()
        process = self.on_its_own_port(port, f"127.0.0.1:{port}")
        self.assertEqual(process.wait(nameplane.WAIT_S), 1)
        self.assertIn("[FATAL] plugin/loop: Loop", process.stderr.read())

    def test_no_loop_is_no_trouble(self):
        self.upstream.start()
        port = nameplane.free_port()
        process = self.on_its_own_port(port, f"127.0.0.1:{self.upstream.port}")
        for line in process.stderr:
            if " agent.started" in line:
                break
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(nameplane.WAIT_S)
            def answered():
                asker.sendto(nameplane.query_bytes("www.example", "A"), ("127.0.0.1", port))
                return nameplane.Reply(asker.recv(512)).data("A") == ["192.0.2.1"]
            for _ in range(20):
                nameplane.await_true("the upstream's answer comes", answered)
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    unittest.main()
