"""CoreDNS and Nameplane with the same Corefile tell the same collector of the same questions: names of
spans, their parents and tags are compared. docs/from-coredns.md says what may differ."""

import http.client
import pathlib
import ssl
import tempfile

import peer_test  # finds the folders of the others
import asking
import control_plane
import servers
import upstream
from wire import Edns, Question, TYPES, labels
from zipkin_collector import Collector, root_of
import nameplane

FORWARD = "forward . 127.0.0.1:UPSTREAM"
# The path tells who of both posts.
TRACE = ("trace zipkin http://127.0.0.1:COLLECTOR/{$READY}", [
    "service Node-DNS", "zipkin_max_batch_interval 50ms", "client_server true"])
SETS = {
    "forward": [TRACE, "errors", "log", "cache", FORWARD],
    "in front": ["metadata", "nsid", "bufsize 1000", TRACE, "any", "minimal", "loadbalance", FORWARD],
    "hosts": [TRACE, ("hosts", ["10.1.1.1 www.example.test", "fallthrough"]), FORWARD],
    "nobody": [TRACE, ("hosts", ["10.1.1.1 www.example.test", "fallthrough"])],
    "acl": [TRACE, ("acl", ["block type TXT", "filter type MX", "allow"]), "whoami"],
    "bound": ["bind 127.0.0.1", TRACE, "whoami"],
    "template": [TRACE, "template ANY AAAA {\n rcode NXDOMAIN\n }", "whoami"],
}
# What `template` names is looked up in another block, whose plugins are below it.
LED = [TRACE, "errors", "template ANY ANY {\n match \"^(?P<to>.*)[.]led[.]test[.]$\"\n"
       " answer \"{{ .Name }} 60 IN CNAME {{ .Group.to }}.\"\n }"]
LED_NAMES = ("one.hosts.test.led.test", "missing.hosts.test.led.test")
NAMES = ("www.example.test", "alias.example.test", "missing.example.test", "a.Wild.example.test",
         "example.test", "elsewhere.test", "version.bind", "")
TYPES_ASKED = ("A", "AAAA", "TXT", "MX", "HTTPS", "ANY")


def questions(names=NAMES):
    return [Question(labels(name), TYPES[kind], tcp=tcp, edns=Edns(size=1232) if tcp else None)
            for name in names for kind in TYPES_ASKED for tcp in (False, True)]


def picture(spans):
    """All that is to be the same: a tree of names with what they say, children in their order."""
    def below(span):
        children = sorted((each for each in spans if each.get("parentId") == span["id"]),
                          key=lambda each: each["timestamp"])
        said = {key: value for (key, value) in span.items()
                if key not in ("id", "parentId", "traceId", "timestamp", "duration", "annotations")}
        said["annotations"] = [note["value"].split(":")[0] for note in span.get("annotations", [])][:1]
        said["children"] = [below(child) for child in children]
        return said
    return below(root_of(spans))


def without_port(picture_of_span, port):
    """The server's own port is not the other's."""
    endpoint = dict(picture_of_span["localEndpoint"])
    if endpoint.get("port") == port:
        endpoint["port"] = "ours"
    return {**picture_of_span, "localEndpoint": endpoint,
            "children": [without_port(child, port) for child in picture_of_span["children"]]}


def question_of(spans):
    tags = root_of(spans)["tags"]
    return (tags["coredns.io/name"], tags["coredns.io/type"], tags["coredns.io/proto"])


class Trace(peer_test.PeerTest):
    def setUp(self):
        self.collector = Collector()
        self.addCleanup(self.collector.close)
        self.upstream = upstream.Upstream(pathlib.Path(tempfile.mkdtemp()))
        self.addCleanup(self.upstream.kill)
        self.upstream.start()

    def pictures(self, who, asked):
        """Of each question, once all are there; the probes of ready.test are left out."""
        def all_there():
            found = {question_of(spans): spans for spans in self.collector.traces(who).values()
                     if question_of(spans)[0] != "ready.test."}
            return found if len(found) == asked else None
        found = nameplane.await_true("traces of %d questions to %s" % (asked, who), all_there)
        return {question: picture(spans) for (question, spans) in found.items()}

    def both(self, text):
        text = text.replace("UPSTREAM", str(self.upstream.port))
        return self.pair(text.replace("COLLECTOR", str(self.collector.port)))

    def compare_traces(self, text, asked):
        pair = self.both(text)
        found = []
        for server in pair:
            # One at a time, so that nobody's question is answered by that of another.
            for question in asked:
                asking.ask_all(server.port, [question])
            traces = self.pictures(server.ready_at, len(asked))
            found.append({key: without_port(each, server.port) for (key, each) in traces.items()})
        self.assertEqual(set(found[0]), set(found[1]))
        for question in found[0]:
            with self.subTest(question=question):
                self.assertEqual(found[0][question], found[1][question])
        print("%d traces compared" % len(found[0]), flush=True)
        return found[0]


    def test_look_ups(self):
        text = servers.block(["led.test"], *LED, ready=False) + \
            servers.block(["."], "metadata", "log", ("hosts", ["10.1.1.1 one.hosts.test"]))
        found = self.compare_traces(text, questions(LED_NAMES))
        (whole,) = [each for (question, each) in found.items()
                    if question == ("one.hosts.test.led.test.", "A", "udp")]
        self.assertIn("'hosts'", str(whole))

    def test_rewritten_names(self):
        """The one difference of the tags: CoreDNS has what the name has become."""
        pair = self.both(servers.block(["."], TRACE, "rewrite name exact old.test new.test", "whoami"))
        names = []
        for server in pair:
            asking.ask_all(server.port, [Question(labels("old.test"), TYPES["A"])])
            ((name, _, _),) = self.pictures(server.ready_at, 1)
            names.append(name)
        self.assertEqual(names, ["old.test.", "new.test."])


