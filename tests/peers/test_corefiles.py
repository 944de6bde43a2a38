"""CoreDNS and `nameplane check` with the same Corefiles: both take a file, or none does. A running CoreDNS
is told of each by SIGUSR1; where its word is not ours, one that is started with the file has the last."""

import os
import pathlib
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import peer_test  # finds the folders of the others
import control_plane
import corefiles
import nameplane
import servers

WAIT_S = 60
# What differs on purpose, by our words or theirs; docs/from-coredns.md has the reasons.
REFUSED = re.compile(r"'}' without a block|no server block, expected|no block, expected '{' behind it|"
                     r"expected dns://, tls:// or https://|zones: '[^']*[{}]")
TAKEN = re.compile(r"given twice in a server block|failed to resolve")


class CoreDns:
    """Its lines are known at once, which Piece's are not."""

    def __init__(self, folder):
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            [servers.COREDNS, "-conf", folder / "Corefile"], cwd=folder, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, **corefiles.ENVIRONMENT},
            preexec_fn=control_plane.die_with_parent)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.lines.put(line.decode("utf-8", "replace").rstrip("\n"))
        self.lines.put(None)

    def takes(self):
        """Whether it says that all is well; None if it ends meanwhile."""
        deadline = time.monotonic() + WAIT_S
        said = []
        while True:
            said.append(self.lines.get(timeout=deadline - time.monotonic()))
            if said[-1] is None:
                return (None, said)
            if "Reloading complete" in said[-1] or re.match(r"linux/\w+, go", said[-1]):
                return (True, said)
            if "[ERROR] SIGUSR1:" in said[-1]:
                return (False, said)

    def reload(self):
        while not self.lines.empty():
            self.lines.get()
        self.process.send_signal(signal.SIGUSR1)
        return self.takes()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Corefiles(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        for (name, text) in corefiles.FILES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        self.running = None
        self.addCleanup(lambda: self.running.kill())

    def write(self, text):
        (self.folder / "Corefile").write_text(text, encoding="utf-8", newline="")

    def begin(self):
        self.write("seed.example {\n}\n")
        self.running = CoreDns(self.folder)
        self.assertTrue(self.running.takes()[0])

    def theirs(self, text):
        self.write(text)
        (taken, said) = self.running.reload()
        if taken is None:
            self.begin()
        return (taken, said)

    def theirs_from_the_start(self, text):
        self.running.kill()
        self.write(text)
        fresh = CoreDns(self.folder)
        (taken, said) = fresh.takes()
        fresh.kill()
        self.begin()
        return (bool(taken), said)

    def ours(self, text):
        self.write(text)
        done = subprocess.run([nameplane.BINARY, "check", "Corefile"], capture_output=True, text=True, cwd=self.folder,
                              env={**os.environ, **corefiles.ENVIRONMENT}, timeout=WAIT_S, check=False)
        return (done.returncode == 0, done.stdout + done.stderr)

    def test_both_take_the_same(self):
        self.begin()
        (both, meant, differing) = (0, 0, [])
        texts = corefiles.all_of_them()
        for text in texts:
            (ours, complaint) = self.ours(text)
            (theirs, said) = self.theirs(text)
            if ours != theirs:
                (theirs, said) = self.theirs_from_the_start(text)
            both += ours and theirs
            if ours == theirs:
                continue
            if (REFUSED if theirs else TAKEN).search(complaint + str(said)):
                meant += 1
            else:
                differing.append("%s\ntaken: ours %s, theirs %s\n%s\n%s" % (text[:1000], ours, theirs, complaint[:1000], said[-3:]))
        print("%d files, %d taken by both, %d meant to differ" % (len(texts), both, meant))
        self.assertEqual(differing, [], "\n\n".join(differing))
        self.assertGreater(both, len(texts) // 3)
        self.assertLess(meant, len(texts) // 10)


if __name__ == "__main__":
    peer_test.main(cluster=False)
