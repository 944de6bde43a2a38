"""100,000 names that nobody has, deep ones and odd ones, through the whole server over UDP: each is
answered, memory stays bounded, good questions are answered meanwhile, and the cache keeps what is asked
for often."""

import multiprocessing
import random
import select
import socket
import struct

import nameplane

COUNT = 100_000
WINDOW = 64
GOOD_EVERY = 200       # random questions to a good one
HOT = ["hot%d.example." % number for number in range(5)]
CACHED = 1000          # names that each cache holds
GROWTH_MAX_MIB = 24    # from a fifth of the names on
SEED = 20261125

MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  clusterIP: 10.96.0.7
  ports: [{name: http, port: 80}]
"""
CONFIG = """
[dns]
threads = 1
[[server]]
zones = ["."]
[server.cache]
success = ["%d", "300"]
denial = ["%d", "300"]
[server.kubernetes]
zones = ["cluster.local", "in-addr.arpa"]
[server.forward]
from = "."
to = ["127.0.0.1:%d"]
hedge = false
read_timeout = "1m"
"""


def answer_for_ever(upstream, hot_questions):
    """An upstream where every name but every third has an address."""
    wires = {wire_name(text): text for text in HOT}
    while True:
        (query, client) = upstream.recvfrom(65535)
        end = 12
        while query[end]:
            end += 1 + query[end]
        (name, question) = (query[12:end + 1].lower(), query[12:end + 5])
        if name in wires:
            with hot_questions.get_lock():
                hot_questions.value += 1
        has = name in wires or sum(name) % 3
        header = query[:2] + struct.pack("!5H", 0x8180 if has else 0x8183, 1, int(bool(has)),
                                         0 if has else 1, 0)
        record = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 300, 4, bytes([192, 0, 2, 1])) if has else \
            b"\0" + struct.pack("!HHIH", 6, 1, 300, 22) + bytes(2) + struct.pack("!5I", 1, 2, 3, 4, 300)
        upstream.sendto(header + question + record, client)


def wire_name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split("."))


def random_name(rng):
    """At most 255 octets, in the cluster's zone, a reverse one, or anywhere else."""
    end = rng.choice((wire_name("cluster.local."), wire_name("default.svc.cluster.local."),
                      wire_name("in-addr.arpa."), wire_name("example."), b"\0", b"\0"))
    name = b""
    for _ in range(rng.choice((1, 1, 2, 3, 5, 30, 120))):
        size = rng.choice((1, 1, 3, 12, 63))
        label = bytes(rng.randrange(256) for _ in range(size)) if rng.random() < 0.5 else \
            b"%x" % rng.getrandbits(4 * size)
        label = label[:63] or b"0"
        if len(name) + 1 + len(label) + len(end) > 255:
            break
        name += bytes([len(label)]) + label
    return name + end


class RandomNames(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.manifest("web.yaml", MANIFEST)
        upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(upstream.close)
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        upstream.bind(("127.0.0.1", 0))
        self.hot_questions = multiprocessing.Value("L", 0)
        process = multiprocessing.Process(target=answer_for_ever,
                                          args=(upstream, self.hot_questions), daemon=True)
        process.start()
        self.addCleanup(process.kill)
        config = self.write("nameplane.toml", CONFIG % (CACHED, CACHED, upstream.getsockname()[1]))
        self.agent = self.start("--config", config).started()

    def resident_mib(self):
        with open("/proc/%d/status" % self.agent.process.pid, encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    def ask_good_ones(self):
        for name in HOT:
            self.assertEqual(self.agent.udp(name).data("A"), ["192.0.2.1"], name)
        self.assertEqual(self.agent.udp("web.default.svc.cluster.local").data("A"), ["10.96.0.7"])

    def send_random_names(self, count, rng):
        """Each is asked until it is answered, `WINDOW` at a time; the numbers of answers by rcode."""
        (rcodes, waiting, sent, number) = ({}, {}, 0, 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.agent.ports["dns"]))
            while sent < count or waiting:
                while sent < count and len(waiting) < WINDOW:
                    number = (number + 1) % 65536
                    kind = rng.choice((1, 1, 28, 16, 33, 12, 65, 257))
                    waiting[number] = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + \
                        random_name(rng) + struct.pack("!2H", kind, 1)
                    client.send(waiting[number])
                    sent += 1
                    if sent % GOOD_EVERY == 0:
                        self.ask_good_ones()
                if not select.select([client], [], [], nameplane.WAIT_S)[0]:
                    self.fail("%d questions have no answer" % len(waiting))
                reply = client.recv(65535)
                (answered, flags) = struct.unpack_from("!2H", reply)
                self.assertIsNotNone(waiting.pop(answered, None), "an answer to nothing")
                rcodes[flags & 15] = rcodes.get(flags & 15, 0) + 1
        return rcodes

    def test_random_names(self):
        rng = random.Random(SEED)
        self.ask_good_ones()
        self.assertEqual(self.hot_questions.value, len(HOT))
        total = self.send_random_names(COUNT // 5, rng)
        full = self.resident_mib()
        for (rcode, times) in self.send_random_names(COUNT - COUNT // 5, rng).items():
            total[rcode] = total.get(rcode, 0) + times
        grown = self.resident_mib() - full
        print("answers by rcode: %s; resident %.1f MiB, %.1f more than after a fifth; the upstream was "
              "asked for hot names %d times" % (total, full + grown, grown, self.hot_questions.value),
              flush=True)
        self.assertEqual(sum(total.values()), COUNT)
        # Nothing fails: names are there, or they are not.
        self.assertEqual({0, 3}, set(total))
        self.assertLess(grown, GROWTH_MAX_MIB)
        # Once each, although thousands of others went through the cache.
        self.assertEqual(self.hot_questions.value, len(HOT))
        self.assertEqual(self.agent.stop(), 0)


if __name__ == "__main__":
    nameplane.unittest.main()