# Headers of a client: what it names of its own is in what is told, so that both can be compared.
TRACED = ("X-B3-TraceId", "463ac35c9f6413ad48485a3953bb6124")
SPANNED = ("X-B3-SpanId", "a2fb4a1d1a96d312")
IN_ONE = "48485a3953bb6124-a2fb4a1d1a96d312"
HEADERS = (
    (), (TRACED, SPANNED), (TRACED,), (SPANNED,), (TRACED, SPANNED, ("X-B3-ParentSpanId", "5")),
    (TRACED, SPANNED, ("X-B3-Sampled", "0")), (TRACED, SPANNED, ("X-B3-Sampled", "true")),
    (TRACED, SPANNED, ("X-B3-Sampled", "0"), ("X-B3-Flags", "1")), (TRACED, SPANNED, ("X-B3-Flags", "2")),
    (TRACED, SPANNED, ("X-B3-Sampled", "yes")), (TRACED, ("X-B3-SpanId", "xyz")),
    (("X-B3-TraceId", "7"), ("X-B3-SpanId", "8")), (("X-B3-TraceId", "0"), SPANNED),
    (("X-B3-ParentSpanId", "5"),), (("X-B3-Sampled", "0"),), (("X-B3-Flags", "1"),),
    (("b3", IN_ONE),), (("b3", IN_ONE + "-1-0000000000000005"),), (("b3", IN_ONE + "-0"),),
    (("b3", IN_ONE + "-d"),), (("b3", "0"),), (("b3", "d"),), (("b3", IN_ONE + "-x"),),
    (("b3", "nonsense"), TRACED, SPANNED), (("b3", IN_ONE), TRACED, SPANNED),
)
SECURE = """\
. {
    ready {$READY}
    whoami
}
https://.:%(https)d {
    tls %(folder)s/cert.pem %(folder)s/key.pem
    trace zipkin http://127.0.0.1:%(collector)d/{$READY} {
        zipkin_max_batch_interval 50ms
        client_server %(shares)s
    }
    errors
    whoami
}
"""


def ids_of(span, spans):
    """What a span says of traces, ids of the server's own left out."""
    named = {key: span.get(key) for key in ("traceId", "id", "parentId", "shared", "debug")}
    own = {each["id"] for each in spans} - {SPANNED[1], "0000000000000008"}
    for (key, value) in named.items():
        if value in own or (key == "traceId" and span["traceId"] == root_id(spans)):
            named[key] = "our own"
    return (span["name"], named)


def root_id(spans):
    """The id of a trace that no client has named."""
    (query,) = [span for span in spans if span["name"] == "servedns"]
    return query["traceId"] if query["traceId"] == query["id"] else None


class ClientsTraces(peer_test.PeerTest):
    def told(self, kind, shares):
        """What a server of `kind` tells of a client with each of the HEADERS."""
        collector = Collector()
        self.addCleanup(collector.close)
        folder = pathlib.Path(tempfile.mkdtemp())
        servers.certificate(folder)
        port = control_plane.free_port()
        server = kind(pathlib.Path(tempfile.mkdtemp()), SECURE % {
            "https": port, "folder": folder, "collector": collector.port, "shares": shares})
        self.addCleanup(server.kill)
        server.start()
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
        self.addCleanup(connection.close)

        def spans_of(name):
            return [span for span in collector.spans
                    if span.get("tags", {}).get("coredns.io/name") == name]

        def ask(name, headers):
            connection.request("POST", "/dns-query", Question(labels(name), TYPES["A"]).octets(1),
                               {"Content-Type": "application/dns-message", **dict(headers)})
            self.assertEqual(connection.getresponse().read()[:2], b"\0\1")
        told = []
        for (number, headers) in enumerate(HEADERS):
            before = len(collector.spans)
            ask("client%d.test" % number, headers)
            ask("after%d.test" % number, ())
            # What came before it is there, too, if it ever will be.
            nameplane.await_true("the next trace", lambda: spans_of("after%d.test." % number))
            query = spans_of("client%d.test." % number)
            trace = [span for span in collector.spans[before:]
                     if query and span["traceId"] == query[0]["traceId"]]
            told.append((headers, sorted((ids_of(span, trace) for span in trace), key=str)))
        return told

    def test_what_clients_name(self):
        for shares in ("true", "false"):
            (ours, theirs) = (self.told(kind, shares) for kind in (servers.Nameplane, servers.CoreDns))
            for (own, other) in zip(ours, theirs):
                with self.subTest(shares=shares, headers=own[0]):
                    self.assertEqual(own[1], other[1])
            self.assertTrue(any(spans for (_, spans) in ours))
            print("%d clients compared" % len(ours), flush=True)


def add(name, plugins):
    def test(self):
        self.compare_traces(servers.block(["."], *plugins), questions())
    setattr(Trace, "test_" + name.replace(" ", "_"), test)


for (title, lines) in SETS.items():
    add(title, lines)


if __name__ == "__main__":
    peer_test.main(cluster=False, missing=upstream.missing)
