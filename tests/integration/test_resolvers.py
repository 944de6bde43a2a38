#!/usr/bin/env python3
"""The resolvers that pods have (glibc's and musl's, as their resolv.conf tells them), and dig, in a
network namespace where the agent has port 53: cluster names by every domain of the search list,
names outside through forward, and names that are nowhere, quickly."""

import os
import shutil
import subprocess
import sys
import unittest

import nameplane

OBJECTS = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7, "fd00:10:96::7"], ipFamilies: [IPv4, IPv6],
       ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {clusterIP: 10.96.0.8, clusterIPs: [10.96.0.8], ports: [{port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: many, namespace: shop}
spec: {clusterIP: None, clusterIPs: [None], ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: many-1, namespace: shop, labels: {kubernetes.io/service-name: many}}
addressType: IPv4
ports: [{port: 80}]
endpoints: [%s]
""" % ", ".join("{addresses: [10.1.%d.%d]}" % (i // 200, i % 200 + 1) for i in range(60))

# The upstream is a block of the same agent, at another address.
COREFILE = """\
.:53 {
    bind 127.0.0.1
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa
    forward . 127.0.0.2
    cache 30
}
.:53 {
    bind 127.0.0.2
    template ANY ANY {
        match "[.]corp[.]example[.]$|^nowhere[.]|^[a-z.]+[.]svc[.]$|^[a-z]+[.]$|^(web|db)[.][a-z]+[.]$"
        rcode NXDOMAIN
        authority "example. 30 IN SOA ns.example. root.example. 1 3600 600 86400 30"
        fallthrough
    }
    hosts {
        192.0.2.9 www.example.org
        2001:db8::9 www.example.org
        192.0.2.10 only4.example.org
    }
}
"""

RESOLV = """\
nameserver 127.0.0.1
search shop.svc.cluster.local svc.cluster.local cluster.local corp.example
options ndots:5%s
"""
EXPECTED = {
    "web": "10.96.0.7 fd00:10:96::7",
    "web.shop": "10.96.0.7 fd00:10:96::7",
    "web.shop.svc": "10.96.0.7 fd00:10:96::7",
    "web.shop.svc.cluster.local": "10.96.0.7 fd00:10:96::7",
    "web.shop.svc.cluster.local.": "10.96.0.7 fd00:10:96::7",
    "db.data": "10.96.0.8",
    "db": "no-name",
    "www.example.org": "192.0.2.9 2001:db8::9",
    "only4.example.org": "192.0.2.10",
    "nowhere.example.org": "no-name",
    "nowhere": "no-name",
}
QUICK_MS = 2000  # a resolver that is left without an answer waits for 2.5 or five seconds
TRIES = 5        # of what takes longer: left without an answer it would each time, a busy machine is late once


class Resolvers(nameplane.AgentTest):
    """One agent for all; the namespace goes with the process that holds it."""

    def setUp(self):
        super().setUp()
        namespace = nameplane.Namespace()
        self.addCleanup(namespace.close)
        self.prefix = namespace.prefix
        self.manifest("objects.yaml", OBJECTS)
        corefile = self.write("Corefile", COREFILE)
        self.agent = self.start("-conf", corefile, prefix=self.prefix).started()
        self.agent.wait_for(r" agent\.ready\b", seen=True)

    def run_as_pod(self, command, options=""):
        """Runs it with a resolv.conf of its own; its standard output."""
        resolv = self.write("resolv.conf", RESOLV % options)
        switch = self.write("nsswitch.conf", "hosts: files dns\n")
        script = ('mount --make-rprivate / && mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && '
                  'if [ -e /etc/nsswitch.conf ]; then mount --bind "$2" /etc/nsswitch.conf; fi && '
                  'shift 2 && exec "$@"')
        done = subprocess.run([*self.prefix, "unshare", "--mount", "sh", "-ec", script, "sh", resolv,
                               switch, *command], check=False, capture_output=True, text=True,
                              timeout=nameplane.WAIT_S * 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def compiled(self, compiler, *flags):
        program = os.path.join(self.folder, os.path.basename(compiler))
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resolve.c")
        subprocess.run([compiler, *flags, "-O1", "-o", program, source], check=True)
        return program

    def check_answers(self, program, options=""):
        (found, late) = ({}, list(EXPECTED))
        for _ in range(TRIES):
            output = self.run_as_pod([program, *late], options)
            late = []
            for line in output.splitlines():
                (answer, ms) = line.rsplit(" ms ", 1)
                (name, said) = answer.split(" ", 1)
                found[name] = said
                if int(ms) >= QUICK_MS:
                    late.append(name)
            if not late:
                break
        self.assertEqual(late, [], output)
        self.assertEqual(found, EXPECTED)

    def check_large(self, program, options=""):
        # 60 addresses do not fit into 512 octets: asked again by TCP, or cut.
        (line,) = self.run_as_pod([program, "many"], options).splitlines()
        return line.count(" 10.1.")


    def test_glibc(self):
        program = self.compiled("cc")
        for options in ("", " single-request", " single-request-reopen", " use-vc", " edns0"):
            with self.subTest(options=options):
                self.check_answers(program, options)
                self.assertEqual(self.check_large(program, options), 32)

    def test_musl(self):
        program = self.compiled("musl-gcc", "-static")
        self.check_answers(program)
        # musl 1.2.3 does not ask again by TCP: it takes what is there.
        self.assertGreater(self.check_large(program), 10)

    def test_dig_with_the_search_list(self):
        for name, expected in (("web", "10.96.0.7"), ("db.data", "10.96.0.8"),
                               ("www.example.org", "192.0.2.9")):
            for way in ((), ("+tcp",), ("+noedns",), ("+cookie",)):
                output = self.run_as_pod(["dig", "+search", "+short", *way, name, "A"])
                self.assertEqual(output.split(), [expected], (name, way))
        output = self.run_as_pod(["dig", "+search", "nowhere.example.org"])
        self.assertIn("status: NXDOMAIN", output)


def skip_reason():
    if os.geteuid() != 0:
        return "needs root for namespaces"
    for tool in ("unshare", "nsenter", "ip", "mount", "cc", "musl-gcc", "dig"):
        if shutil.which(tool) is None:
            return "needs " + tool
    return None


if __name__ == "__main__":
    REASON = skip_reason()
    if REASON is not None:
        print("skipped:", REASON)
        sys.exit(77)
    unittest.main()
