#!/usr/bin/env python3
"""DNS over TLS and HTTPS with the clients that people have: kdig, curl, openssl; certificates that
change, and what a Corefile says of connections."""

import base64
import os
import re
import signal
import socket
import ssl
import struct
import time
import unittest

import nameplane
from pki import Pki, run

COREFILE = """
tls://.:0 https://.:0 .:0 {
    tls cert.pem key.pem%s
    root %s
    whoami
    prometheus 127.0.0.1:0
    %s
}
"""


class EncryptedTest(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.pki = Pki(self.folder)
        self.pki.issue("dns.example")

    def serve(self, more="", tls=""):
        corefile = self.write("Corefile", COREFILE % (tls, self.folder, more))
        self.agent = self.start("-conf", corefile).started()
        return self.agent

    def kdig(self, port, *arguments, host="dns.example"):
        return run("kdig", "@127.0.0.1", "-p", str(self.agent.ports[port]), "+tls-ca=" + self.pki.ca,
                   "+tls-hostname=" + host, "+timeout=%d" % (nameplane.WAIT_S // 2), "+retry=0", *arguments,
                   text=True).stdout

    def curl(self, *arguments):
        port = self.agent.ports["https"]
        return run("curl", "-s", "--cacert", self.pki.ca, "--resolve",
                   "dns.example:%d:127.0.0.1" % port, *arguments,
                   "https://dns.example:%d/dns-query" % port)

    def secure(self, name="dns.example", protocol=None, port="tls"):
        context = ssl.create_default_context(cafile=self.pki.ca)
        if protocol is not None:
            context.set_alpn_protocols(protocol)
        plain = socket.create_connection(("127.0.0.1", self.agent.ports[port]),
                                         timeout=nameplane.WAIT_S)
        self.addCleanup(plain.close)
        stream = context.wrap_socket(plain, server_hostname=name)
        self.addCleanup(stream.close)
        return stream

    def metric(self, name):
        page = self.agent.get("metrics")[1]
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
                   if line.startswith(name))


class Clients(EncryptedTest):
    def test_kdig_over_tls_with_the_certificate_checked(self):
        self.serve()
        answer = self.kdig("tls", "a.example", "A")
        self.assertIn("status: NOERROR", answer)
        self.assertIn("TLS1.3", answer)
        self.assertIn("status: NOERROR", self.kdig("tls", "+tcp", "+keepopen", "a.example", "b.example"))
        self.assertNotIn("status:", self.kdig("tls", "a.example", host="other.example"))
        self.assertGreaterEqual(self.metric('nameplane_dns_tls_handshakes_total{result="done"}'), 2)
        # As CoreDNS counts them: by TCP, of the server with its scheme.
        counted = [line for line in self.agent.get("metrics")[1].splitlines()
                   if re.match(r'coredns_dns_requests_total\{server="tls://127\.0\.0\.1:0",zone="\.",.*'
                               r'proto="tcp",family="1",type="A"\}', line)]
        self.assertEqual(len(counted), 1)
        self.assertGreaterEqual(float(counted[0].rsplit(" ", 1)[1]), 2)

    def test_kdig_over_https_by_get_and_post(self):
        self.serve()
        for way in ("+https", "+https-get"):
            answer = self.kdig("https", way, "a.example", "A")
            self.assertIn("HTTP/2", answer)
            self.assertIn("status: 200", answer)
            self.assertIn("status: NOERROR", answer)
        self.assertEqual(self.metric("coredns_dns_https_responses_total{server="
                                     '"https://127.0.0.1:0",status="200"}'), 2)

    def test_curl_by_both_versions_of_http(self):
        self.serve()
        question = nameplane.query_bytes("a.example", "A")
        encoded = base64.urlsafe_b64encode(question).decode("ascii").rstrip("=")
        for version in ("--http1.1", "--http2"):
            path = os.path.join(self.folder, "question")
            with open(path, "wb") as file:
                file.write(question)
            posted = self.curl(version, "--data-binary", "@" + path, "-H", "Expect: 100-continue",
                               "-H", "Content-Type: application/dns-message")
            self.assertEqual(nameplane.Reply(posted.stdout).rcode, "NOERROR")
            in_chunks = self.curl(version, "--data-binary", "@" + path, "-H", "Expect:",
                                  "-H", "Transfer-Encoding: chunked")
            self.assertEqual(nameplane.Reply(in_chunks.stdout).rcode, "NOERROR")
            got = self.curl(version, "-i", "--get", "-d", "dns=" + encoded)
            head, body = got.stdout.split(b"\r\n\r\n", 1)
            self.assertIn(b"200", head.splitlines()[0])
            self.assertIn(b"cache-control: max-age=", head)
            self.assertEqual(nameplane.Reply(body).rcode, "NOERROR")

    def test_curl_resolves_by_it(self):
        # The site that curl wants is named by the very server: its own address.
        self.write("hosts", "127.0.0.1 site.example\n")
        corefile = self.write("Corefile", """
https://.:0 {
    root %s
    tls cert.pem key.pem
    hosts hosts
}
.:0 {
    ready 127.0.0.1:0
    whoami
}
""" % self.folder)
        self.agent = self.start("-conf", corefile).started()
        done = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{remote_ip}",
                   "--cacert", self.pki.ca, "--doh-insecure", "--doh-url",
                   "https://127.0.0.1:%d/dns-query" % self.agent.ports["https"],
                   "http://site.example:%d/ready" % self.agent.ports["ready"], text=True)
        self.assertEqual(done.stdout, "200 127.0.0.1", done.stderr)

    def test_a_session_is_resumed(self):
        self.serve()
        session = os.path.join(self.folder, "session")
        at = "127.0.0.1:%d" % self.agent.ports["tls"]
        query = nameplane.query_bytes("a.example", "A")
        with self.secure() as first:
            first.sendall(struct.pack("!H", len(query)) + query)
            nameplane.read_tcp(first)  # the ticket has come before it
            ticket = first.session
            self.assertFalse(first.session_reused)
        plain = socket.create_connection(("127.0.0.1", self.agent.ports["tls"]),
                                         timeout=nameplane.WAIT_S)
        self.addCleanup(plain.close)
        with first.context.wrap_socket(plain, server_hostname="dns.example", session=ticket) as again:
            again.sendall(struct.pack("!H", len(query)) + query)
            nameplane.read_tcp(again)
            self.assertTrue(again.session_reused)
        self.assertEqual(self.metric('nameplane_dns_tls_handshakes_total{result="resumed"}'), 1)
        old = run("openssl", "s_client", "-connect", at, "-tls1_1", "-sess_out", session, input=b"")
        self.assertNotEqual(old.returncode, 0, "TLS 1.1")

    def test_https_wants_http_and_tls_does_not_care(self):
        self.serve()
        self.assertEqual(self.secure(protocol=["h2", "http/1.1"], port="https")
                         .selected_alpn_protocol(), "h2")
        with self.assertRaises(ssl.SSLError):
            self.secure(protocol=["dot"], port="https")
        self.assertEqual(self.secure(protocol=["dot"]).selected_alpn_protocol(), "dot")
        self.assertIsNone(self.secure(protocol=["h2"]).selected_alpn_protocol())


