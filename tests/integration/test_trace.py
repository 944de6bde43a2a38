"""Traces of the real program, as a Zipkin collector of our own gets them."""

import os
import signal
import socket
import unittest

import nameplane
from pki import Pki, run
from zipkin_collector import Collector, root_of, tree


class Traces(nameplane.AgentTest):
    def collector(self, **how):
        collector = Collector(**how)
        self.addCleanup(collector.close)
        return collector

    def agent(self, plugins, more="", start=True):
        path = self.write("Corefile", ".:0 {\n prometheus 127.0.0.1:0\n%s\n}\n%s" % (plugins, more))
        agent = self.start("--config", path)
        return agent.started() if start else agent

    def count(self, agent, name):
        page = agent.get("metrics")[1]
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
                   if line.startswith("nameplane_trace_%s_total" % name))

    def options(self, *lines):
        return "{\n zipkin_max_batch_interval 20ms\n %s\n}" % "\n ".join(lines)

    def test_spans_of_queries(self):
        collector = self.collector()
        agent = self.agent("""bufsize
            trace 127.0.0.1:%d %s
            errors
            hosts {
                10.0.0.1 www.example
            }""" % (collector.port, self.options("service Node-DNS")))
        self.assertEqual(agent.udp("WWW.example").rcode, "NOERROR")
        spans = collector.trace_of("www.example.")
        self.assertEqual(tree(spans), ["servedns", ["errors", ["hosts"]]])
        root = root_of(spans)
        self.assertEqual(root["kind"], "SERVER")
        self.assertEqual(root["id"], root["traceId"])
        self.assertEqual(root["tags"], {
            "coredns.io/name": "www.example.", "coredns.io/type": "A", "coredns.io/rcode": "NOERROR",
            "coredns.io/proto": "udp", "coredns.io/remote": "127.0.0.1"})
        for span in spans:
            self.assertRegex(span["id"], "^[0-9a-f]{16}$")
            self.assertEqual(span["localEndpoint"]["serviceName"], "node-dns")
            self.assertGreaterEqual(span["timestamp"] + span["duration"] + 1,
                                    max(each["timestamp"] for each in spans))
        (path, headers, _) = collector.requests[0]
        self.assertEqual(path, "/api/v2/spans")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(headers["b3"], "0")

        agent.tcp("missing.example", "AAAA")
        root = root_of(collector.trace_of("missing.example."))
        self.assertEqual(root["tags"]["coredns.io/proto"], "tcp")
        self.assertEqual(root["tags"]["coredns.io/type"], "AAAA")
        agent.await_page("metrics", "nameplane_trace_spans_total{to=\"http://127.0.0.1:%d/api/v2/spans\"} 6"
                         % collector.port)
        self.assertEqual(self.count(agent, "dropped"), 0)
        self.assertEqual(agent.stop(), 0)

    def test_a_failure_has_its_reason(self):
        collector = self.collector()
        agent = self.agent("trace 127.0.0.1:%d %s\nlog" % (collector.port, self.options()))
        self.assertEqual(agent.udp("nobody.example").rcode, "SERVFAIL")
        root = root_of(collector.trace_of("nobody.example."))
        self.assertEqual(root["tags"]["error"], "true")
        self.assertEqual(root["tags"]["coredns.io/rcode"], "SERVFAIL")
        self.assertEqual(root["annotations"][0]["value"], "event:error")

    def test_questions_to_upstreams(self):
        upstream = self.start("--config", self.write("Upstream", ".:0 {\n whoami\n}\n")).started()
        collector = self.collector()
        agent = self.agent("trace 127.0.0.1:%d %s\ncache\nforward . 127.0.0.1:%d" % (
            collector.port, self.options(), upstream.ports["dns"]))
        agent.udp("up.example")
        spans = collector.trace_of("up.example.")
        self.assertEqual(tree(spans), ["servedns", ["cache", ["forward", ["connect"]]]])
        (connect,) = [span for span in spans if span["name"] == "connect"]
        self.assertEqual(connect["tags"], {"peer.address": "127.0.0.1:%d" % upstream.ports["dns"]})

    def test_what_is_looked_up_is_in_the_trace_of_who_asks(self):
        collector = self.collector()
        agent = self.agent("trace 127.0.0.1:%d %s\nrewrite cname exact a.example. b.other.\n"
                           "template ANY ANY {\n answer \"{{ .Name }} 60 IN CNAME a.example.\"\n}" % (
                               collector.port, self.options()),
                           more="other:0 {\n metadata\n errors\n hosts {\n  10.0.0.1 b.other\n }\n}\n")
        self.assertEqual(agent.udp("x.example").data("A"), ["10.0.0.1"])
        spans = collector.trace_of("x.example.")
        self.assertEqual(tree(spans)[0], "servedns")
        self.assertIn(["errors", ["hosts"]], flat(tree(spans)))

    def test_one_query_in_so_many(self):
        collector = self.collector()
        agent = self.agent("metadata\ntrace 127.0.0.1:%d %s\nlog . \"{name} id={/trace/traceid}\"\nwhoami" % (
            collector.port, self.options("every 5")))
        # Over one connection all of them reach one worker.
        with agent.connect() as client:
            for i in range(10):
                query = nameplane.query_bytes("n%d.example" % i, "A")
                client.sendall(len(query).to_bytes(2, "big") + query)
                nameplane.read_tcp(client)
        spans = collector.trace_of("n4.example.")
        collector.trace_of("n9.example.")
        self.assertEqual(len(collector.traces()), 2)
        self.assertEqual(agent.stop(), 0)
        self.assertRegex(root_of(spans)["traceId"], "^[0-9a-f]{16}$")

    def test_the_id_is_in_the_query_log(self):
        collector = self.collector()
        agent = self.agent("metadata\ntrace 127.0.0.1:%d %s\nwhoami\ntemplate IN TXT {\n"
                           " answer \"{{ .Name }} 0 IN TXT {{ .Meta \\\"trace/traceid\\\" }}\"\n}" % (
                               collector.port, self.options()))
        (told,) = agent.udp("id.example", "TXT").data("TXT")
        self.assertEqual(root_of(collector.trace_of("id.example."))["traceId"], told)

    def test_a_collector_that_comes_late_gets_what_waits(self):
        port = nameplane.free_port()
        agent = self.agent("trace 127.0.0.1:%d %s\nwhoami" % (port, self.options()))
        agent.udp("early.example")
        agent.wait_for(r"trace\.collector_fails .*to=http://127\.0\.0\.1:%d/api/v2/spans" % port, seen=True)
        collector = self.collector(port=port)
        self.assertEqual(tree(collector.trace_of("early.example.")), ["servedns", ["whoami"]])
        agent.wait_for(r"trace\.collector_takes", seen=True)
        self.assertEqual(agent.stop(), 0)

    def test_a_dead_collector_costs_spans_and_nothing_else(self):
        agent = self.agent("trace 127.0.0.1:%d %s\nwhoami" % (
            nameplane.free_port(), self.options("zipkin_max_backlog_size 10")))
        for i in range(50):
            self.assertEqual(agent.udp("n%d.example" % i).rcode, "NOERROR")
        nameplane.await_true("the oldest are dropped", lambda: self.count(agent, "dropped") >= 80)
        self.assertEqual(self.count(agent, "spans"), 0)
        self.assertEqual(agent.stop(), 0)

    def test_a_collector_that_refuses(self):
        collector = self.collector(status=500)
        agent = self.agent("trace 127.0.0.1:%d %s\nwhoami" % (collector.port, self.options()))
        agent.udp("refused.example")
        line = agent.wait_for(r"trace\.collector_fails", seen=True)
        self.assertIn("500", line)
        nameplane.await_true("they are counted", lambda: self.count(agent, "dropped") == 2)
        collector.status = 202
        agent.udp("taken.example")
        collector.trace_of("taken.example.")
        self.assertEqual([span for span in collector.spans
                          if span.get("tags", {}).get("coredns.io/name") == "refused.example."], [])

    def test_a_collector_that_says_nothing_holds_nobody_up(self):
        collector = self.collector()
        collector.held.clear()
        agent = self.agent("trace 127.0.0.1:%d %s\nwhoami" % (
            collector.port, self.options("zipkin_max_backlog_size 10")))
        agent.udp("first.example")
        self.assertTrue(collector.waiting.wait(nameplane.WAIT_S))
        for i in range(100):
            self.assertEqual(agent.udp("n%d.example" % i).rcode, "NOERROR")
        nameplane.await_true("the oldest are dropped", lambda: self.count(agent, "dropped") >= 100)
        self.assertEqual(agent.stop(), 0)  # while the request is under way

    def test_a_hostile_collector(self):
        """No HTTP, an endless head, an endless body: spans are lost, and that is all."""
        for answer in (b"\0\xff" * 1000, b"HTTP/1.1 200 Fine\r\n" + b"x: y\r\n" * 100000,
                       b"HTTP/1.1 202 Fine\r\n\r\n" + b"z" * 10_000_000):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.settimeout(nameplane.WAIT_S)
                agent = self.agent("trace 127.0.0.1:%d %s\nwhoami" % (
                    listener.getsockname()[1], self.options()))
                agent.udp("hostile.example")
                (stream, _) = listener.accept()
                with stream:
                    stream.settimeout(nameplane.WAIT_S)
                    try:
                        stream.recv(65536)
                        stream.sendall(answer)
                    except OSError:
                        pass  # it did not take it all
                    self.assertEqual(agent.udp("still.example").rcode, "NOERROR")
                self.assertEqual(agent.stop(), 0)

    def test_spans_outlive_a_reload(self):
        port = nameplane.free_port()
        block = ".:0 {\n prometheus 127.0.0.1:0\n trace 127.0.0.1:%d %s\n %s\n}\n"
        path = self.write("Corefile", block % (port, self.options(), "whoami"))
        agent = self.start("--config", path).started()
        agent.udp("before.example")
        agent.wait_for(r"trace\.collector_fails", seen=True)
        self.write("Corefile", block % (port, self.options(), "errors\nwhoami"))
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for(r"reload\.done", seen=True)
        collector = self.collector(port=port)
        self.assertEqual(tree(collector.trace_of("before.example.")), ["servedns", ["whoami"]])
        agent.udp("after.example")
        self.assertEqual(tree(collector.trace_of("after.example.")), ["servedns", ["errors", ["whoami"]]])

    def secure_agent(self, collector, *options):
        pki = Pki(self.folder)
        pki.issue("dns.example")
        path = self.write("Corefile", "https://.:0 {\n root %s\n tls cert.pem key.pem\n"
                          " prometheus 127.0.0.1:0\n trace 127.0.0.1:%d %s\n errors\n whoami\n}\n" % (
                              self.folder, collector.port, self.options(*options)))
        agent = self.start("--config", path).started()

        def ask(name, version, *headers):
            question = os.path.join(self.folder, "question")
            with open(question, "wb") as file:
                file.write(nameplane.query_bytes(name, "A"))
            port = agent.ports["https"]
            got = run("curl", "-s", version, "--cacert", pki.ca, "--resolve",
                      "dns.example:%d:127.0.0.1" % port, "--data-binary", "@" + question,
                      "-H", "Content-Type: application/dns-message",
                      *[word for header in headers for word in ("-H", header)],
                      "https://dns.example:%d/dns-query" % port)
            self.assertEqual(nameplane.Reply(got.stdout).rcode, "NOERROR")
        return ask

    def test_the_trace_of_a_client_over_https_goes_on(self):
        collector = self.collector()
        ask = self.secure_agent(collector)
        for (number, version) in enumerate(("--http1.1", "--http2"), 1):
            ask("ours%d.example" % number, version)
            ask("joined%d.example" % number, version, "X-B3-TraceId: 463ac35c9f6413ad48485a3953bb612%d" % number,
                "X-B3-SpanId: a2fb4a1d1a96d312", "X-B3-Sampled: 1")
            ask("single%d.example" % number, version, "b3: 00000000000000a%d-0000000000000007-d" % number)
            ask("unwanted%d.example" % number, version, "b3: 0")
            ask("wrong%d.example" % number, version, "X-B3-TraceId: xyz", "X-B3-SpanId: 1")
            ask("last%d.example" % number, version)

            def queried(name):
                spans = nameplane.await_true("a span of %s" % name, lambda: [
                    span for span in collector.spans
                    if span.get("tags", {}).get("coredns.io/name") == "%s%d.example." % (name, number)])
                self.assertEqual(len(spans), 1)
                return spans[0]
            for name in ("ours", "wrong"):
                self.assertEqual(queried(name)["id"], queried(name)["traceId"])
                self.assertNotIn("parentId", queried(name))
            joined = queried("joined")
            self.assertEqual(joined["traceId"], "463ac35c9f6413ad48485a3953bb612%d" % number)
            self.assertEqual(joined["parentId"], "a2fb4a1d1a96d312")
            self.assertNotEqual(joined["id"], joined["parentId"])
            self.assertNotIn("shared", joined)
            single = queried("single")
            self.assertEqual((single["traceId"], single["parentId"], single["debug"]),
                             ("00000000000000a%d" % number, "0000000000000007", True))
            queried("last")  # what came before is there, too, if it ever will be
            self.assertNotIn("unwanted%d" % number, str(collector.spans))

    def test_client_and_server_share_a_span(self):
        collector = self.collector()
        ask = self.secure_agent(collector, "client_server")
        ask("shared.example", "--http2", "b3: 00000000000000a1-0000000000000007-1-0000000000000003")

        def all_there():
            found = [span for span in collector.spans if span["traceId"] == "00000000000000a1"]
            return found if any(span["name"] == "servedns" for span in found) else None
        spans = {span["name"]: span for span in nameplane.await_true("the trace", all_there)}
        self.assertEqual(spans["servedns"]["id"], "0000000000000007")
        self.assertEqual(spans["servedns"]["parentId"], "0000000000000003")
        self.assertIs(spans["servedns"]["shared"], True)
        self.assertEqual(spans["errors"]["parentId"], "0000000000000007")
        self.assertNotIn("shared", spans["errors"])

    def test_datadog_is_refused_by_name(self):
        path = self.write("Corefile", ".:0 {\n trace datadog localhost:8126\n whoami\n}\n")
        (code, _, said) = self.run_command("check", path)
        self.assertNotEqual(code, 0)
        self.assertRegex(said, r"Corefile:2: endpoint: 'datadog', expected 'zipkin': Debian has no library")


def flat(nested):
    """Every list within, itself included."""
    found = [nested]
    for each in nested[1:]:
        found += flat(each)
    return found


if __name__ == "__main__":
    unittest.main()
