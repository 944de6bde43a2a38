#!/usr/bin/env python3
"""TSIG and zone transfers out, with dig, kdig and Knot on the other side."""

import json
import os
import re
import socket
import struct
import subprocess
import time

import nameplane

SECRET = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
OTHER = "Zm9vYmFyIHF1dXggZm9vYmFyIHF1dXg="
KEY = "hmac-sha256:some.key.:" + SECRET

CLUSTER = """
apiVersion: v1
kind: Namespace
metadata: { name: demo }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: demo }
spec:
  clusterIP: 10.96.0.7
  clusterIPs: [10.96.0.7, "fd00::7"]
  ports: [{ name: http, port: 80 }, { name: dns, port: 53, protocol: UDP }]
---
apiVersion: v1
kind: Service
metadata: { name: plain, namespace: demo }
spec:
  clusterIP: 10.96.0.8
  ports: [{ port: 443 }]
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: demo }
spec:
  clusterIP: None
  ports: [{ name: sql, port: 5432 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: db-1
  namespace: demo
  labels: { kubernetes.io/service-name: db }
addressType: IPv4
ports: [{ name: sql, port: 5432 }, { name: "", port: 9 }]
endpoints:
  - { addresses: [10.244.1.20], hostname: db-0 }
  - { addresses: [10.244.1.21] }
  - { addresses: [10.244.1.22], conditions: { ready: false } }
---
apiVersion: v1
kind: Service
metadata: { name: docs, namespace: demo }
spec: { type: ExternalName, externalName: docs.example.org }
---
apiVersion: v1
kind: Service
metadata: { name: number, namespace: demo }
spec: { type: ExternalName, externalName: 192.0.2.1 }
"""
# Behind the SOA and the NS, whose addresses are this machine's.
RECORDS = [
    "_dns._udp.web.demo.svc.cluster.local. 5 IN SRV 0 100 53 web.demo.svc.cluster.local.",
    "_http._tcp.web.demo.svc.cluster.local. 5 IN SRV 0 100 80 web.demo.svc.cluster.local.",
    "_sql._tcp.db.demo.svc.cluster.local. 5 IN SRV 0 50 5432 "
    "10-244-1-21.db.demo.svc.cluster.local.",
    "_sql._tcp.db.demo.svc.cluster.local. 5 IN SRV 0 50 5432 db-0.db.demo.svc.cluster.local.",
    "10-244-1-21.db.demo.svc.cluster.local. 5 IN A 10.244.1.21",
    "db-0.db.demo.svc.cluster.local. 5 IN A 10.244.1.20",
    "db.demo.svc.cluster.local. 5 IN A 10.244.1.20",
    "db.demo.svc.cluster.local. 5 IN A 10.244.1.21",
    "docs.demo.svc.cluster.local. 5 IN CNAME docs.example.org.",
    "plain.demo.svc.cluster.local. 5 IN A 10.96.0.8",
    "plain.demo.svc.cluster.local. 5 IN SRV 0 100 443 plain.demo.svc.cluster.local.",
    "web.demo.svc.cluster.local. 5 IN A 10.96.0.7",
    "web.demo.svc.cluster.local. 5 IN AAAA fd00::7",
    "web.demo.svc.cluster.local. 5 IN SRV 0 100 53 web.demo.svc.cluster.local.",
    "web.demo.svc.cluster.local. 5 IN SRV 0 100 80 web.demo.svc.cluster.local.",
]
COREFILE = """
cluster.local {
    log
    prometheus 127.0.0.1:0
    errors
    %s
    kubernetes
}
"""
TSIG = "tsig {\n secret some.key. %s\n require AXFR IXFR\n }\n" % SECRET


