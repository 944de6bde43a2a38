"""Pages besides probes: the profile of time per stage, and what the health page measures of itself."""

import http.client
import re
import unittest

import nameplane


def lines_of(page):
    """Queries, ns a query and share by stage, from the table."""
    found = {}
    for line in page.splitlines():
        match = re.fullmatch(r"(\S+(?: (?:in|out))?) +(\d+) +(\d+) +([\d.]+) %", line)
        if match:
            found[match[1]] = (int(match[2]), int(match[3]), float(match[4]))
    return found


class Pages(nameplane.AgentTest):
    def page(self, agent, path):
        connection = http.client.HTTPConnection("127.0.0.1", agent.ports["pprof"],
                                                timeout=nameplane.WAIT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return (response.status, response.read().decode("utf-8"))
        finally:
            connection.close()

    def test_time_per_stage(self):
        path = self.write("Corefile", """.:0 {
            pprof 127.0.0.1:0 {
                block 2
            }
            minimal
            template IN A fixed.example {
                answer "{{ .Name }} 60 IN A 192.0.2.1"
            }
            whoami
        }
        """)
        agent = self.start("--config", path, "--threads", "2").started()
        for index in ("/debug/pprof", "/debug/pprof/"):
            (status, text) = self.page(agent, index)
            self.assertEqual(status, 200)
            self.assertIn("/debug/pprof/stages", text)
        self.assertEqual(self.page(agent, "/debug/pprof/heap")[0], 404)
        (status, before) = self.page(agent, "/debug/pprof/stages")
        self.assertEqual(status, 200)
        self.assertEqual(lines_of(before)["parse"][0], 0)
        for _ in range(600):
            agent.udp("fixed.example")
        with agent.connect() as client:
            query = nameplane.query_bytes("other.example", "A")
            for _ in range(200):
                client.sendall(len(query).to_bytes(2, "big") + query)
                nameplane.read_tcp(client)
        after = lines_of(self.page(agent, "/debug/pprof/stages")[1])
        # One batch in 61, and here each query is one; two workers each count for themselves.
        for stage in ("receive", "parse", "route", "encode", "send", "minimal in", "template in",
                      "minimal out"):
            self.assertIn(stage, after)
            self.assertGreaterEqual(after[stage][0], 1, stage)
            self.assertLess(after[stage][0], 100, stage)
        self.assertAlmostEqual(sum(share for (_, _, share) in after.values()), 100, delta=2)
        self.assertNotIn("forward in", after)

    def test_nothing_is_timed_unless_asked(self):
        path = self.write("Corefile", ".:0 {\n whoami\n}\n")
        agent = self.start("--config", path).started()
        self.assertNotIn("pprof", agent.ports)

    def test_who_was_ready_is_asked_again_only_continuously(self):
        # The plugin erratic is ready between its third query and its fifth.
        for (monitor, later) in (("", 200), ("monitor until-ready", 200), ("monitor continuously", 503)):
            path = self.write("Corefile", ".:0 {\n ready 127.0.0.1:0 {\n %s\n }\n erratic {\n drop 0\n }\n}\n"
                              % monitor)
            agent = self.start("--config", path).started()
            self.assertEqual(agent.get("ready"), (503, "erratic"), monitor)
            for _ in range(3):
                agent.udp("any.example")
            nameplane.await_true("it is ready", lambda: agent.get("ready")[0] == 200)
            for _ in range(2):
                agent.udp("any.example")
            self.assertEqual(agent.get("ready")[0], later, monitor)
            self.assertEqual(agent.stop(), 0)

    def test_health_asks_itself(self):
        path = self.write("Corefile", """.:0 {
            health 127.0.0.1:0
            prometheus 127.0.0.1:0
            whoami
        }
        """)
        agent = self.start("--config", path).started()
        def number(name):
            return int(re.search(r"^coredns_health_request_%s (\d+)$" % name, agent.get("metrics")[1],
                                 re.M)[1])

        # Where the machine stands still for 3 s an answer is late, and that is a failure; they are few.
        nameplane.await_true("two answers came in time", lambda: number("duration_seconds_count") >=
                             number("failures_total") + 2)
        agent.await_page("metrics", 'coredns_health_request_duration_seconds_bucket{le="0.00025"}')
        self.assertEqual(agent.stop(), 0)


if __name__ == "__main__":
    unittest.main()
