"""Ways to the API server and what goes wrong on them: tokens and certificates that change, authorities
that do not vouch, plugins, proxies; and that it is said what is wrong and what to do."""

import base64
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading

import cluster_test
import control_plane
from cluster_test import await_true
from expected import nameplane

WAIT = cluster_test.SETTLE_S


class ConnectProxy:
    """An HTTP proxy that knows CONNECT only; counts what it was asked for."""

    def __init__(self):
        self.asked = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                (client, _) = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(4096)
            if not more:
                return
            head += more
        target = head.split()[1].decode()
        self.asked.append(target)
        (host, _, port) = target.rpartition(":")
        server = socket.create_connection((host, int(port)), timeout=60)
        server.settimeout(None)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for (source, sink) in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source, sink):
        try:
            while octets := source.recv(65536):
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self._listener.close()


class TlsServer:
    """Shows a certificate and says nothing else."""

    def __init__(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)),
                                             server_side=True)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while self._listener.fileno() >= 0:
            try:
                self._listener.accept()[0].close()
            except OSError:
                continue

    def close(self):
        self._listener.close()


class Connection(cluster_test.ClusterTest):
    counter = 0

    def setUp(self):
        super().setUp()
        self.addCleanup(self.write_tokens, {})

    def write_tokens(self, tokens):
        """Users of the API server from its next start on, beside the administrator."""
        self.plane.tokens = {control_plane.ADMIN_TOKEN: ("admin", "system:masters"), **tokens}
        self.plane.write_tokens()

    def agent_of(self, user, cluster=None, port=None, **options):
        kubeconfig = self.plane.kubeconfig("%s.kubeconfig" % self.id().rpartition(".")[2], user,
                                           port, cluster)
        return self.start_agent(kubeconfig=kubeconfig, rules=False, **options).started()

    def follows(self, agent):
        """The agent sees what changes now."""
        Connection.counter += 1
        name = "seen-%d" % Connection.counter
        self.api.create(self.service(name))
        self.await_name(agent, name)

    def complains(self, agent, *words):
        """The log and /ready say what is wrong, all of `words` in one sentence."""
        found = self.await_lines(agent, repr(words), *words)
        body = await_true("/ready with %r" % (words,), lambda: [
            body for (_, body) in [agent.get("ready")]
            if all(re.search(word, body) for word in words)])
        return (found[0], body[0])

    def mend(self, agent):
        """What was wrong is mended: the agent finds out by itself."""
        self.await_ready(agent)
        self.follows(agent)
        self.assertEqual(agent.stop(), 0)

    def pki(self, name):
        return self.plane.certificates.path(name)

    def data(self, name):
        return base64.b64encode(pathlib.Path(self.pki(name)).read_bytes()).decode()

    # -- who we are --

    def test_client_certificate_in_files_and_embedded(self):
        for user in ({"client-certificate": self.pki("admin.crt"),
                      "client-key": self.pki("admin.key")},
                     {"client-certificate-data": self.data("admin.crt"),
                      "client-key-data": self.data("admin.key")}):
            agent = self.agent_of(user, {"certificate-authority-data": self.data("ca.crt")})
            self.mend(agent)

    def test_options_in_place_of_a_kubeconfig(self):
        api = '[api]\nendpoint = "https://127.0.0.1:%d"\ncertificate = "%s"\nkey = "%s"\n' \
              'authority = "%s"\n' % (self.plane.port, self.pki("admin.crt"), self.pki("admin.key"),
                                      self.pki("ca.crt"))
        self.mend(self.start_agent(kubeconfig="", rules=False, more=api).started())

    def test_the_context_that_is_named(self):
        user = {"token": control_plane.ADMIN_TOKEN}
        path = pathlib.Path(self.plane.kubeconfig("contexts.kubeconfig", user))
        value = json.loads(path.read_text())
        value["clusters"].append({"name": "away", "cluster": {"server": "https://127.0.0.1:1"}})
        value["contexts"].append({"name": "away", "context": {"cluster": "away", "user": "test"}})
        value["current-context"] = "away"
        path.write_text(json.dumps(value))
        self.mend(self.start_agent("--context", "test", kubeconfig=str(path),
                                   rules=False).started())

    def test_in_the_cluster(self):
        # /run, where /var/run leads, is this process's own.
        folder = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca.crt").write_bytes(pathlib.Path(self.pki("ca.crt")).read_bytes())
        (folder / "token").write_text(control_plane.ADMIN_TOKEN)
        (folder / "namespace").write_text("kube-system")
        environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                       "KUBERNETES_SERVICE_PORT": str(self.plane.port)}
        self.mend(self.start_agent(kubeconfig="", rules=False, environment=environment).started())
        # On a node, before there are rules: the same identity by another way.
        environment["KUBERNETES_SERVICE_HOST"] = "10.96.0.1"
        self.mend(self.start_agent("--master", "https://127.0.0.1:%d" % self.plane.port,
                                   kubeconfig="", rules=False, environment=environment).started())

    def test_token_rotated_on_disk(self):
        self.write_tokens({"first": ("agent", "system:masters")})
        self.plane.apiserver.restart()
        token = self.write("token", "first\n")
        agent = self.agent_of({"tokenFile": token})
        self.await_ready(agent)
        asker = self.anchor(agent, "anchor-token")

        self.write_tokens({"second": ("agent", "system:masters")})
        self.plane.apiserver.restart()
        self.complains(agent, "401", "[Tt]oken")
        self.write("token", "second\n")
        self.follows(agent)
        # And in time: both are good, the new one is there, the old one goes.
        self.write_tokens({"second": ("agent", "system:masters"),
                           "third": ("agent", "system:masters")})
        self.write("token", "third\n")
        self.write_tokens({"third": ("agent", "system:masters")})
        self.plane.apiserver.restart()
        self.follows(agent)
        self.assertEqual(asker.stop()[:3], [])
        self.mend(agent)

    def test_client_certificate_renewed(self):
        certificates = self.plane.certificates
        (certificate, key) = certificates.sign("agent", "client-ca", "/O=system:masters/CN=agent")
        agent = self.agent_of({"client-certificate": certificate, "client-key": key})
        self.await_ready(agent)
        kept = pathlib.Path(self.pki("client-ca.crt")).read_bytes()
        certificates.authority("other-ca")
        other = pathlib.Path(self.pki("other-ca.crt")).read_bytes()
        pathlib.Path(self.pki("client-ca.crt")).write_bytes(other)  # read as it changes
        self.addCleanup(self.plane.apiserver.restart)
        self.addCleanup(pathlib.Path(self.pki("client-ca.crt")).write_bytes, kept)
        self.plane.apiserver.restart()
        self.complains(agent, "401|certificate")
        certificates.sign("agent", "other-ca", "/O=system:masters/CN=agent")
        self.mend(agent)

    def test_unknown_to_the_server(self):
        agent = self.agent_of({"token": "nobody's"})
        (_, body) = self.complains(agent, "401", "[Tt]oken")
        self.assertEqual(agent.get("ready")[0], 503, body)
        self.assertEqual(agent.get("health")[0], 200)

    def test_known_but_not_allowed(self):
        self.write_tokens({"poor": ("poor", "nothing")})
        self.plane.apiserver.restart()
        agent = self.agent_of({"token": "poor"})
        self.complains(agent, "403", "list|watch", "services")
        self.complains(agent, "403", "list|watch", "endpointslices", "discovery.k8s.io")

    def test_token_of_an_exec_plugin(self):
        self.write_tokens({"one": ("agent", "system:masters")})
        self.plane.apiserver.restart()
        calls = os.path.join(self.folder, "calls")
        answer = self.write("answer", self.credential("one"))
        plugin = self.write("plugin", "#!/bin/sh\necho call >>%s\ncat %s\n" % (calls, answer))
        os.chmod(plugin, 0o755)
        agent = self.agent_of({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": plugin,
            "interactiveMode": "Never"}})
        self.await_ready(agent)
        self.follows(agent)
        self.assertLess(len(pathlib.Path(calls).read_text().split()), 5)  # its answer is kept
        self.write_tokens({"two": ("agent", "system:masters")})
        self.write("answer", self.credential("two"))
        self.plane.apiserver.restart()
        self.mend(agent)

    @staticmethod
    def credential(token):
        return json.dumps({"apiVersion": "client.authentication.k8s.io/v1",
                           "kind": "ExecCredential", "status": {"token": token}})

    def test_exec_plugin_that_fails(self):
        plugin = self.write("plugin", "#!/bin/sh\necho log in first >&2\nexit 3\n")
        os.chmod(plugin, 0o755)
        agent = self.agent_of({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                                        "command": plugin, "interactiveMode": "Never"}})
        self.complains(agent, re.escape(plugin), "log in first|3")

    # -- who the server is --

    def test_authority_changed_on_disk(self):
        certificates = self.plane.certificates
        kept = {name: pathlib.Path(self.pki(name)).read_bytes()
                for name in ("server.crt", "server.key")}
        authority = self.write("ca.crt", pathlib.Path(self.pki("ca.crt")).read_text())
        agent = self.agent_of({"token": control_plane.ADMIN_TOKEN},
                              {"certificate-authority": authority})
        self.await_ready(agent)
        asker = self.anchor(agent, "anchor-authority")
        certificates.authority("new-ca")
        self.plane.sign_server("new-ca")
        context = self.plane.api.context
        context.load_verify_locations(self.pki("new-ca.crt"))
        self.addCleanup(self.plane.apiserver.restart)
        for (name, octets) in kept.items():
            self.addCleanup(pathlib.Path(self.pki(name)).write_bytes, octets)
        self.plane.apiserver.restart()
        self.complains(agent, "certificate", "authorit|certificate-authority|CA")
        self.write("ca.crt", pathlib.Path(self.pki("new-ca.crt")).read_text())
        self.follows(agent)
        self.assertEqual(asker.stop()[:3], [])
        self.mend(agent)

    def test_wrong_authority(self):
        self.plane.certificates.authority("stranger")
        user = {"token": control_plane.ADMIN_TOKEN}
        agent = self.agent_of(user, {"certificate-authority": self.pki("stranger.crt")})
        self.complains(agent, "certificate", "authorit|certificate-authority|CA")
        self.mend(self.agent_of(user, {"insecure-skip-tls-verify": True}))

    def test_wrong_name(self):
        user = {"token": control_plane.ADMIN_TOKEN}
        agent = self.agent_of(user, {"tls-server-name": "elsewhere.example"})
        self.complains(agent, "certificate", r"elsewhere\.example")
        self.mend(self.agent_of(user, {"tls-server-name": "kubernetes.default.svc"}))

    def test_wrong_time(self):
        server = TlsServer(*self.plane.certificates.sign(
            "expired", "ca", "/CN=expired", ["IP:127.0.0.1"], days=-1))
        self.addCleanup(server.close)
        agent = self.agent_of({"token": control_plane.ADMIN_TOKEN}, port=server.port)
        self.complains(agent, "certificate", "clock|expired|time")

    # -- by what way --

    def test_through_a_proxy(self):
        proxy = ConnectProxy()
        self.addCleanup(proxy.close)
        agent = self.agent_of({"token": control_plane.ADMIN_TOKEN},
                              {"proxy-url": "http://127.0.0.1:%d" % proxy.port})
        self.await_ready(agent)
        self.assertEqual(set(proxy.asked), {"127.0.0.1:%d" % self.plane.port})
        self.mend(agent)

    def test_nobody_there(self):
        port = control_plane.free_port()
        agent = self.agent_of({"token": control_plane.ADMIN_TOKEN}, port=port)
        self.complains(agent, "127.0.0.1:%d|127.0.0.1 port %d" % (port, port))
        self.assertEqual(agent.get("ready")[0], 503)

    # -- without an agent --

    def render(self, *arguments):
        done = subprocess.run([nameplane.BINARY, "render", *arguments], capture_output=True,
                              text=True, timeout=WAIT, check=False)
        return (done.returncode, done.stdout, done.stderr)

    def test_the_rules_of_a_cluster_as_text(self):
        for (name, address) in (("shown", "10.244.7.1"), ("other", "10.244.7.2")):
            self.api.create(self.service(name))
            self.api.create(self.slice(name + "-a", name, [address]))
        cluster_ip = self.api.get("Service", "default", "shown")["spec"]["clusterIP"]
        of_the_cluster = ("--kubeconfig", self.plane.admin_kubeconfig)
        (code, plan, error) = self.render(*of_the_cluster, "--to", "plan")
        self.assertEqual((code, error), (0, ""))
        for text in ("default/shown:http tcp", "default/other:http tcp", "default/kubernetes:https",
                     "cluster IP %s:80" % cluster_ip, "10.244.7.1:8080"):
            self.assertIn(text, plan)
        (code, plan, _) = self.render(*of_the_cluster, "--to", "plan", "--service", "default/shown")
        self.assertEqual(code, 0)
        self.assertIn("10.244.7.1:8080", plan)
        self.assertNotIn("default/other", plan)
        (code, text, _) = self.render(*of_the_cluster, "--to", "nft", "--service", "default/shown")
        self.assertEqual(code, 0)
        self.assertIn("%s . tcp . 80 . 0 comment" % cluster_ip, text)
        self.assertIn(control_plane.SERVICE_CIDRS.split(",")[0], text)  # a ServiceCIDR
        (code, text, error) = self.render(*of_the_cluster, "--to", "plan", "--service",
                                          "default/show")
        self.assertEqual((code, text), (1, ""))
        self.assertIn("did you mean 'default/shown'?", error)

    def test_no_rules_of_a_cluster_that_does_not_answer(self):
        (code, text, error) = self.render("--to", "plan", "--kubeconfig", self.plane.kubeconfig(
            "nobody.kubeconfig", {"token": "nobody's"}))
        self.assertEqual((code, text), (1, ""))
        self.assertIn("401", error)


if __name__ == "__main__":
    cluster_test.main()