def records_of(text):
    """The lines of a transfer with single blanks."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(";")]


def dig(agent, *arguments):
    command = ["dig", "@127.0.0.1", "-p", str(agent.ports["dns"]), "+tries=1",
               "+time=%d" % (nameplane.WAIT_S // 2),
               "+nocookie", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=nameplane.WAIT_S)
    return done.stdout + done.stderr


def axfr_query(zone, kind=252):
    wire = nameplane.query_bytes(zone, "A")
    return wire[:-4] + struct.pack("!2H", kind, 1)


def rss_octets(process):
    with open("/proc/%d/statm" % process.pid, encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class TransferTest(nameplane.AgentTest):
    def serve(self, options, cluster=CLUSTER):
        self.manifest("cluster.yaml", cluster)
        agent = self.start("-conf", self.write("Corefile", COREFILE % options))
        agent.started()
        agent.wait_for(r" agent\.ready\b", seen=True)
        return agent

    def assert_whole(self, lines):
        self.assertRegex(lines[0], r"^cluster\.local\. 5 IN SOA ns\.dns\.cluster\.local\. ")
        self.assertEqual(lines[0], lines[-1])
        inside = [line for line in lines[1:-1] if ".svc." in line]
        self.assertEqual(sorted(inside), sorted(RECORDS))
        for line in lines[1:-1]:
            if ".svc." not in line:
                self.assertRegex(line, r"IN (NS ns\.dns\.cluster\.local\.|A |AAAA )")


class Outwards(TransferTest):
    def test_a_cluster_is_transferred_whole(self):
        agent = self.serve("transfer {\n to *\n }")
        lines = records_of(dig(agent, "cluster.local", "AXFR"))
        self.assert_whole(lines)
        # Again, and with upper case and EDNS: in the same order.
        self.assertEqual(records_of(dig(agent, "cluster.local", "AXFR", "+edns")), lines)
        serial = lines[0].split()[6]
        self.assertEqual(records_of(dig(agent, "cluster.local", "IXFR=" + serial)), lines[:1])
        newer = str(int(serial) + 1)
        self.assertEqual(records_of(dig(agent, "cluster.local", "IXFR=" + newer)), lines[:1])
        self.assertEqual(records_of(dig(agent, "cluster.local", "IXFR=1")), lines)
        # A transfer is over for us when its end has been sent, and for who reads it a moment before.
        body = agent.await_page("metrics", 'nameplane_transfer_requests_total{result="whole"} 3',
                                'nameplane_transfer_requests_total{result="up_to_date"} 2')
        self.assertRegex(body, r'coredns_dns_requests_total\{[^}]*type="AXFR"[^}]*\} 2')

    def test_who_may_not_have_it_is_refused(self):
        agent = self.serve("transfer {\n to 192.0.2.1 [2001:db8::1]:5353\n }")
        self.assertIn("Transfer failed", dig(agent, "cluster.local", "AXFR"))
        agent = self.serve("transfer example.org {\n to *\n }")
        self.assertIn("Transfer failed", dig(agent, "cluster.local", "AXFR"))
        agent = self.serve("transfer {\n to *\n }")
        for name, kind in (("svc.cluster.local", 252), ("cluster.local", 252),
                           ("cluster.local", 251)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(nameplane.WAIT_S)
                client.sendto(axfr_query(name, kind), ("127.0.0.1", agent.ports["dns"]))
                self.assertEqual(nameplane.Reply(client.recv(65535)).rcode, "REFUSED")
        self.assertIn("Transfer failed", dig(agent, "svc.cluster.local", "AXFR"))
        with agent.connect() as client:  # IXFR without a SOA
            query = axfr_query("cluster.local", 251)
            client.sendall(struct.pack("!H", len(query)) + query)
            self.assertEqual(nameplane.read_tcp(client).rcode, "SERVFAIL")
        agent = self.serve("acl {\n block type AXFR net 127.0.0.0/8\n }\n transfer {\n to *\n }")
        self.assertIn("Transfer failed", dig(agent, "cluster.local", "AXFR"))

    def test_a_notify_for_a_zone_of_ours_is_not_for_us(self):
        agent = self.serve("transfer {\n to *\n }")
        wire = bytearray(nameplane.query_bytes("cluster.local", "SOA"))
        wire[2:4] = b"\x24\x00"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(nameplane.WAIT_S)
            client.sendto(wire, ("127.0.0.1", agent.ports["dns"]))
            self.assertEqual(nameplane.Reply(client.recv(65535)).rcode, "NOTIMP")

    def test_other_questions_on_a_connection_wait_for_the_transfer(self):
        agent = self.serve("transfer {\n to *\n }")
        with agent.connect() as client:
            queries = b""
            for query in (axfr_query("cluster.local"),
                          nameplane.query_bytes("web.demo.svc.cluster.local", "A", 1),
                          axfr_query("cluster.local"),
                          nameplane.query_bytes("plain.demo.svc.cluster.local", "A", 2)):
                queries += struct.pack("!H", len(query)) + query
            client.sendall(queries)
            client.shutdown(socket.SHUT_WR)
            replies = [nameplane.read_tcp(client) for _ in range(4)]
            self.assertEqual([reply.qname for reply in replies],
                             ["cluster.local.", "web.demo.svc.cluster.local.", "cluster.local.",
                              "plain.demo.svc.cluster.local."])
            self.assertEqual([len(reply.answer) for reply in replies][1::2], [1, 1])
            self.assertGreater(len(replies[0].answer), 15)
            self.assertTrue(replies[0].aa)
            self.assertEqual(client.recv(1), b"")


class Signed(TransferTest):
    def test_questions_and_transfers_are_signed(self):
        agent = self.serve(TSIG + "transfer {\n to *\n }")
        plain = dig(agent, "cluster.local", "AXFR")
        self.assertIn("Transfer failed", plain)
        out = dig(agent, "-y", KEY, "cluster.local", "AXFR")
        self.assert_whole([line for line in records_of(out) if " TSIG " not in line])
        self.assertNotIn("could not be verified", out)
        for algorithm in ("hmac-sha1", "hmac-sha224", "hmac-sha384", "hmac-sha512"):
            for more in ((), ("+tcp",)):
                out = dig(agent, "-y", "%s:some.key.:%s" % (algorithm, SECRET), *more,
                          "web.demo.svc.cluster.local", "A")
                self.assertIn("10.96.0.7", out)
                self.assertIn("%s." % algorithm, out)
                self.assertNotIn("verif", out)
        self.assertIn("10.96.0.7", dig(agent, "web.demo.svc.cluster.local", "A"))

    def test_wrong_signatures_are_told_apart(self):
        agent = self.serve(TSIG + "transfer {\n to *\n }")
        out = dig(agent, "-y", "hmac-sha256:some.key.:" + OTHER, "web.demo.svc.cluster.local", "A")
        self.assertRegex(out, r"NOTAUTH[\s\S]* BADSIG ")
        out = dig(agent, "-y", "hmac-sha256:other.key.:" + SECRET, "web.demo.svc.cluster.local",
                  "A")
        self.assertRegex(out, r"NOTAUTH[\s\S]* BADKEY ")
        out = dig(agent, "-y", "hmac-sha256:some.key.:" + OTHER, "cluster.local", "AXFR")
        self.assertIn("Transfer failed", out)

    def test_a_chain_of_messages_is_signed(self):
        agent = self.serve(TSIG + "transfer {\n to *\n }", cluster=many_services(3000))
        out = subprocess.run(
            ["kdig", "@127.0.0.1", "-p", str(agent.ports["dns"]), "-y", KEY,
             "+timeout=%d" % (nameplane.WAIT_S // 2), "+retry=0", "cluster.local", "AXFR"],
            capture_output=True, text=True, check=False, timeout=nameplane.WAIT_S)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertNotIn("TSIG verification failed", out.stdout + out.stderr)
        lines = [line for line in records_of(out.stdout) if " A " in line]
        self.assertEqual(sum(".svc." in line for line in lines), 3000)
        self.assertGreater(int(re.search(r"\((\d+) messages", out.stdout).group(1)), 10)
        # BIND's tool checks each message's signature, too.
        out = dig(agent, "-y", KEY, "cluster.local", "AXFR")
        self.assertFalse("Transfer failed" in out or "verify" in out)


def many_services(count):
    items = [{"apiVersion": "v1", "kind": "Service",
              "metadata": {"name": "service-%05d" % i, "namespace": "many"},
              "spec": {"clusterIP": "10.%d.%d.%d" % (100 + i // 62500, i // 250 % 250, i % 250 + 1),
                       "ports": [{"name": "http", "port": 80}]}} for i in range(count)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


class Encrypted(TransferTest):
    BLOCK = """cluster.local:0, tls://cluster.local:0, https://cluster.local:0 {
    tls cert.pem key.pem
    root %s
    prometheus 127.0.0.1:0
    %s
    kubernetes
}
"""

    def serve_all(self, cluster=CLUSTER):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
                        "-keyout", os.path.join(self.folder, "key.pem"),
                        "-out", os.path.join(self.folder, "cert.pem")], check=True,
                       capture_output=True)
        self.manifest("cluster.yaml", cluster)
        options = "tsig {\n secret some.key. %s\n }\n transfer {\n to *\n }" % SECRET
        agent = self.start("-conf", self.write("Corefile", self.BLOCK % (self.folder, options)))
        agent.started()
        agent.wait_for(r" agent\.ready\b", seen=True)
        return agent

    @staticmethod
    def kdig(agent, way, *arguments):
        done = subprocess.run(
            ["kdig", "@127.0.0.1", "-p", str(agent.ports[way]), "+" + way, "+timeout=%d" % (nameplane.WAIT_S // 2),
             "+retry=0",
             *arguments], capture_output=True, text=True, check=False, timeout=nameplane.WAIT_S)
        return done.stdout + done.stderr

    def test_by_tls_as_by_tcp(self):
        agent = self.serve_all(many_services(2000))
        lines = records_of(dig(agent, "cluster.local", "AXFR"))
        self.assertGreater(len(lines), 4000)
        serial = lines[0].split()[6]
        for key in ((), ("-y", KEY)):
            out = self.kdig(agent, "tls", *key, "cluster.local", "AXFR")
            self.assertIn("TLS1.3", self.kdig(agent, "tls", "cluster.local", "SOA"))
            self.assertNotIn("verification failed", out)
            got = [line for line in records_of(out) if " TSIG " not in line]
            self.assertEqual(got, lines)
            self.assertGreater(int(re.search(r"\((\d+) messages", out).group(1)), 5)
            out = self.kdig(agent, "tls", *key, "cluster.local", "IXFR=" + serial)
            got = [line for line in records_of(out) if " TSIG " not in line]
            self.assertEqual(got, lines[:1])

    def test_by_https_if_one_message_holds_it(self):
        agent = self.serve_all()
        lines = records_of(dig(agent, "cluster.local", "AXFR"))
        for key in ((), ("-y", KEY)):
            for kind in ("AXFR", "IXFR=1"):
                out = self.kdig(agent, "https", *key, "cluster.local", kind)
                self.assertNotIn("verification failed", out)
                self.assertEqual([line for line in records_of(out) if " TSIG " not in line], lines)
        # What is several messages over TCP may be one that is larger.
        middle = self.serve_all(many_services(200))
        lines = records_of(dig(middle, "cluster.local", "AXFR"))
        for key in ((), ("-y", KEY)):
            out = self.kdig(middle, "https", *key, "cluster.local", "AXFR")
            self.assertNotIn("verification failed", out)
            self.assertEqual([line for line in records_of(out) if " TSIG " not in line], lines)
        self.assertGreater(int(re.search(r"Received (\d+) B", out).group(1)), 16 << 10)
        counted = 'coredns_dns_https_responses_total{server="https://127.0.0.1:0",status="%s"} %d'
        agent.await_page("metrics", counted % (200, 4), counted % (500, 0))
        large = self.serve_all(many_services(2000))
        for key in ((), ("-y", KEY)):
            out = self.kdig(large, "https", *key, "cluster.local", "AXFR")
            self.assertIn("REFUSED", out)
            self.assertNotIn("verification failed", out)
        body = large.await_page("metrics", counted % (200, 2))
        self.assertRegex(body, r'coredns_dns_responses_total\{server="https://127\.0\.0\.1:0",[^}]*'
                               r'rcode="REFUSED"[^}]*\} 2')
        # Whoever asks for it and goes away leaves nothing behind.
        self.assertEqual(large.stop(), 0)


class Large(TransferTest):
    def test_ten_thousand_services_stall_nobody_and_fill_no_memory(self):
        # Who reads nothing is not sent away while the others ask, however long that takes.
        agent = self.serve("timeouts {\n write 10m\n }\n transfer {\n to *\n }",
                           cluster=many_services(10_000))
        out = dig(agent, "cluster.local", "AXFR")
        self.assertEqual(sum(" A " in line and ".svc." in line for line in records_of(out)), 10_000)
        agent.udp("service-00001.many.svc.cluster.local")
        before = rss_octets(agent.process)
        slow = []
        try:
            # They ask, and read nothing: the kernel's buffers fill, ours must not.
            for _ in range(32):
                client = socket.socket()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                client.settimeout(nameplane.WAIT_S)
                client.connect(("127.0.0.1", agent.ports["dns"]))
                query = axfr_query("cluster.local")
                client.sendall(struct.pack("!H", len(query)) + query)
                slow.append(client)
            times = []
            for i in range(300):
                began = time.monotonic()
                reply = agent.udp("service-%05d.many.svc.cluster.local" % i)
                times.append(time.monotonic() - began)
                self.assertEqual(reply.rcode, "NOERROR")
            # Not the worst of them, and with room: that is what else the machine does.
            self.assertLess(sorted(times)[len(times) // 2], 5)
            self.assertLess(rss_octets(agent.process) - before, 32 << 20)
            # One of them comes to life: it gets everything.
            with slow.pop() as client:
                count = 0
                last = None
                while True:
                    reply = nameplane.read_tcp(client)
                    count += len(reply.answer)
                    last = reply.answer[-1]
                    if last[1] == "SOA" and count > 1:
                        break
                self.assertGreater(count, 30_000)
        finally:
            for client in slow:
                client.close()
        agent.await_page("metrics", 'nameplane_transfer_requests_total{result="whole"} ')


class Knot(TransferTest):
    def test_knot_is_a_secondary_of_the_cluster(self):
        agent = self.serve(TSIG + "transfer {\n to 127.0.0.1\n }")
        port = nameplane.free_port()
        config = self.write("knot.conf", f"""
