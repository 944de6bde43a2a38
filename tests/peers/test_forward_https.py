"""CoreDNS and Nameplane asked alike, in front of servers of DNS over HTTPS: of one another and of
themselves, by POST and GET, by address and by name."""

import pathlib
import re
import subprocess
import tempfile

import peer_test  # finds the folders of the others
import cluster_test
import control_plane
import servers
import test_plugins
import upstream
from cluster_test import await_true
from wire import Question, TYPES, labels

COUNT = 60 if cluster_test.IS_SHORT else 250
# What the upstream is asked for by those that look it up.
HOST = "dns." + upstream.ZONE
FRONT = """\
. {
    ready {$READY}
    whoami
}
https://.:%(https)d {
    tls cert.pem key.pem
    root %(folder)s
    forward . 127.0.0.1:%(upstream)d
}
"""


def folder():
    return pathlib.Path(tempfile.mkdtemp())


class ForwardHttps(peer_test.PeerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = folder()
        servers.certificate(cls.folder)

    def setUp(self):
        self.upstream = upstream.Upstream(
            folder(), records=upstream.RECORDS + upstream.MANY + "dns 300 A 127.0.0.1\n")
        self.addCleanup(self.upstream.kill)
        self.upstream.start()

    def front(self, kind):
        """A server of DNS over HTTPS in front of the upstream; its port."""
        port = control_plane.free_port()
        server = kind(folder(), FRONT % {"https": port, "folder": self.folder,
                                         "upstream": self.upstream.port})
        self.addCleanup(server.kill)
        server.start(wait=False)
        server.wait()
        return port

    def forward(self, to, *more):
        return servers.block(["."], ("forward . " + to, [
            "tls %s" % (self.folder / "cert.pem"), "tls_servername dns.example", *more]),
            "prometheus {$METRICS}")

    def check(self, to, seed, *more):
        pair = self.pair(self.forward(to, *more))
        self.compare(pair, test_plugins.generate(seed, COUNT)[:COUNT], ["forward"])
        return pair

    def test_in_front_of_each_other(self):
        for (seed, kind) in enumerate((servers.CoreDns, servers.Nameplane)):
            port = self.front(kind)
            for method in ("POST", "GET"):
                with self.subTest(front=kind.title, method=method):
                    self.check("https://127.0.0.1:%d" % port, seed, "doh_method " + method)

    def test_by_name(self):
        port = self.front(servers.CoreDns)
        pair = self.check("https://%s:%d" % (HOST, port), 7,
                          "resolver 127.0.0.1:%d" % self.upstream.port)
        # Both count by the address that the name led to.
        def counted(server):
            return {line.rsplit(" ", 1)[0] for line in server.page().splitlines() if re.match(
                r'coredns_proxy_request_duration_seconds_count\{.*rcode="NOERROR".* [1-9]', line)}
        series = [await_true("it is counted", lambda: counted(server)) for server in pair]
        self.assertEqual(len(series[0]), 1)
        self.assertEqual(*[{frozenset(re.findall(r'(\w+="[^"]*")', line)) for line in lines}
                           for lines in series])

    def test_plain_by_name(self):
        self.check("%s:%d" % (HOST, self.upstream.port), 8,
                   "resolver 127.0.0.1:%d" % self.upstream.port)

    def test_what_cannot_be_trusted_is_not_asked(self):
        port = self.front(servers.CoreDns)
        for options in (["tls %s" % (self.folder / "cert.pem"), "tls_servername other.example"],
                        ["tls", "tls_servername dns.example"]):
            text = servers.block(["."], ("forward . https://127.0.0.1:%d" % port, options))
            pair = self.pair(text)
            self.compare(pair, [Question(labels("www." + upstream.ZONE), TYPES["A"])], ["forward"])

    def test_what_does_not_start(self):
        for to in ("https://127.0.0.1/", "gone.%s" % upstream.ZONE, "https://gone.%s" % upstream.ZONE,
                   "tls://gone.%s" % upstream.ZONE, "a27.0.0.1", "grpc://127.0.0.1"):
            text = self.forward(to, "resolver 127.0.0.1:%d" % self.upstream.port)
            for kind in (servers.Nameplane, servers.CoreDns):
                with self.subTest(to=to, server=kind.title):
                    server = kind(folder(), text)
                    done = subprocess.run([str(word) for word in server.command], env=server.environment,
                                          capture_output=True, timeout=120, check=False)
                    self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    peer_test.main(cluster=False, missing=upstream.missing)
