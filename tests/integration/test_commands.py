"""The subcommands of the real program: output, errors and exit codes."""

import os
import subprocess
import unittest

import nameplane

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: demo, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIP: 10.244.0.5, podIPs: [{ip: 10.244.0.5}]}
"""
NODE = "name: n1\npodCIDRs: [10.244.0.0/24]\naddresses: [{interface: eth0, address: 192.0.2.7}]\n"
SHIPPED = os.path.join(os.path.dirname(__file__), "..", "..", "config", "nameplane.toml")


class Commands(nameplane.AgentTest):
    def test_help_and_version(self):
        (code, text, error) = self.run_command("--help")
        self.assertEqual((code, error), (0, ""))
        self.assertLessEqual(text.count("\n"), 40)
        (code, text, _) = self.run_command("--version")
        self.assertEqual(code, 0)
        self.assertRegex(text, r"^nameplane \d+\.\d+\.\d+\n$")

    def test_unknown_words_get_the_nearest_known_one(self):
        (code, text, error) = self.run_command("--manifest", "x")
        self.assertEqual((code, text), (2, ""))
        self.assertIn("unknown option '--manifest', did you mean '--manifests'?", error)
        (code, _, error) = self.run_command("rendr")
        self.assertEqual(code, 2)
        self.assertIn("did you mean 'render'?", error)

    def test_check_says_all_that_is_wrong_or_that_it_is_good(self):
        self.assertEqual(self.run_command("check"), (0, "(default): good\n", ""))
        (code, text, _) = self.run_command("check", SHIPPED)
        self.assertEqual((code, text), (0, SHIPPED + ": good\n"))
        path = self.write("np.toml", "[dns]\nprot = 1\n[rules]\nmode = 5\n")
        (code, text, error) = self.run_command("check", path)
        self.assertEqual((code, text), (2, ""))
        self.assertEqual(error.splitlines(), [
            "nameplane: %s:2: unknown option 'prot', did you mean 'port'?" % path,
            "nameplane: %s:4: mode: '5', expected one of 'off' 'iptables' 'nftables' 'auto'" % path])
        self.assertEqual(self.run_command("check", "/does/not/exist")[0], 2)

    def test_check_refuses_what_a_run_would_refuse(self):
        path = self.write("np.toml", '[[server]]\nzones = ["in-addr.arpa"]\n[server.kubernetes]\n')
        said = path + ":3: zones: none but reverse ones, expected one such as cluster.local"
        (code, text, error) = self.run_command("check", path)
        self.assertEqual((code, text), (2, ""))
        self.assertIn(said, error)
        (code, _, error) = self.run_command("--config", path, "--manifests", self.manifests,
                                            "--listen", "127.0.0.1", "--port", "0")
        self.assertEqual(code, 2)
        self.assertIn("nameplane: " + said, error.splitlines())

    def test_check_finds_blocks_that_want_different_things_of_one_address(self):
        path = self.write("Corefile", "tls://a:853 {\n bind 127.0.0.1\n}\nb:853 {\n bind 127.0.0.1\n}\n"
                          "c:853 {\n bind elsewhere0\n whoami x y\n}\n")
        (code, text, error) = self.run_command("check", path)
        self.assertEqual((code, text), (2, ""))
        self.assertEqual(sorted(error.splitlines()), [
            "nameplane: %s:4: zones: dns://127.0.0.1:853 is tls:// elsewhere, expected another port"
            % path,
            "nameplane: %s:9: whoami: 'x', expected nothing behind it" % path])


class KubeProxyFile(nameplane.AgentTest):
    FILE = os.path.join(os.path.dirname(__file__), "..", "config", "kube-proxy", "kubeadm.yaml")

    def test_check_and_convert(self):
        self.assertEqual(self.run_command("check", self.FILE), (0, self.FILE + ": good\n", ""))
        (code, toml, error) = self.run_command("convert", self.FILE)
        self.assertEqual((code, error), (0, ""))
        self.assertIn('proxy_health = ":10256"\n', toml)
        self.assertEqual(self.run_command("check", self.write("kp.toml", toml))[0], 0)
        wrong = self.write("kp.yaml", "kind: KubeProxyConfiguration\nmode: 5\nmodes: x\n")
        (code, text, error) = self.run_command("check", wrong)
        self.assertEqual((code, text), (2, ""))
        self.assertEqual(error.splitlines(), [
            "nameplane: %s: apiVersion: '', expected 'kubeproxy.config.k8s.io/v1alpha1'" % wrong,
            "nameplane: %s:2: mode: '5', expected 'iptables' or 'nftables'" % wrong,
            "nameplane: %s:3: unknown field 'modes', did you mean 'mode'?" % wrong])

    def test_the_file_that_is_written_is_read(self):
        path = os.path.join(self.folder, "written.yaml")
        self.assertEqual(self.run_command("--write-config-to", path, "--proxy-mode=nftables"),
                         (0, "", ""))
        self.assertEqual(self.run_command("check", path), (0, path + ": good\n", ""))


class Render(nameplane.AgentTest):
    def render(self, *arguments):
        facts = self.write("node.yaml", NODE)
        return self.run_command("render", "--manifests", self.manifests, "--node-facts", facts,
                                *arguments)

    def test_half_an_answer_is_no_success(self):
        self.manifest("web.yaml", SERVICE)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([nameplane.BINARY, "render", "--manifests", self.manifests,
                                   "--to", "iptables-restore"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("write the rules: No space left on device", done.stderr)

    def test_plan_and_chains(self):
        self.manifest("web.yaml", SERVICE)
        (code, plan, _) = self.render("--to", "plan")
        self.assertEqual(code, 0)
        self.assertIn("demo/web:http", plan)
        self.assertIn("10.244.0.5:80", plan)
        (code, chains, _) = self.render("--to", "iptables-restore")
        self.assertEqual(code, 0)
        self.assertIn("*nat", chains)
        self.assertIn("-d 10.96.0.1 --dport 80", chains)
        self.assertIn("--to-destination 10.244.0.5:80", chains)
        (code, chains, _) = self.render("--to", "iptables-restore", "--family", "ipv6")
        self.assertEqual(code, 0)
        self.assertIn("KUBE-SERVICES", chains)
        self.assertNotIn("10.96.0.1", chains)

    def test_of_one_service(self):
        self.manifest("web.yaml", SERVICE)
        (code, plan, _) = self.render("--to", "plan", "--service", "demo/web")
        self.assertEqual(code, 0)
        self.assertIn("10.244.0.5:80", plan)
        (code, plan, error) = self.render("--to", "plan", "--service", "demo/wep")
        self.assertEqual((code, plan), (1, ""))
        self.assertIn("no rules for Service 'demo/wep' in ipv4, did you mean 'demo/web'?", error)

    def test_the_configuration_decides(self):
        self.manifest("web.yaml", SERVICE)
        config = self.write("np.toml", '[rules]\nmasquerade_bit = 3\n')
        (code, chains, _) = self.render("--to", "iptables-restore", "--config", config)
        self.assertEqual(code, 0)
        self.assertIn("0x00000008", chains)
        self.assertNotIn("0x00004000", chains)

    def test_nftables_text(self):
        self.manifest("web.yaml", SERVICE)
        (code, text, _) = self.render("--to", "nft")
        self.assertEqual(code, 0)
        self.assertIn("table ip nameplane {", text)
        self.assertIn('10.96.0.1 . tcp . 80 . 0 comment "demo/web:http" : 10.244.0.5 . 80', text)
        (code, text, _) = self.render("--to", "nft", "--family", "ipv6")
        self.assertEqual(code, 0)
        self.assertIn("table ip6 nameplane {", text)
        self.assertNotIn("10.96.0.1", text)

    def test_a_broken_document_is_told_and_the_rest_rendered(self):
        self.manifest("web.yaml", SERVICE)
        self.manifest("broken.yaml", "kind: Service\nmetadata: {name: x\n")
        (code, plan, error) = self.render("--to", "plan")
        self.assertEqual(code, 1)
        self.assertIn("demo/web:http", plan)
        self.assertRegex(error, r"broken\.yaml:\d+: ")

    def test_what_is_missing_is_named(self):
        facts = self.write("node.yaml", "label: {}\n")
        (code, _, error) = self.run_command("render", "--manifests", self.manifests, "--node-facts",
                                            facts, "--to", "plan")
        self.assertEqual(code, 2)
        self.assertIn("node.yaml:1:", error)
        (code, _, error) = self.run_command("render", "--to", "plan")
        self.assertEqual(code, 2)
        self.assertIn("--manifests", error)
        (code, _, error) = self.run_command("render", "--manifests", "/does/not/exist", "--to",
                                            "plan")
        self.assertEqual(code, 1)
        self.assertIn("/does/not/exist", error)


if __name__ == "__main__":
    unittest.main()
