#!/usr/bin/env python3
"""A run from a Corefile: ports, addresses, flags, reload, the end."""

import os
import signal
import socket
import subprocess
import threading
import unittest

import nameplane

WHOAMI = ". {\n    whoami {\n        ttl %d\n    }\n    %s\n}\n"


class CorefileTest(nameplane.AgentTest):
    def start_corefile(self, text, *arguments):
        self.corefile = self.write("Corefile", text)
        return self.start("-conf", self.corefile, *arguments).started()

    def ask(self, agent, name, address="127.0.0.1", port=None):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(nameplane.WAIT_S)
            client.sendto(nameplane.query_bytes(name, "A"), (address, port or agent.ports["dns"]))
            return nameplane.Reply(client.recv(65535))

    def ttl(self, agent):
        return self.ask(agent, "a.example").additional[0][2]


class Listening(CorefileTest):
    def test_blocks_have_ports_and_addresses_of_their_own(self):
        port = nameplane.free_port()
        agent = self.start_corefile("""
a.example {
    whoami
}
b.example:%d, a.example:%d {
    bind 127.0.0.2
    whoami
}
b.example:%d {
    bind 127.0.0.3
    whoami
}
""" % (port, port, port))
        first = (("127.0.0.1", None), "a.example")
        for (address, number), name in (first, (("127.0.0.2", port), "a.example"),
                                        (("127.0.0.2", port), "b.example"),
                                        (("127.0.0.3", port), "b.example")):
            self.assertEqual(self.ask(agent, name, address, number).rcode, "NOERROR", (address, name))
        self.assertEqual(self.ask(agent, "b.example").rcode, "REFUSED")
        self.assertEqual(self.ask(agent, "a.example", "127.0.0.3", port).rcode, "REFUSED")

    def test_the_corefile_of_the_working_folder_is_used(self):
        self.write("Corefile", ". {\n    nonsense\n}\n")
        done = subprocess.run([nameplane.BINARY, "-dns.port=0"], cwd=self.folder, check=False,
                              capture_output=True, text=True, timeout=nameplane.WAIT_S)
        self.assertEqual((done.returncode, done.stderr),
                         (2, "nameplane: Corefile:2: unknown plugin 'nonsense'\n"))

    def test_start_lines_and_pid_file(self):
        corefile = self.write("Corefile", "dns://a.example:0, 10.0.2.0/24:0 {\n    whoami\n"
                                          "    bind 127.0.0.1\n}\n")
        pid_file = os.path.join(self.folder, "pid")
        for quiet in ([], ["-quiet"]):
            with subprocess.Popen([nameplane.BINARY, "-conf", corefile, "-pidfile", pid_file,
                                   *quiet], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as process:
                try:
                    for line in process.stderr:
                        if " agent.started" in line:
                            break
                    with open(pid_file, encoding="ascii") as file:
                        self.assertEqual(int(file.read()), process.pid)
                    process.terminate()
                    output = process.communicate(timeout=nameplane.WAIT_S)[0].splitlines()
                    self.assertEqual(process.returncode, 0)
                    self.assertFalse(os.path.exists(pid_file))
                finally:
                    process.kill()
            if quiet:
                self.assertEqual(output, [])
                continue
            self.assertEqual(output[:2], ["a.example.:0 on 127.0.0.1",
                                          "2.0.10.in-addr.arpa.:0 on 127.0.0.1"])
            self.assertIn("in the place of CoreDNS-", output[2])
            self.assertTrue(output[3].startswith("linux/"))


class Life(CorefileTest):
    def test_sigusr1_reads_the_file_again_and_a_broken_one_is_counted(self):
        agent = self.start_corefile(WHOAMI % (10, "prometheus 127.0.0.1:0"))
        self.assertEqual(self.ttl(agent), 10)
        self.write("Corefile", WHOAMI % (20, "prometheus 127.0.0.1:0"))
        agent.process.send_signal(signal.SIGUSR1)
        agent.wait_for(r" reload\.done\b")
        self.assertEqual(self.ttl(agent), 20)
        self.write("Corefile", WHOAMI % (5000, "nonsense"))
        agent.process.send_signal(signal.SIGUSR1)
        agent.wait_for(r"Corefile:3: ttl: '5000', expected seconds from 0 to 3600")
        agent.wait_for(r"Corefile:5: unknown plugin 'nonsense'")
        agent.wait_for(r" reload\.refused\b")
        self.assertEqual(self.ttl(agent), 20)
        page = agent.get("metrics")[1]
        self.assertIn("coredns_reload_failed_total 1", page.splitlines())
        enabled = [line for line in page.splitlines() if line.startswith("coredns_plugin_enabled{")]
        self.assertEqual(enabled, ['coredns_plugin_enabled{server="dns://127.0.0.1:0",zone=".",'
                                   'view="",name="whoami"} 1'])
        infos = [line for line in page.splitlines()
                 if line.startswith("coredns_reload_version_info{") and line.endswith(" 1")]
        self.assertEqual(len(infos), 1, infos)
        self.assertRegex(infos[0], r'hash="sha512",value="[0-9a-f]{128}"')

    def test_a_changed_import_is_noticed(self):
        self.write("ttl", "ttl 10\n")
        agent = self.start_corefile(". {\n    whoami {\n        import ttl\n    }\n"
                                    "    reload 2s 1s\n}\n")
        self.assertEqual(self.ttl(agent), 10)
        self.write("ttl", "ttl 20\n")
        agent.wait_for(r" reload\.done\b")
        self.assertEqual(self.ttl(agent), 20)

    def test_no_query_is_lost_over_twenty_reloads(self):
        agent = self.start_corefile(WHOAMI % (0, ""))
        wrong = []
        ended = threading.Event()

        def ask_on():
            while not ended.is_set() and not wrong:
                for ask in (agent.udp, agent.tcp):
                    try:
                        reply = ask("a.example")
                    except OSError as error:
                        wrong.append(error)
                        return
                    if reply.rcode != "NOERROR" or len(reply.additional) != 2:
                        wrong.append((reply.rcode, reply.additional))

        askers = [threading.Thread(target=ask_on) for _ in range(4)]
        for asker in askers:
            asker.start()
        try:
            for i in range(1, 21):
                self.write("Corefile", WHOAMI % (i, ""))
                agent.process.send_signal(signal.SIGUSR1)
                agent.wait_for(r" reload\.done\b")
                self.assertEqual(self.ttl(agent), i)
        finally:
            ended.set()
            for asker in askers:
                asker.join()
        self.assertEqual(wrong, [])

    def test_relative_paths_are_meant_in_the_root(self):
        os.mkdir(os.path.join(self.folder, "zones"))
        self.write("zones/table", "192.0.2.7 a.example\n")
        agent = self.start_corefile(". {\n    root %s/zones\n    hosts table\n}\n" % self.folder)
        self.assertEqual(agent.udp("a.example").data("A"), ["192.0.2.7"])

    def test_ports_that_change_need_a_restart(self):
        agent = self.start_corefile(WHOAMI % (10, ""))
        self.write("Corefile", "a.example:1 {\n    whoami\n}\n")
        agent.process.send_signal(signal.SIGUSR1)
        self.assertIn("a restart is needed to listen on 127.0.0.1:1",
                      agent.wait_for(r" reload\.refused\b"))
        self.assertEqual(self.ttl(agent), 10)

    def test_lameduck_answers_on_and_a_second_signal_ends_it(self):
        agent = self.start_corefile(WHOAMI % (10, "ready 127.0.0.1:0\n    health 127.0.0.1:0 {\n"
                                                  "        lameduck 1h\n    }"))
        self.assertEqual(agent.get("ready")[0], 200)
        agent.process.send_signal(signal.SIGTERM)
        agent.wait_for(r" agent\.lameduck\b")
        self.assertEqual(self.ttl(agent), 10)
        self.assertEqual(agent.get("ready"), (503, "lameduck"))
        self.assertEqual(agent.get("health"), (200, "OK"))
        self.assertEqual(agent.stop(), 0)

    def test_lameduck_ends_by_itself(self):
        agent = self.start_corefile(WHOAMI % (10, "health 127.0.0.1:0 {\n        lameduck 50ms\n    }"))
        self.assertEqual(agent.stop(), 0)
        self.assertTrue(any(" agent.lameduck" in line for line in agent.lines))


class Convert(CorefileTest):
    def test_a_corefile_becomes_toml_and_comes_back(self):
        corefile = self.write("Corefile", ".:53 {\n    whoami\n    health\n    reload\n}\n")
        (code, toml, error) = self.run_command("convert", corefile)
        self.assertEqual((code, error), (0, ""))
        self.assertIn('health = ":8080"', toml)
        (code, back, error) = self.run_command("convert", self.write("c.toml", toml))
        self.assertEqual((code, error), (0, ""))
        (code, again, error) = self.run_command("convert", self.write("again.corefile", back))
        self.assertEqual((code, again), (0, toml))

    def test_what_a_corefile_has_no_place_for_is_said(self):
        (code, _, error) = self.run_command("convert", self.write("c.toml", "[node]\nname = 'x'\n"))
        self.assertEqual((code, error), (1, "nameplane: [node]: left out, since a Corefile has no "
                                            "place for it\n"))

    def test_check_says_everything_at_once(self):
        corefile = self.write("Corefile", """a..b {
    whoami {
        ttl 5000
    }
}
. {
    nonsense
    kubernetes in-addr.arpa
    kubernetes
    import nowhere
    rewrite
""")
        (code, text, error) = self.run_command("check", corefile)
        self.assertEqual((code, text), (2, ""))
        self.assertEqual([line.split(":")[2] for line in error.splitlines()],
                         ["1", "3", "6", "7", "9", "10", "11", "8"], error)

    def test_check_warns_of_imports_without_a_file(self):
        corefile = self.write("Corefile", ". {\n    whoami\n    import none/*.x\n}\n")
        (code, text, error) = self.run_command("check", corefile)
        self.assertEqual((code, text), (0, corefile + ": good\n"))
        self.assertIn(":3: import: no file matches 'none/*.x'", error)


if __name__ == "__main__":
    unittest.main()