server:
    rundir: {self.folder}
    listen: 127.0.0.1@{port}
database:
    storage: {self.folder}
log:
  - target: stderr
    any: info
key:
  - id: some.key.
    algorithm: hmac-sha256
    secret: {SECRET}
remote:
  - id: us
    address: 127.0.0.1@{agent.ports['dns']}
    key: some.key.
zone:
  - domain: cluster.local
    master: us
    storage: {self.folder}
""")
        # It may take a while, and tries again by itself.
        knot = nameplane.Server(["knotd", "-c", config])
        self.addCleanup(knot.kill)
        knot.wait_for(r"cluster\.local.*(AXFR|refresh).*(finished|updated)")


        # What it has fetched it uses a moment later.
        def answers():
            out = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), "+tcp",
                                  "_sql._tcp.db.demo.svc.cluster.local", "SRV", "+short"],
                                 capture_output=True, text=True, check=False)
            return sorted(out.stdout.split("\n"))[1:] == [
                "0 50 5432 10-244-1-21.db.demo.svc.cluster.local.",
                "0 50 5432 db-0.db.demo.svc.cluster.local."]
        nameplane.await_true("Knot answers from the zone", answers)


class FromFile(nameplane.AgentTest):
    ZONE = """$ORIGIN example.
$TTL 300
@ SOA ns hostmaster %d 3600 600 86400 30
@ NS ns
ns A 192.0.2.53
www A 192.0.2.%d
"""

    def test_nsd_is_told_of_changes_and_fetches_them(self):
        zone_file = self.write("example.zone", self.ZONE % (1, 1))
        port = nameplane.free_port()
        agent = self.start("-conf", self.write("Corefile", """
