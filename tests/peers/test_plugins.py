"""CoreDNS and Nameplane with the same Corefile in front of the same upstream: plugins that need no
cluster."""

import pathlib
import random
import tempfile

import peer_test  # finds the folders of the others
import cluster_test
import questions
import servers
import upstream
from wire import Edns, Question, TYPES, labels

COUNT = 200 if cluster_test.IS_SHORT else 700
FORWARD = "forward . 127.0.0.1:UPSTREAM"
SETS = {
    "forward": [FORWARD],
    "forward by TCP": [("forward . 127.0.0.1:UPSTREAM", ["force_tcp"])],
    "forward but for": [("forward . 127.0.0.1:UPSTREAM", ["except www.example.test wild.example.test",
                                                          "max_concurrent 1000"])],
    "forward a zone": ["forward example.test 127.0.0.1:UPSTREAM"],
    "rewrite names": [
        "rewrite stop name exact web.other.test www.example.test",
        "rewrite name suffix .inner.test .example.test answer auto",
        "rewrite name regex (.*)\\.re\\.test {1}.example.test answer auto",
        "rewrite name substring .cut. .",
        "rewrite name prefix pre- w", FORWARD],
    "rewrite others": ["rewrite type AAAA A", "rewrite ttl regex (.*)\\.example\\.test 77", FORWARD],
    "template": [
        "template ANY AAAA {\n rcode NOERROR\n }",
        "template IN A gone.test {\n rcode NXDOMAIN\n authority \"gone.test. 60 IN SOA ns.gone.test. "
        "h.gone.test. 1 60 60 60 60\"\n }",
        "template IN A ip.test {\n match \"^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]ip[.]test[.]$\"\n answer "
        "\"{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}\"\n fallthrough\n }", FORWARD],
    "template with range": [
        "template ANY A {\n answer \"{{ .Name }} 60 IN A 10.0.0.{{ range $i, $x := .Match }}{{ if $i }}{{ continue }}"
        "{{ end }}{{ len $x }}{{ end }}\"\n }", FORWARD],
    "template with more of the language": [
        "template ANY A {\n answer \"{{ .Name }} 60 IN TXT {{ range 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}\"\n }",
        "template ANY AAAA {\n answer \"{{ define `x` }}x{{ . }}{{ end }}{{ .Name }} 60 IN TXT {{ template `x` .Type }}"
        "{{ block `y` .Class }}y{{ . }}{{ end }}\"\n }",
        "template ANY TXT {\n answer \"{{ .Name }} 60 IN TXT {{ printf `%05d-%x-%T` .Question.Qtype .Type .Class }}-"
        "{{ .Message.Opcode }}{{ .Message.RecursionDesired }}{{ len .Message.Question }}\"\n }",
        "template ANY MX {\n answer \"{{ .Name }} 60 IN TXT {{ .Group.none }}{{ .Group.none.x }}\"\n }", FORWARD],
    "template with messages": [
        "template ANY A {\n answer \"{{ .Name }} 60 IN TXT \\\"{{ with .Message.IsEdns0 }}{{ if ge .UDPSize 1232 }}"
        "{{ $.Message }}{{ end }}{{ else }}{{ .Message }}{{ end }}\\\"\"\n }",
        "template ANY AAAA {\n answer \"{{ .Name }} 60 IN TXT \\\"{{ .Message.MsgHdr }}{{ print .Message.MsgHdr }}\\\" "
        "\\\"{{ .Question }}{{ .Message.Question }}{{ index .Message.Question 0 }}\\\"\"\n }",
        "template ANY TXT {\n answer \"{{ .Name }} 60 IN TXT \\\"{{ if not .Message.Extra }}{{ .Message.Extra }}{{ .Message.IsEdns0 }}"
        "{{ else if ge .Message.IsEdns0.UDPSize 1232 }}{{ .Message.Extra }}{{ .Message.IsEdns0 }}{{ end }}\\\"\"\n }",
        "template ANY MX {\n answer \"{{ .Name }} 60 IN TXT {{ eq .Message.Extra nil }}{{ eq .Message.Answer nil }}"
        "{{ eq .Message.IsEdns0 nil }}{{ printf `%+v%d%T` .Message.Question .Question .Message.Extra }}\"\n }", FORWARD],
    "hosts": [("hosts", ["10.1.1.1 one.hosts.test uno.hosts.test", "10.1.1.2 two.hosts.test",
                         "fd00::1 one.hosts.test", "192.0.2.99 www.example.test", "ttl 30",
                         "fallthrough"]), FORWARD],
    "hosts alone": [("hosts", ["10.1.1.1 one.hosts.test", "fd00::2 six.hosts.test", "no_reverse"])],
    "hosts of a zone": [("hosts /dev/null hosts.test 10.in-addr.arpa", [
        "10.1.1.1 one.hosts.test", "10.1.1.9 outside.test", "fallthrough 10.in-addr.arpa"]), FORWARD],
    "many": ["any", "minimal", "loadbalance", "local", "bufsize 1000", FORWARD],
    "header": [("header", ["response set ra aa", "response clear rd"]), FORWARD],
    "acl": [("acl", ["block type TXT", "filter type MX net 127.0.0.0/8", "allow"]), FORWARD],
    "acl of a zone": [("acl wild.example.test", ["allow type A", "block"]), FORWARD],
    "dns64": ["dns64", FORWARD],
    "chaos": ["chaos test-1.0 a.author b.author", FORWARD],
    "errors only": ["errors"],
}
# Asked twice: what comes from the upstream, and what is kept of it.
CACHED = {
    "cache": ["cache"],
    "cache of a zone": ["cache 20 www.example.test wild.example.test"],
    "cache with bounds": [("cache 60", ["success 2000 40 10", "denial 2000 7 6"])],
    "cache of answers only": [("cache", ["disable denial"])],
    "cache of denials only": [("cache", ["disable success example.test"])],
    "cache that keeps TTLs": [("cache 100", ["keepttl"])],
    "cache with more": [("cache", ["prefetch 2", "serve_stale 1h", "servfail 10s"]), "loadbalance",
                        "minimal"],
}
# Of a block of the zone led.test, beside one with hosts and one with the upstream.
ALIAS = "template ANY ANY {\n match \"^(?P<to>.*)[.]led[.]test[.]$\"\n answer \"{{ .Name }} 60 IN CNAME " \
    "{{ .Group.to }}.\"\n }"