class Certificates(EncryptedTest):
    def names(self):
        with self.secure(self.wanted) as stream:
            return [value for kind, value in stream.getpeercert()["subjectAltName"] if kind == "DNS"]

    def test_new_files_are_served_without_restart_or_reload(self):
        self.serve("timeouts {\n read 10m\n }")  # who says nothing yet is not sent away meanwhile
        self.wanted = "dns.example"
        self.assertEqual(self.names(), ["dns.example"])
        open_before = self.secure()
        self.pki.issue("new.example")
        self.agent.wait_for(r" tls\.certificate_read\b")
        self.wanted = "new.example"
        self.assertEqual(self.names(), ["new.example"])
        # Who is connected stays so.
        query = nameplane.query_bytes("a.example", "A")
        open_before.sendall(struct.pack("!H", len(query)) + query)
        self.assertEqual(nameplane.read_tcp(open_before).rcode, "NOERROR")
        self.assertGreaterEqual(
            self.metric('nameplane_tls_certificates_read_total{result="done"}'), 1)

    def test_broken_files_keep_the_old_ones(self):
        self.serve()
        self.wanted = "dns.example"
        self.write("cert.pem", "nonsense")
        self.agent.wait_for(r" tls\.certificate_unreadable .*cert\.pem")
        self.assertEqual(self.names(), ["dns.example"])
        self.agent.process.send_signal(signal.SIGUSR1)
        self.agent.wait_for(r" reload\.refused\b")
        self.assertEqual(self.names(), ["dns.example"])
        self.pki.issue("new.example")
        self.agent.wait_for(r" tls\.certificate_read\b")
        self.wanted = "new.example"
        self.assertEqual(self.names(), ["new.example"])

    def test_a_reload_brings_other_files(self):
        self.serve()
        self.pki.issue("other.example", "other-")
        text = (COREFILE % ("", self.folder, "")).replace("cert.pem key", "other-cert.pem other-key")
        self.write("Corefile", text)
        self.agent.process.send_signal(signal.SIGUSR1)
        self.agent.wait_for(r" reload\.done\b")
        self.wanted = "other.example"
        self.assertEqual(self.names(), ["other.example"])

    def test_files_that_cannot_be_read_are_named(self):
        corefile = self.write("Corefile", COREFILE % ("", self.folder, ""))
        os.rename(os.path.join(self.folder, "key.pem"), os.path.join(self.folder, "away"))
        code, _, said = self.run_command("check", corefile)
        self.assertEqual(code, 2)
        self.assertRegex(said, r"Corefile:2: tls: key .*key\.pem: ")
        self.agent = self.start("-conf", corefile)
        self.assertEqual(self.agent.end(), 2)

    def test_secrets_are_logged_where_asked(self):
        self.serve(tls=" {\n        keylog keys\n    }")
        self.agent.wait_for(r" tls\.keylog\b", seen=True)
        self.kdig("tls", "a.example")
        with open(os.path.join(self.folder, "keys"), encoding="ascii") as file:
            self.assertIn("CLIENT_TRAFFIC_SECRET_0", file.read())
        self.assertEqual(os.stat(os.path.join(self.folder, "keys")).st_mode & 0o777, 0o600)


