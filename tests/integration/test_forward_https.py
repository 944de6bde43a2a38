#!/usr/bin/env python3
"""forward over HTTPS, and to upstreams that are named by host: with Unbound and an agent of our own
as upstreams."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import unittest

import nameplane
from pki import Pki

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  interface: 127.0.0.1@{https}
  https-port: {https}
  http-endpoint: "/lookup"
  tls-service-key: "{folder}/key.pem"
  tls-service-pem: "{folder}/cert.pem"
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  local-zone: "example." static
  local-data: "www.example. 300 IN A 192.0.2.1"
  local-data: "www.example. 300 IN AAAA 2001:db8::1"
{many}
remote-control:
  control-enable: no
"""
COREFILE = """
.:0 {
    forward . %s {
        tls %s
        %s
    }
    prometheus 127.0.0.1:0
}
"""


class Unbound:
    """A resolver that knows one zone, over UDP, TCP and HTTPS."""

    def __init__(self, folder):
        self.folder = folder
        (self.port, self.https) = (nameplane.free_port(), nameplane.free_port())
        many = "".join('  local-data: "big.example. 300 IN A 10.0.%d.%d"\n' % divmod(i, 250)
                       for i in range(300))
        with open(os.path.join(folder, "unbound.conf"), "w", encoding="ascii") as file:
            file.write(UNBOUND.format(port=self.port, https=self.https, folder=folder, many=many))
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["unbound", "-d", "-c", os.path.join(self.folder, "unbound.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        nameplane.await_server(self.port, "www.example")
        return self

    def stop(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None


class Resolver:
    """Knows the IPv4 addresses of hosts, over UDP, and nothing else."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            (query, client) = self.socket.recvfrom(512)
            if not query:
                return
            (name, end) = nameplane.read_name(query, 12)
            (kind,) = struct.unpack_from("!H", query, end)
            self.asked.append((name, kind))
            known = self.hosts.get(name)
            addresses = known if known and kind == 1 else []
            answer = query[:2] + struct.pack("!5H", 0x8180 if known else 0x8183, 1, len(addresses),
                                             0, 0) + query[12:end + 4]
            for address in addresses:
                answer += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
            self.socket.sendto(answer, client)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.socket.getsockname())
        self.thread.join(nameplane.WAIT_S)
        self.socket.close()


class ForwardTest(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.pki = Pki(self.folder)
        self.pki.issue("dns.example")

    def corefile(self, to, more=""):
        return self.write("Corefile", COREFILE % (to, self.pki.ca, more))

    def forward(self, to, more=""):
        agent = self.start("-conf", self.corefile(to, more), "--threads", "2").started()
        self.addCleanup(agent.kill)
        return agent

    def https_server(self, plugins="whoami", address="127.0.0.1"):
        """An agent that serves over HTTPS at that address, and the port."""
        port = nameplane.free_port()
        folder = os.path.join(self.folder, address)
        os.makedirs(folder, exist_ok=True)
        path = self.write(os.path.join(address, "Corefile"),
                          "https://.:%d {\n tls cert.pem key.pem\n root %s\n bind %s\n %s\n}\n" % (
                              port, self.folder, address, plugins))
        return (self.start("-conf", path, listen=()).started(), port)

    def resolver(self, hosts):
        resolver = Resolver(hosts)
        self.addCleanup(resolver.close)
        return resolver

    def metric(self, agent, *words):
        return sum(float(line.rsplit(" ", 1)[1]) for line in agent.get("metrics")[1].splitlines()
                   if all(word in line for word in words))


@unittest.skipUnless(shutil.which("unbound") and shutil.which("openssl"), "needs unbound and openssl")
class WithUnbound(ForwardTest):
    def setUp(self):
        super().setUp()
        self.unbound = Unbound(self.folder).start()
        self.addCleanup(self.unbound.stop)
        self.url = "https://127.0.0.1%%dns.example:%d/lookup" % self.unbound.https

    def test_names_by_post_and_by_get(self):
        for method in ("POST", "GET"):
            agent = self.forward(self.url, "doh_method " + method)
            agent.await_data("www.example", ["192.0.2.1"])
            agent.await_data("www.example", ["2001:db8::1"], "AAAA")
            agent.await_rcode("no.example", "NXDOMAIN")
            self.assertEqual(len(agent.tcp("big.example").answer), 300)
            self.assertTrue(agent.udp("big.example").tc)
            to = 'to="127.0.0.1:%d"' % self.unbound.https
            # Who is slow to answer is asked twice.
            self.assertGreaterEqual(self.metric(agent, "coredns_proxy_conn_cache_", to,
                                                'proto="https"'), 5)
            self.assertGreaterEqual(self.metric(agent, "request_duration_seconds_count", to,
                                                'rcode="NOERROR"'), 4)
            agent.stop()

    def test_whom_we_trust(self):
        port = self.unbound.https
        for (to, ca) in (("https://127.0.0.1%%other.example:%d/lookup" % port, self.pki.ca),
                         (self.url, "")):
            path = self.write("Corefile", COREFILE % (to, ca, ""))
            agent = self.start("-conf", path).started()
            self.assertEqual(agent.udp("www.example").rcode, "SERVFAIL")
            agent.stop()

    def test_another_path_is_not_found(self):
        agent = self.forward("https://127.0.0.1%%dns.example:%d" % self.unbound.https)
        self.assertEqual(agent.udp("www.example").rcode, "SERVFAIL")

    def test_a_server_that_begins_anew_costs_no_query(self):
        agent = self.forward(self.url, "max_connect_attempts 1")
        for _ in range(3):
            self.assertEqual(agent.udp("www.example").data("A"), ["192.0.2.1"])
            self.unbound.stop()
            self.unbound.start()


@unittest.skipUnless(shutil.which("openssl"), "needs openssl")
class WithOurselves(ForwardTest):
    def test_many_clients_at_a_time(self):
        (_, port) = self.https_server()
        agent = self.forward("https://127.0.0.1:%d" % port)
        failures = []

        def ask(number):
            for i in range(100):
                reply = agent.udp("n%d-%d.example" % (number, i))
                if reply.rcode != "NOERROR" or reply.qname != "n%d-%d.example." % (number, i):
                    failures.append(reply)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertLessEqual(self.metric(agent, "conn_cache_misses_total", 'proto="https"'), 64)

    def test_a_host_of_this_machine(self):
        self.pki.issue("localhost")
        (_, port) = self.https_server()
        agent = self.forward("https://localhost:%d" % port)
        agent.await_rcode("www.example", "NOERROR")


@unittest.skipUnless(shutil.which("openssl"), "needs openssl")
class Hosts(ForwardTest):
    def test_of_a_resolver_over_each_transport(self):
        (_, https) = self.https_server("hosts {\n 192.0.2.1 www.example\n }")
        plain = self.start("-conf", self.write("plain", ".:0 {\n bind 127.0.0.1\n"
                                               "hosts {\n 192.0.2.1 www.example\n }\n}\n"),
                           listen=()).started()
        resolver = self.resolver({"dns.example.": ["127.0.0.1"]})
        for to in ("dns.example:%d" % plain.ports["dns"], "https://dns.example:%d" % https):
            agent = self.forward(to, "resolver " + resolver.address)
            agent.await_data("www.example", ["192.0.2.1"])
            agent.stop()
        self.assertEqual(sorted(set(resolver.asked)), [("dns.example.", 1), ("dns.example.", 28)])

    def test_one_that_is_not_found_at_the_start(self):
        resolver = self.resolver({})
        path = self.corefile("gone.example", "resolver " + resolver.address)
        agent = self.start("-conf", path)
        self.assertNotEqual(agent.end(), 0)
        text = "\n".join(agent.read_lines())
        self.assertRegex(text, r"Corefile:3: to: no upstream called 'gone\.example': "
                               r"its resolvers know no address of it")

    def test_a_check_looks_nothing_up(self):
        path = self.corefile("gone.example", "resolver 127.0.0.1:9")
        self.assertEqual(self.run_command("check", path)[0], 0)

    def test_a_reload_looks_again_and_keeps_what_runs_when_it_finds_nothing(self):
        (_, first) = self.https_server("hosts {\n 192.0.2.1 www.example\n }")
        (_, second) = self.https_server("hosts {\n 192.0.2.2 www.example\n }", "127.0.0.2")
        resolver = self.resolver({"one.example.": ["127.0.0.1"], "two.example.": ["127.0.0.2"]})
        more = "tls_servername dns.example\n resolver " + resolver.address
        agent = self.forward("https://one.example:%d" % first, more)
        agent.await_data("www.example", ["192.0.2.1"])
        self.corefile("https://gone.example:%d" % first, more)
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for(r" reload\.refused\b")
        self.assertTrue(any("gone.example" in line for line in agent.read_lines()))
        agent.await_data("www.example", ["192.0.2.1"])
        self.corefile("https://two.example:%d" % second, more)
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for(r" reload\.done\b")
        agent.await_data("www.example", ["192.0.2.2"])

    def test_queries_are_answered_while_a_reload_waits_for_a_resolver(self):
        (_, port) = self.https_server()
        agent = self.forward("https://127.0.0.1:%d" % port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            # Named often: so long it takes to be given up.
            address = "127.0.0.1:%d" % silent.getsockname()[1]
            self.corefile("https://late.example", "resolver " + " ".join([address] * 5))

            def answered_meanwhile():
                before = len(agent.read_lines())
                agent.process.send_signal(signal.SIGHUP)
                silent.settimeout(nameplane.WAIT_S)
                silent.recvfrom(512)
                for i in range(10):
                    agent.await_rcode("n%d.example" % i, "NOERROR")
                if not any(" reload." in line for line in agent.read_lines()[before:]):
                    return True
                # Given up before all were answered, by us or by a machine that stood still: once more.
                silent.settimeout(0)
                try:
                    while silent.recvfrom(512):
                        pass
                except BlockingIOError:
                    return False

            nameplane.await_true("queries are answered while a reload waits", answered_meanwhile)
        # Nobody is there any more, which is noticed at once.
        agent.wait_for(r" reload\.refused\b")


if __name__ == "__main__":
    unittest.main()