LOOK_UPS = {
    "template": [ALIAS],
    "template with more in front": ["rewrite name exact short.led.test www.example.test.led.test",
                                    "loadbalance", "cache", ALIAS],
    "rewrite cname": ["rewrite cname exact www.example.test. one.hosts.test.", ALIAS],
    "rewrite cname by the end": ["rewrite cname suffix .wild.example.test. .hosts.test.", ALIAS],
    "rewrite cname to what is not there": ["rewrite cname exact www.example.test. missing.test.", ALIAS],
    "dns64": [("dns64", ["allow_ipv4"]), ALIAS],
    "dns64 of all": [("dns64", ["prefix 64:dead::/96", "allow_ipv4", "translate_all"]), "cache", ALIAS],
}
OTHER_NAMES = ["web.other.test", "www.inner.test", "alias3.inner.test", "mail.inner.test",
               "www.re.test", "four.re.test", "www.cut.example.test", "pre-ww.example.test",
               "x.gone.test", "gone.test", "ip-1-2.ip.test", "ip-x.ip.test", "ip.test",
               "one.hosts.test", "uno.hosts.test", "two.hosts.test", "three.hosts.test", "hosts.test",
               "six.hosts.test", "outside.test", "1.1.1.10.in-addr.arpa", "2.1.1.10.in-addr.arpa",
               "9.1.1.10.in-addr.arpa", "99.2.0.192.in-addr.arpa", "1.0.0.127.in-addr.arpa",
               "localhost", "a.localhost", "www.localhost.test", "version.bind", "authors.bind",
               "hostname.bind", "id.server", "version.server", "", "test", "www.example.net", "com"]


def names():
    found = [labels((name + "." + upstream.ZONE).lstrip(".")) for name in upstream.NAMES]
    found += [labels(text) for text in OTHER_NAMES]
    return found + [(b"w\0eird", b"example", b"test"), (b"\xff", b"wild", b"example", b"test"),
                    (b"A", b"WILD", b"Example", b"TEST")]


def generate(seed, count):
    rng = random.Random(seed)
    table = [Question(name, TYPES[kind]) for name in names() for kind in ("A", "AAAA", "TXT", "MX")]
    table += [Question(name, TYPES[kind]) for name in names()
              for kind in rng.sample(questions.USUAL + questions.RARE, 3)]
    for name in ("many", "forty", "mx", "text"):
        for kind in ("A", "MX", "TXT"):
            base = labels("%s.%s" % (name, upstream.ZONE))
            table += [Question(base, TYPES[kind], tcp=True),
                      *(Question(base, TYPES[kind], edns=Edns(size=size))
                        for size in (512, 800, 1232, 4096))]
    table += [Question(labels(text), TYPES["TXT"], klass) for klass in (3, 4, 255) for text in
              ("version.bind", "authors.bind", "hostname.bind", "id.server", "www.example.test")]
    rng.shuffle(table)
    rest = questions.random_questions(names(), max(0, count - len(table)), rng)
    return list(dict.fromkeys([*table, *rest]))


