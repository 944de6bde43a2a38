"""The real program answers for every kind of Service, over UDP and TCP, IPv4 and IPv6."""

import socket
import struct
import unittest

import nameplane

SERVICES = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec:
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10, "fd00:10:96::a"]
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: peers, namespace: demo}
spec:
  clusterIP: None
  selector: {app: peer}
  ports: [{name: raft, port: 7000}]
---
apiVersion: v1
kind: Pod
metadata: {name: peer-0, namespace: demo, labels: {app: peer}}
spec: {hostname: peer-0, subdomain: peers, nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIP: 10.244.0.5, podIPs: [{ip: 10.244.0.5}],
         conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: peer-x, namespace: demo, labels: {app: peer}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIP: 10.244.0.6, podIPs: [{ip: 10.244.0.6}],
         conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: demo}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: demo}
spec: {type: ExternalName, externalName: web.demo.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: ported, namespace: demo}
spec: {type: NodePort, clusterIP: 10.96.0.11, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: balanced, namespace: demo}
spec: {type: LoadBalancer, clusterIP: 10.96.0.12, ports: [{port: 80, nodePort: 30081}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.80}]}}
"""

# name, type, rcode, rdata of the answers of that type
EXPECTED = [
    ("web.demo.svc.cluster.local", "A", "NOERROR", ["10.96.0.10"]),
    ("web.demo.svc.cluster.local", "AAAA", "NOERROR", ["fd00:10:96::a"]),
    ("WEB.demo.SVC.cluster.local", "A", "NOERROR", ["10.96.0.10"]),
    ("ported.demo.svc.cluster.local", "A", "NOERROR", ["10.96.0.11"]),
    ("balanced.demo.svc.cluster.local", "A", "NOERROR", ["10.96.0.12"]),
    ("ported.demo.svc.cluster.local", "AAAA", "NOERROR", []),
    ("peers.demo.svc.cluster.local", "A", "NOERROR", ["10.244.0.5", "10.244.0.6"]),
    ("peer-0.peers.demo.svc.cluster.local", "A", "NOERROR", ["10.244.0.5"]),
    ("10-244-0-6.peers.demo.svc.cluster.local", "A", "NOERROR", ["10.244.0.6"]),
    ("outside.demo.svc.cluster.local", "CNAME", "NOERROR", ["example.com."]),
    ("alias.demo.svc.cluster.local", "A", "NOERROR", ["10.96.0.10"]),
    # Each of the Service's two addresses has a share of the weight, as CoreDNS counts.
    ("_http._tcp.web.demo.svc.cluster.local", "SRV", "NOERROR",
     ["0 50 80 web.demo.svc.cluster.local."]),
    ("_raft._tcp.peers.demo.svc.cluster.local", "SRV", "NOERROR",
     ["0 50 7000 10-244-0-6.peers.demo.svc.cluster.local.",
      "0 50 7000 peer-0.peers.demo.svc.cluster.local."]),
    ("10.0.96.10.in-addr.arpa", "PTR", "NOERROR", ["web.demo.svc.cluster.local."]),
    ("5.0.244.10.in-addr.arpa", "PTR", "NOERROR", ["peer-0.peers.demo.svc.cluster.local."]),
    ("dns-version.cluster.local", "TXT", "NOERROR", ["1.1.0"]),
    ("cluster.local", "SOA", "NOERROR", ["ns.dns.cluster.local."]),
    ("missing.demo.svc.cluster.local", "A", "NXDOMAIN", []),
    ("web.other.svc.cluster.local", "A", "NXDOMAIN", []),
    ("example.com", "A", "REFUSED", []),
]


class Names(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.manifest("services.yaml", SERVICES)
        listen = ["127.0.0.1", "::1"] if socket.has_ipv6 else ["127.0.0.1"]
        self.addresses = [address for address in listen if can_bind(address)]
        self.agent = self.start(listen=self.addresses).started()

    def test_every_kind_of_service_over_every_transport(self):
        for address in self.addresses:
            for ask in (self.agent.udp, self.agent.tcp):
                for (name, kind, rcode, data) in EXPECTED:
                    with self.subTest(name=name, kind=kind, ask=ask.__name__, address=address):
                        reply = ask(name, kind, address=address)
                        self.assertEqual(reply.rcode, rcode)
                        self.assertEqual(reply.data(kind), data)
                        self.assertEqual(reply.qname, name + ".")
                        self.assertEqual(reply.aa, rcode != "REFUSED")

    def test_absence_comes_with_the_zones_soa(self):
        for (name, kind) in [("missing.demo.svc.cluster.local", "A"),
                             ("web.demo.svc.cluster.local", "TXT")]:
            reply = self.agent.udp(name, kind)
            self.assertEqual([kind for (_, kind, _, _) in reply.authority], ["SOA"])
            self.assertEqual(reply.authority[0][0], "cluster.local.")

    def test_an_alias_is_followed_in_the_zone(self):
        reply = self.agent.udp("alias.demo.svc.cluster.local", "A")
        self.assertEqual([kind for (_, kind, _, _) in reply.answer], ["CNAME", "A"])

    def test_several_queries_on_one_connection(self):
        names = ["web.demo.svc.cluster.local", "peers.demo.svc.cluster.local", "example.com"]
        with self.agent.connect() as client:
            wire = b""
            for (number, name) in enumerate(names):
                query = nameplane.query_bytes(name, "A", query_id=number)
                wire += struct.pack("!H", len(query)) + query
            client.sendall(wire)
            replies = {reply.id: reply for reply in (nameplane.read_tcp(client) for _ in names)}
        self.assertEqual([replies[i].rcode for i in range(3)], ["NOERROR", "NOERROR", "REFUSED"])

    def test_the_ttl_is_that_of_the_configuration(self):
        config = self.write("ttl.toml", '[[server]]\nzones = ["cluster.local"]\n'
                                        "[server.kubernetes]\nttl = 77\n")
        other = self.start("--config", config).started()
        self.assertEqual(self.agent.udp("web.demo.svc.cluster.local").answer[0][2], 5)
        self.assertEqual(other.udp("web.demo.svc.cluster.local").answer[0][2], 77)
        self.assertEqual(other.udp("10.0.96.10.in-addr.arpa", "PTR").rcode, "REFUSED")


def can_bind(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    unittest.main()
