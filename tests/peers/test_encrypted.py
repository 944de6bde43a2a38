"""CoreDNS and Nameplane over TLS and HTTPS: the same answers inside, and the same HTTP around them."""

import base64
import http.client
import pathlib
import socket
import ssl
import struct
import tempfile

import peer_test  # finds the folders of the others
import asking
import cluster_test
import compare
import control_plane
import known
import servers
from wire import Edns, Question, TYPES, labels

COREFILE = """\
. {
    ready {$READY}
    whoami
}
tls://.:%(tls)d https://.:%(https)d {
    tls cert.pem key.pem
    root %(folder)s
    errors
    hosts {
        192.0.2.1 www.example.test
        192.0.2.2 www.example.test
        2001:db8::1 www.example.test
        ttl 30
        fallthrough
    }
    template IN TXT text.test {
        answer "{{ .Name }} 77 IN TXT \\"text\\""
    }
    template ANY ANY test {
        rcode NXDOMAIN
        authority "test. 60 IN SOA ns.test. root.test. 1 60 60 60 60"
    }
}
"""
NAMES = ("www.example.test", "WWW.Example.Test", "text.test", "gone.test", "1.2.0.192.in-addr.arpa", "",
         "example.org")


def questions():
    return [Question(labels(name), TYPES[kind], tcp=True, edns=edns) for name in NAMES
            for kind in ("A", "AAAA", "TXT", "SOA", "PTR", "ANY")
            for edns in (None, Edns())]


class Encrypted(peer_test.PeerTest):
    def setUp(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        servers.certificate(folder)
        self.context = ssl.create_default_context(cafile=folder / "cert.pem")
        self.pair = []
        for kind in (servers.Nameplane, servers.CoreDns):
            ports = {name: control_plane.free_port() for name in ("tls", "https")}
            server = kind(pathlib.Path(tempfile.mkdtemp()),
                          COREFILE % {**ports, "folder": folder})
            server.ports = ports
            self.addCleanup(server.kill)
            server.start(wait=False)
            self.pair.append(server)
        for server in self.pair:
            server.wait()

    def over_tls(self, server, asked):
        answers = []
        with socket.create_connection(("127.0.0.1", server.ports["tls"]), timeout=60) as plain, \
                self.context.wrap_socket(plain, server_hostname="dns.example") as stream:
            for (number, question) in enumerate(asked):
                message = question.octets(number)
                stream.sendall(struct.pack("!H", len(message)) + message)
                (size,) = struct.unpack("!H", asking.read_exactly(stream, 2))
                answers.append(asking.parse(asking.read_exactly(stream, size)))
        return answers

    def request(self, connection, method, target, body=None, headers=()):
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        return (response.status, response.getheader("content-type"),
                response.getheader("cache-control"), response.read())

    def connect(self, server):
        connection = http.client.HTTPSConnection("127.0.0.1", server.ports["https"], timeout=60,
                                                 context=self.context)
        connection.sock = self.context.wrap_socket(
            socket.create_connection(("127.0.0.1", server.ports["https"]), timeout=60),
            server_hostname="dns.example")
        self.addCleanup(connection.close)
        return connection

    def over_https(self, server, asked):
        connection = self.connect(server)
        answers = []
        for (number, question) in enumerate(asked):
            message = question.octets(number)
            if number % 2:
                got = self.request(connection, "POST", "/dns-query", message,
                                   {"Content-Type": "application/dns-message"})
            else:
                encoded = base64.urlsafe_b64encode(message).decode("ascii").rstrip("=")
                got = self.request(connection, "GET", "/dns-query?dns=" + encoded)
            answers.append((got[:3], asking.parse(got[3])))
        return answers

    def check(self, question, own, other):
        (used, left) = known.explain(known.Case(question, own, other, (), None),
                                     compare.differing(own, other))
        self.used.update(used)
        type(self).compared += 1
        self.assertFalse(left, "%s: %s\nours: %s\ntheirs: %s" % (question, left, own, other))

    def test_answers_over_tls(self):
        asked = questions()
        for (question, own, other) in zip(asked, *(self.over_tls(server, asked) for server in self.pair)):
            self.check(question, own, other)

    def test_answers_over_https(self):
        asked = questions()
        for (question, own, other) in zip(asked, *(self.over_https(server, asked)
                                                   for server in self.pair)):
            self.assertEqual(own[0], other[0], str(question))
            self.check(question, own[1], other[1])

    def test_what_is_no_query(self):
        message = Question(labels("www.example.test")).octets(0)
        encoded = base64.urlsafe_b64encode(message).decode("ascii").rstrip("=")
        for (method, target, body) in (
                ("GET", "/", None), ("GET", "/dns-query", None), ("GET", "/dns-query/", None),
                ("GET", "/dns-query?dns=", None), ("GET", "/dns-query?dns=%s==" % encoded, None),
                ("GET", "/dns-query?dns=%s&dns=%s" % (encoded, encoded), None),
                ("GET", "/dns-query?a=b&dns=" + encoded, None), ("GET", "/dns-query?dns=!", None),
                ("HEAD", "/dns-query?dns=" + encoded, None), ("PUT", "/dns-query", message),
                ("POST", "/dns-query", b""), ("POST", "/dns-query", message[:11]),
                ("POST", "/dns-query", message[:20]), ("POST", "/elsewhere", message),
                ("POST", "/dns-query?x", message),
                ("POST", "/dns-query", message[:2] + b"\x81" + message[3:]),
                ("POST", "/dns-query", message[:2] + b"\x29" + message[3:])):
            (own, other) = (self.request(self.connect(server), method, target, body)
                            for server in self.pair)
            # How names of an answer are compressed is nobody's concern.
            end = 3 if own[0] == 200 else 4
            self.assertEqual(own[:end], other[:end], (method, target, body))


if __name__ == "__main__":
    peer_test.main(cluster=False)