def led_questions(seed):
    led = [labels(name + ".led.test") for name in (
        "one.hosts.test", "four.hosts.test", "missing.hosts.test", "www.example.test", "alias2.example.test",
        "four.example.test", "six.example.test", "missing.example.test", "a.wild.example.test",
        "one.wild.example.test", "away.example.test", "round.example.test", "nowhere.test",
        "one.hosts.test.led.test", "one.hosts.test.led.test.led.test", "x.led.test", "short")]
    rng = random.Random(seed)
    table = [Question(name, TYPES[kind], tcp=tcp, edns=Edns(size=1232)) for name in led
             for kind in ("A", "AAAA", "MX", "CNAME") for tcp in (False, True)]
    rng.shuffle(table)
    return table


def fixed(view, address):
    """A block that answers every A query with one address."""
    return servers.block(["."], *view, "template IN A {\n answer \"{{ .Name }} 60 IN A %s\"\n }" % address,
                         "forward . 127.0.0.1:UPSTREAM")


def view(name, *expressions):
    return ["metadata", "view %s {\n%s }" % (name, "".join(" expr %s\n" % one for one in expressions))]


class Plugins(peer_test.PeerTest):
    def test_views(self):
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        text = "".join([
            fixed(view("tcp", "proto() == 'tcp' && type() in ['A', 'MX']"), "10.0.0.1"),
            fixed(view("wild", "name() matches '^[a-m].*[.]test[.]$'",
                       "incidr(client_ip(), '127.0.0.0/8') && !incidr(client_ip(), '10.0.0.0/8')"), "10.0.0.2"),
            fixed(view("edns", "bufsize() > 1000 || do()", "class() == 'IN'"), "10.0.0.3"),
            fixed(view("own", "metadata('view/name') == 'own' && id() % 2 == 0 && id() > 70000"), "10.0.0.4"),
            fixed(view("broken", "incidr(name(), '10.0.0.0/8')"), "10.0.0.5"),
            fixed(view("long", "len(name()) > 20 and opcode() == 0 and size() > 20"), "10.0.0.6"),
            fixed([], "10.0.0.7"), fixed(view("hidden", "true"), "10.0.0.8")])
        self.compare(self.pair(text.replace("UPSTREAM", str(server.port))), generate(99, COUNT))

    def test_sets(self):
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        for (number, (title, plugins)) in enumerate(SETS.items()):
            text = servers.block(["."], *plugins).replace("UPSTREAM", str(server.port))
            with self.subTest(title):
                pair = self.pair(text)
                try:
                    self.compare(pair, generate(number, COUNT),
                                 [line for line in plugins if isinstance(line, str)])
                finally:
                    for one in pair:
                        one.kill()

    def test_cached(self):
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        for (number, (title, plugins)) in enumerate(CACHED.items()):
            text = servers.block(["."], *plugins, FORWARD).replace("UPSTREAM", str(server.port))
            with self.subTest(title):
                pair = self.pair(text)
                found = generate(100 + number, COUNT // 2)
                try:
                    for _ in range(2):
                        self.compare(pair, found, ["cache"])
                finally:
                    for one in pair:
                        one.kill()

    def test_look_ups(self):
        """What leads to a name of another block, and what is before the asking plugin in its own."""
        server = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(server.kill)
        server.start()
        others = servers.block(["."], FORWARD, ready=False) + servers.block(
            ["hosts.test"], ("hosts", ["10.1.1.1 one.hosts.test", "fd00::1 one.hosts.test",
                                       "10.1.1.4 four.hosts.test"]), ready=False)
        for (number, (title, plugins)) in enumerate(LOOK_UPS.items()):
            text = (servers.block(["led.test"], *plugins) + others).replace("UPSTREAM", str(server.port))
            with self.subTest(title):
                pair = self.pair(text)
                try:
                    self.compare(pair, led_questions(number),
                                 [line if isinstance(line, str) else line[0] for line in plugins])
                finally:
                    for one in pair:
                        one.kill()

    @classmethod
    def tearDownClass(cls):
        print("%d questions in all; known differences: %s" % (cls.compared, dict(cls.used)))


if __name__ == "__main__":
    peer_test.main(cluster=False, missing=upstream.missing)
