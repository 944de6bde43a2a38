#!/usr/bin/env python3
"""Certificates by ACME, from Pebble: its server sees our challenges through our own DNS."""

import os
import time
import unittest

import nameplane
from pebble import Pebble, await_serial, serial_proved
from pki import Pki

COREFILE = """
.:%(dns)d {
    whoami
    prometheus 127.0.0.1:0
}
tls://.:0 {
    tls {
        acme %(domains)s
        email hostmaster@example.org
        ca https://localhost:%(acme)d/dir
        ca_root %(root)s
        storage %(storage)s
    }
    whoami
}
"""


class AcmeTest(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.pki = Pki(self.folder)
        self.storage = os.path.join(self.folder, "kept", "acme")
        (self.dns, self.acme) = (nameplane.free_port(), nameplane.free_port())

    def pebble(self, dns_port=None):
        pebble = Pebble(self.pki, dns_port or self.dns, self.acme)
        self.addCleanup(pebble.kill)
        return pebble

    def serve(self, domains="dns.example *.wild.example"):
        corefile = self.write("Corefile", COREFILE % {
            "dns": self.dns, "domains": domains, "acme": self.acme, "root": self.pki.ca,
            "storage": self.storage})
        return self.start("-conf", corefile)

    def serial(self, agent, name, root):
        return serial_proved(agent.ports["tls"], name, root)

    def site(self, domain):
        return os.path.join(self.storage, "certificates", "localhost-%d-dir" % self.acme, domain)

    def metric(self, agent, name):
        return sum(float(line.rsplit(" ", 1)[1])
                   for line in agent.get("metrics")[1].splitlines() if line.startswith(name))

    def test_certificates_are_got_and_kept(self):
        pebble = self.pebble()
        agent = self.serve().started()
        self.await_proof(agent, "dns.example", pebble.root)
        self.await_proof(agent, "any.wild.example", pebble.root)
        for other in ("other.example", "wild.example", "a.b.wild.example"):
            self.assertIsNone(self.serial(agent, other, pebble.root), other)
        # Nothing of the challenges is left, and whoever asks for no name gets the first one's.
        self.assertEqual(self.serial(agent, None, pebble.root),
                         self.serial(agent, "dns.example", pebble.root))
        self.assertEqual(agent.udp("_acme-challenge.dns.example", "TXT").data("TXT"), [])
        # A certificate is served when its files are seen, and counted when the order is over.
        nameplane.await_true("two orders are done", lambda: self.metric(
            agent, 'nameplane_acme_orders_total{result="done"}') == 2)
        nameplane.await_true("both ends are told", lambda: self.metric(
            agent, "nameplane_acme_certificate_end_timestamp_seconds{domain=") > 2 * time.time())
        for path in (os.path.join(self.site("dns.example"), "dns.example.key"),
                     os.path.join(self.site("wildcard_.wild.example"), "wildcard_.wild.example.key"),
                     os.path.join(self.storage, "acme", "localhost-%d-dir" % self.acme, "users",
                                  "hostmaster@example.org", "hostmaster.key")):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600, path)
        serial = self.serial(agent, "dns.example", pebble.root)
        self.assertEqual(agent.stop(), 0)

        # What is kept needs no server.
        pebble.kill()
        agent = self.serve().started()
        self.assertEqual(self.serial(agent, "dns.example", pebble.root), serial)
        self.assertEqual(self.metric(agent, "nameplane_acme_orders_total"), 0)
        self.assertEqual(agent.stop(), 0)

    def await_proof(self, agent, name, root):
        return await_serial(agent.ports["tls"], name, root)

    def test_what_does_not_fit_is_replaced(self):
        pebble = self.pebble()
        os.makedirs(self.site("dns.example"))
        self.pki.issue("other.example")
        for (made, kept) in (("cert.pem", "dns.example.crt"), ("key.pem", "dns.example.key")):
            os.rename(os.path.join(self.folder, made),
                      os.path.join(self.site("dns.example"), kept))
        agent = self.serve("dns.example").started()
        agent.wait_for(r"tls\.certificate_read", seen=True)
        self.assertIsNotNone(self.serial(agent, "dns.example", pebble.root))

    def test_failures_say_why(self):
        elsewhere = self.start("-conf", self.write("Other", ".:0 {\n whoami\n}\n")).started()
        self.pebble(dns_port=elsewhere.ports["dns"])
        agent = self.serve("dns.example").started()
        line = agent.wait_for(r"acme\.failed", seen=True)
        self.assertRegex(line, r"domain=dns\.example .*did not find its challenge at "
                               r"_acme-challenge\.dns\.example")
        self.assertEqual(agent.udp("a.example").rcode, "NOERROR")
        self.assertEqual(self.metric(agent, 'nameplane_acme_orders_total{result="failed"}'), 1)
        self.assertEqual(agent.stop(), 0)

    def test_without_a_server_names_are_answered(self):
        agent = self.serve("dns.example").started()
        line = agent.wait_for(r"acme\.failed", seen=True)
        self.assertRegex(line, r"localhost:%d/dir: .*[Cc]onnect.* again_in_s=(6|7)\d$" % self.acme)
        self.assertEqual(agent.udp("a.example").rcode, "NOERROR")
        self.assertEqual(agent.stop(), 0)

    def test_mistakes_are_refused(self):
        missing = os.path.join(self.folder, "missing.pem")
        for (options, complaint) in (
                ("acme 192.0.2.1", "acme: '192.0.2.1', expected a domain"),
                ("email a@example.org", "certificate: missing, expected CERT and KEY, or acme"),
                ("acme a.example\nca ftp://a", "ca: 'ftp://a', expected a URL"),
                ("acme a.example\nresolver 192.0.2.1", "resolver: '192.0.2.1', expected HOST:PORT"),
                ("acme a.example\nkeylog file", "keylog: not expected with acme"),
                ("acme a.example\nca_root " + missing, "ca_root %s: cannot be read" % missing)):
            corefile = self.write("Corefile", "tls://.:0 {\ntls {\n%s\n}\nwhoami\n}\n" % options)
            (code, _, complaints) = self.run_command("check", corefile)
            self.assertEqual(code, 2, options)
            self.assertIn(complaint, complaints)


if __name__ == "__main__":
    unittest.main()
