#!/usr/bin/env python3
"""A pod's search list is walked for it, by the real program."""

import socket
import unittest

import nameplane

# The pods' addresses are loopback's, so that the test can ask from them.
OBJECTS = """\
apiVersion: v1
kind: Pod
metadata: {name: shop, namespace: team}
status: {phase: Running, podIP: 127.0.0.5, podIPs: [{ip: 127.0.0.5}]}
---
apiVersion: v1
kind: Pod
metadata: {name: over, namespace: team}
status: {phase: Succeeded, podIP: 127.0.0.6, podIPs: [{ip: 127.0.0.6}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: other}
spec: {clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7], ports: [{port: 80}]}
"""
COREFILE = """\
. {
    autopath @kubernetes
    cache 30
    hosts {
        192.0.2.9 www.example.org
        fallthrough
    }
    kubernetes cluster.local . {
        pods verified
    }
}
"""
SUFFIX = ".team.svc.cluster.local"


class Autopath(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.manifest("objects.yaml", OBJECTS)
        self.agent = self.start("-conf", self.write("Corefile", COREFILE)).started()

    def ask(self, name, type_name="A", client="127.0.0.5"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(nameplane.WAIT_S)
            asking.bind((client, 0))
            asking.sendto(nameplane.query_bytes(name, type_name),
                          ("127.0.0.1", self.agent.ports["dns"]))
            return nameplane.Reply(asking.recv(65535))

    def test_names_are_found_further_down_the_list(self):
        for _ in range(2):  # the second time out of the cache
            for name, address in (("db.other", "10.96.0.7"), ("www.example.org", "192.0.2.9")):
                reply = self.ask(name + SUFFIX)
                self.assertEqual(reply.rcode, "NOERROR", name)
                self.assertEqual(reply.qname, name + SUFFIX + ".")
                self.assertEqual([kind for (_, kind, _, _) in reply.answer], ["CNAME", "A"])
                self.assertEqual(reply.data("A"), [address])
        self.assertEqual(self.ask("db.other" + SUFFIX, "AAAA").rcode, "NOERROR")

    def test_what_is_nowhere_does_not_exist(self):
        reply = self.ask("nope" + SUFFIX)
        self.assertEqual(reply.rcode, "NXDOMAIN")
        self.assertEqual(reply.qname, "nope" + SUFFIX + ".")
        self.assertEqual(reply.authority[0][0], "cluster.local.")

    def test_only_running_pods_have_a_list(self):
        for client in ("127.0.0.6", "127.0.0.1"):
            self.assertEqual(self.ask("www.example.org" + SUFFIX, client=client).rcode, "NXDOMAIN")


if __name__ == "__main__":
    unittest.main()