class Times(EncryptedTest):
    def connect(self, port):
        if port == "tls":
            return self.secure()
        stream = self.agent.connect()
        self.addCleanup(stream.close)
        return stream

    def test_timeouts_hold_for_each_way(self):
        self.serve("timeouts {\n read 1\n idle 2s\n }")
        query = nameplane.query_bytes("a.example", "A")
        for port in ("dns", "tls"):
            began = time.monotonic()
            silent = self.connect(port)
            self.assertEqual(silent.recv(1), b"", port)
            self.assertGreater(time.monotonic() - began, 0.9)
            asking = self.connect(port)
            began = time.monotonic()  # not after the answer: we may be late to see it
            asking.sendall(struct.pack("!H", len(query)) + query)
            nameplane.read_tcp(asking)
            self.assertEqual(asking.recv(1), b"", port)
            self.assertGreater(time.monotonic() - began, 1.8)

    def test_a_reload_changes_them(self):
        self.serve("timeouts {\n maxtcpqueries 1\n }")
        query = nameplane.query_bytes("a.example", "A")
        frame = struct.pack("!H", len(query)) + query
        first = self.secure()
        first.sendall(frame)
        nameplane.read_tcp(first)
        self.assertEqual(first.recv(1), b"")
        self.write("Corefile", COREFILE % ("", self.folder, "timeouts {\n maxtcpqueries -1\n }"))
        self.agent.process.send_signal(signal.SIGUSR1)
        self.agent.wait_for(r" reload\.done\b")
        second = self.secure()
        for _ in range(5):
            second.sendall(frame)
            self.assertEqual(nameplane.read_tcp(second).rcode, "NOERROR")


class Pages(nameplane.AgentTest):
    def test_pages_have_an_address_for_each_block_that_names_one(self):
        corefile = self.write("Corefile", """
a.example:0 {
    whoami
    health 127.0.0.1:0
    prometheus 127.0.0.2:0
}
b.example:0 {
    whoami
    health 127.0.0.3:0
    prometheus 127.0.0.1:0
}
""")
        agent = self.start("-conf", corefile).started()
        with open(agent.port_file, encoding="ascii") as file:
            ports = re.findall(r"^(\w+) (\d+)$", file.read(), re.M)
        health = [port for name, port in ports if name == "health"]
        metrics = [port for name, port in ports if name == "metrics"]
        for page, address, port in (("health", "127.0.0.1", health[0]), ("health", "127.0.0.3", health[1]),
                                    ("metrics", "127.0.0.2", metrics[0]),
                                    ("metrics", "127.0.0.1", metrics[1])):
            done = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                       "http://%s:%s/%s" % (address, port, page), text=True)
            self.assertEqual(done.stdout, "200", (page, address))


if __name__ == "__main__":
    unittest.main()