example {
    prometheus 127.0.0.1:0
    transfer {
        to 127.0.0.1:%d
    }
    file %s {
        reload 1s
    }
}
""" % (port, zone_file)))
        agent.started()
        folder = os.path.join(self.folder, "nsd")
        os.mkdir(folder)
        config = self.write("nsd.conf", nameplane.nsd_config(folder, port, "  verbosity: 2", f"""
  allow-notify: 127.0.0.0/8 NOKEY
  request-xfr: AXFR 127.0.0.1@{agent.ports['dns']} NOKEY"""))
        nsd = nameplane.Server(["nsd", "-d", "-c", config])
        self.addCleanup(nsd.kill)
        nsd.wait_for(r"zone example.*(serial 1|1 is newer|updated|committed)")
        self.write("example.zone", self.ZONE % (2, 2))
        # Its own refresh would come in an hour.
        nsd.wait_for(r"zone example.*\b2\b")
        def is_new():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(2)
                client.sendto(nameplane.query_bytes("www.example", "A"), ("127.0.0.1", port))
                try:
                    return nameplane.Reply(client.recv(512)).data("A") == ["192.0.2.2"]
                except TimeoutError:  # NSD loses what comes while it takes the new zone into use
                    return False
        nameplane.await_true("NSD answers from the new zone", is_new)
        agent.await_page("metrics", 'nameplane_transfer_notifies_total{result="accepted"}')


if __name__ == "__main__":
    nameplane.unittest.main()
