#!/usr/bin/env python3
"""The checks, checked: small texts that must and must not raise a complaint."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools" / "lib"))
import floors  # noqa: E402
import hot_path  # noqa: E402
import links  # noqa: E402
import pipes  # noqa: E402
import summary  # noqa: E402


class Floors(unittest.TestCase):
    def complaints(self, path, line):
        return floors.check_text(path, line)

    def test_down_is_allowed(self):
        for path, line in [
            ("src/dns/name.cpp", "#include <nameplane/base/arena.hpp>"),
            ("src/server/udp.cpp", '#include "chain/builder.hpp"'),
            ("src/rules/policy.cpp", '#include "services/snapshot.hpp"'),
            ("plugins/whoami/whoami.cpp", '#include "plugins/whoami/whoami.hpp"'),
            ("src/net/loop.cpp", "#include <uv.h>"),
            ("src/agent/agent.cpp", '#include "rules/syncer.hpp"'),
        ]:
            self.assertEqual(self.complaints(path, line), [], line)

    def test_up_and_sideways_are_not(self):
        for path, line in [
            ("src/dns/name.cpp", '#include "services/store.hpp"'),
            ("src/rules/policy.cpp", "#include <nameplane/dns/name.hpp>"),
            ("src/kube/decode.cpp", "#include <nameplane/dns/name.hpp>"),
            ("src/services/store.cpp", '#include "kube/manifests.hpp"'),
            ("plugins/whoami/whoami.cpp", '#include "plugins/kubernetes/names.hpp"'),
            ("plugins/whoami/whoami.cpp", '#include "server/server.hpp"'),
            ("src/server/udp.cpp", "#include <uv.h>"),
            ("src/kube/decode.cpp", "#include <libiptc/libiptc.h>"),
            ("src/conf/compile.cpp", "#include <toml++/toml.h>"),
        ]:
            self.assertEqual(len(self.complaints(path, line)), 1, line)


class HotPath(unittest.TestCase):
    def complaints(self, body):
        return hot_path.check_text("x.cpp", "// hot path\n" + body)

    def test_cold_files_are_left_alone(self):
        self.assertIsNone(hot_path.check_text("x.cpp", "std::string a;"))

    def test_banned(self):
        for body in ["std::string a;", "auto* p = new T;", "list.push_back(1);", "std::mutex m;",
                     "std::function<void()> f;", "std::map<int, int> m;", "NP_LOG_INFO(1);",
                     "void* p = malloc(3);", "std::shared_ptr<T> p;"]:
            self.assertEqual(len(self.complaints(body)), 1, body)

    def test_allowed(self):
        for body in ["std::string_view a;", "new (memory) T;", "// a new std::string",
                     "/* std::mutex */ int a;", 'auto a = "std::string new";', "int renew = 1'000;"]:
            self.assertEqual(self.complaints(body), [], body)


class Pipes(unittest.TestCase):
    def test_readers_that_leave_early(self):
        for line in ["a | grep -q x", "a | grep -v y | grep -Eq x", "a | head -n 1", "x=$(a | head -1)",
                     'x="$(a | head -1)"', "a | awk '{ print; exit }'", "a | grep -v -q x"]:
            self.assertEqual(len(pipes.check_text("x", line)), 1, line)

    def test_readers_that_stay(self):
        for line in ["grep -q x <<<\"$a\"", "a | grep -v x", "a | awk '{ print }'", "# a | head",
                     'show sh -c "a | head -n 1"', "a | grep -c x || grep -q y file"]:
            self.assertEqual(pipes.check_text("x", line), [], line)


class Links(unittest.TestCase):
    def complaints(self, text):
        here = pathlib.Path(__file__)
        return list(links.check_text(here.with_name("x.md"), text, here.parents[2]))

    def test_what_leads_nowhere(self):
        for text in ["[a](none.md)", "[a](../../README.md#none)", "`src/none/none.cpp`"]:
            self.assertEqual(len(self.complaints(text)), 1, text)

    def test_what_leads_somewhere(self):
        for text in ["[a](links.py)", "[a](../../README.md#two-commands)", "[a](https://none.example/)", "`src/agent`",
                     "`src/agent/run`", "```\n[a](none.md)\n```"]:
            self.assertEqual(self.complaints(text), [], text)


class Summary(unittest.TestCase):
    def test_no_stream_pushes_out_the_other(self):
        def ends(outs, errs):
            lines = summary.end_of({"stdout": "\n".join("out %d" % i for i in range(outs)),
                                    "stderr": "\n".join("err %d" % i for i in range(errs))}, 10)
            return [sum(line.startswith(what) for line in lines) for what in ("out", "err")]

        for (there, shown) in [((0, 0), [0, 0]), ((2, 3), [2, 3]), ((99, 99), [5, 5]),
                               ((2, 99), [2, 8]), ((99, 2), [8, 2]), ((0, 99), [0, 10]),
                               ((99, 0), [10, 0])]:
            self.assertEqual(ends(*there), shown, there)
        self.assertEqual(summary.end_of({"stdout": "a\nb\nc", "stderr": "d"}, 2), ["c", "d"])

    def folder(self, **logs):
        """A build folder whose logs say these results: (suite / name, result, what it printed)."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "meson-logs").mkdir()
        for (base, tests) in logs.items():
            (folder / "meson-logs" / (base + ".json")).write_text("".join(
                json.dumps({"name": "nameplane:" + name, "result": result, "stdout": said}) + "\n"
                for (name, result, said) in tests), encoding="utf-8")
        return folder

    def last_lines(self, folder):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = summary.main([folder])
        return code, said.getvalue().splitlines()[-2:]

    def test_what_is_run_again(self):
        good, late = ("unit / dns", "OK", ""), ("integration / life", "FAIL", "late")
        wrong = ("kernel / rules", "FAIL", "==1==ERROR: AddressSanitizer: heap")
        for (tests, again) in [([good], []), ([good, late], ["life"]), ([late, wrong], []),
                               ([("unit / net", "FAIL", "late"), late], []),
                               ([("peers / p", "TIMEOUT", "")], ["p"]), ([late] * 4, [])]:
            self.assertEqual(summary.to_run_again(self.folder(testlog=tests)), again, tests)

    def test_a_failure_that_passes_alone_is_named(self):
        tests = [("unit / dns", "OK", ""), ("integration / life", "FAIL", "late")]
        life = "nameplane:integration / life"
        for (again, code, verdict, count) in [
                ([], 1, "failed %s: FAIL", "1 passed, 1 failed, 0 skipped"),
                ([tests[1]], 1, "failed %s: FAIL", "1 passed, 1 failed, 0 skipped"),
                ([("integration / life", "OK", "")], 0, "passed only when run alone %s",
                 "2 passed, 0 failed, 0 skipped")]:
            folder = self.folder(testlog=tests, again=again)
            self.assertEqual(self.last_lines(folder),
                             (code, [verdict % f"{folder}: {life}", count]))


if __name__ == "__main__":
    unittest.main()
