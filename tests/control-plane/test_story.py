"""The demo's story with real parts: a Deployment and a Service are applied, the API server gives an
address, the controllers make Pods and slices, names and rules follow, and requests arrive."""

import re
import subprocess
import sys

import cluster_test
import expected
from cluster_test import NODE_ADDRESS, POD_GATEWAY, await_true, run

WEB = "web.default.svc.cluster.local"
CLIENT = "10.244.15.250"
SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.connection.getsockname()[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
server = Server(("0.0.0.0", 8080), Handler)
print("listening", flush=True)
server.serve_forever()
"""


class Host:
    """A network namespace behind the node, joined to it by a veth pair."""

    def __init__(self, name):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE, text=True)
        self.holder.stdout.readline()
        self.name = name
        self.prefix = ("nsenter", "--net=/proc/%d/ns/net" % self.holder.pid)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
            str(self.holder.pid))
        run("ip", "link", "set", name, "up")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", POD_GATEWAY, "dev", "eth0")
        self.run("ip", "route", "add", "default", "via", POD_GATEWAY)

    def run(self, *command):
        return run(*self.prefix, *command)

    def add(self, address):
        self.run("ip", "address", "add", address + "/32", "dev", "eth0")
        run("ip", "route", "add", address + "/32", "dev", self.name, "src", POD_GATEWAY)

    def remove(self, address):
        run("ip", "route", "del", address + "/32", "dev", self.name)
        self.run("ip", "address", "del", address + "/32", "dev", "eth0")

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Story(cluster_test.ClusterTest):
    def setUp(self):
        super().setUp()
        run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        (self.pods, self.client) = (Host("pods"), Host("client"))
        for host in (self.pods, self.client):
            self.addCleanup(host.close)
        self.client.add(CLIENT)
        server = subprocess.Popen([*self.pods.prefix, sys.executable, "-c", SERVER],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        server.stdout.readline()
        self.plane.kubelet.on_pod = lambda what, _, address: \
            (self.pods.add if what == "up" else self.pods.remove)(address)

    def curl(self, address, *more):
        """Exit code and what the pod says: its address."""
        done = subprocess.run([*self.client.prefix, "curl", "--silent", "--max-time", "60", *more,
                               "http://%s/" % address], capture_output=True, text=True, check=False)
        return (done.returncode, done.stdout)

    def backends(self):
        """Addresses of pods that the kernel sends the Service's connections to."""
        lines = sum((rules for ((_, chain), rules) in expected.rules_now().items()
                     if chain.startswith("KUBE-SEP-")), [])
        return {found.group(1) for line in lines if "default/web:" in line
                for found in [re.search(r"--to-destination ([0-9.]+):8080", line)] if found}

    def pods_of_api(self):
        return {address for one in self.endpoints("web") for address in one if ":" not in address}

    def dig(self, agent, name, kind="A"):
        return self.client.run("dig", "+short", "+time=20", "-p", str(agent.ports["dns"]), "@" + NODE_ADDRESS,
                               name, kind).split("\n")[:-1]

    def scaled(self, count):
        self.api.scale("default", "web", count)
        await_true("%d pods and their rules" % count, lambda: len(self.backends()) == count and
                   self.backends() == self.pods_of_api())

    def test_story(self):
        # A writer that is slow because the machine is holds names up.
        agent = self.ready_agent("--listen", NODE_ADDRESS, more_rules='publish_wait = "60s"')
        self.api.create(self.deployment("web", 3))
        service = self.api.create(self.service(
            "web", selector={"app": "web"},
            ports=[{"name": "http", "port": 80, "targetPort": "http"}]))
        self.api.create(self.service("web-pods", selector={"app": "web"}, clusterIP="None"))
        address = service["spec"]["clusterIP"]
        await_true("the name is there", lambda: self.dig(agent, WEB) == [address])
        # Rules come before names: whoever knows the name meets a rule, if only a REJECT.
        self.assertTrue(any(address in line for rules in expected.rules_now().values()
                            for line in rules))
        await_true("the rules of 3 pods", lambda: len(self.backends()) == 3)
        await_true("the port has a name", lambda: self.dig(
            agent, "_http._tcp." + WEB, "SRV") == ["0 100 80 %s." % WEB])

        answers = [self.curl(address) for _ in range(30)]
        self.assertEqual({code for (code, _) in answers}, {0})
        self.assertEqual({text for (_, text) in answers}, self.pods_of_api())

        self.api.scale("default", "web", 10)
        codes = []
        await_true("the rules of 10 pods", lambda: codes.append(self.curl(address)[0]) or
                   len(self.backends()) == 10)
        self.assertEqual(set(codes), {0})  # nobody was turned away meanwhile
        await_true("they are the API's", lambda: self.backends() == self.pods_of_api())
        await_true("the names of 10 pods", lambda: set(
            self.dig(agent, WEB.replace("web", "web-pods", 1))) == self.pods_of_api())

        self.scaled(1)
        self.assertEqual({self.curl(address) for _ in range(5)},
                         {(0, address) for address in self.pods_of_api()})
        self.scaled(0)
        # REJECT stands in another table than what led to the pod, and is written in a step of its own.
        await_true("it is refused", lambda: self.curl(address) == (7, ""))
        self.assertEqual(self.dig(agent, WEB), [address])
        self.await_equal(agent)

        self.latency_is_counted(agent)
        self.api.delete("Service", "default", "web")
        await_true("the name is gone",
                   lambda: agent.udp(WEB, address=NODE_ADDRESS).rcode == "NXDOMAIN")
        self.await_equal(agent, {WEB + "."})
        self.assertEqual(agent.stop(), 0)

    def latency_is_counted(self, agent):
        """From the controller's annotation, as dashboards for CoreDNS and kube-proxy want it. Its
        times are whole seconds, and those before the agent's start do not count."""
        def counted():
            self.scaled(1)
            self.scaled(0)
            page = agent.get("metrics")[1]
            return all(re.search(r"^%s_duration_seconds_count.* [1-9]" % name, page, re.MULTILINE)
                       for name in ("coredns_kubernetes_dns_programming",
                                    "kubeproxy_network_programming"))
        await_true("changes after the agent's start are counted", counted)


if __name__ == "__main__":
    cluster_test.main()
