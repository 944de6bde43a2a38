#!/usr/bin/env python3
"""dnsperf runs by UDP, TCP, TLS and HTTPS while the configuration is read again twenty times, by
signal and because its file changes: no query is lost, and none gets SERVFAIL."""

import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

import nameplane

RELOADS = 10  # of each way
COREFILE = """\
.:0 tls://.:0 https://.:0 {
    tls cert.pem key.pem
    root %s
    reload 2s 1s
    cache 30
    hosts {
        ttl %d
        192.0.2.1 www.example.org
        192.0.2.2 cached.example.org
        fallthrough
    }
    kubernetes cluster.local
}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7], ports: [{port: 80}]}
"""
QUESTIONS = """\
www.example.org A
cached.example.org A
web.shop.svc.cluster.local A
nowhere.shop.svc.cluster.local A
"""


class Reloads(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", os.path.join(self.folder, "key.pem"),
                        "-out", os.path.join(self.folder, "cert.pem")],
                       check=True, capture_output=True)
        self.manifest("web.yaml", SERVICE)
        self.write("Corefile", COREFILE % (self.folder, 5))
        self.questions = self.write("questions", QUESTIONS)
        self.agent = self.start("-conf", os.path.join(self.folder, "Corefile")).started()
        self.agent.wait_for(r" agent\.ready\b", seen=True)

    def load(self, mode, port, *more):
        process = subprocess.Popen(
            ["dnsperf", "-m", mode, "-s", "127.0.0.1", "-p", str(self.agent.ports[port]),
             "-d", self.questions, "-l", "600", "-Q", "200", "-t", str(nameplane.WAIT_S),
             *(more or ("-c", "4"))],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_no_query_is_lost(self):
        uri = "https://127.0.0.1:%d/dns-query" % self.agent.ports["https"]
        loads = {"udp": self.load("udp", "dns"), "tcp": self.load("tcp", "dns"),
                 "dot": self.load("dot", "tls"),
                 # dnsperf 2.10 gets stuck when two answers come in one piece.
                 "doh": self.load("doh", "https", "-O", "doh-uri=" + uri, "-c", "1", "-q", "1")}
        for number in range(RELOADS):
            self.agent.process.send_signal(signal.SIGUSR1)
            self.agent.wait_for(r" reload\.done\b")
            # The cache is another one every other time.
            self.write("Corefile", COREFILE % (self.folder, 10 + number))
            self.agent.wait_for(r" reload\.done\b")
        for mode, process in loads.items():
            self.assertIsNone(process.poll(), mode)
            process.send_signal(signal.SIGINT)
        for mode, process in loads.items():
            output = process.communicate(timeout=nameplane.WAIT_S)[0]
            said = dict(re.findall(r"^\s*([A-Z][A-Za-z ]+):\s+(.*)$", output, re.M))
            # It went on all the time, however slow the machine: for each reload some.
            self.assertGreater(int(said["Queries completed"].split()[0]), 5 * RELOADS, output)
            self.assertEqual(said["Queries lost"].split()[0], "0", mode + output)
            codes = {code for code, _, _ in
                     re.findall(r"([A-Z]+) (\d+) \(([\d.]+)%\)", said["Response codes"])}
            self.assertEqual(codes, {"NOERROR", "NXDOMAIN"}, mode + output)
            print(mode, said["Queries completed"], "lost", said["Queries lost"])


if __name__ == "__main__":
    if shutil.which("dnsperf") is None:
        print("skipped: needs dnsperf")
        sys.exit(77)
    unittest.main()
