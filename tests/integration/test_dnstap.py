"""dnstap of the real program, read by the tools of others: fstrm_capture takes the stream, dnstap-ldns
reads what is in it."""

import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import unittest

import nameplane

TOOLS = ("fstrm_capture", "dnstap-ldns")
CONTENT = b"protobuf:dnstap.Dnstap"


class Dnstap(nameplane.AgentTest):
    def setUp(self):
        super().setUp()
        self.socket = os.path.join(self.folder, "tap.sock")
        self.captures = 0

    def capture(self, *where):
        """A receiver that writes what comes into a file, whose path it has as `path`."""
        self.captures += 1
        path = os.path.join(self.folder, "capture-%d" % self.captures)
        receiver = subprocess.Popen(
            ["fstrm_capture", "-t", CONTENT.decode(), *(where or ("-u", self.socket)),
             "-w", path], stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (receiver.kill(), receiver.wait()))
        receiver.path = path
        return receiver

    def read(self, receiver):
        """Ends the receiver; one dictionary for each event, as dnstap-ldns prints it."""
        receiver.send_signal(signal.SIGTERM)
        receiver.wait(nameplane.WAIT_S)
        text = subprocess.run(["dnstap-ldns", "-y", "-r", receiver.path], capture_output=True,
                              text=True, check=True).stdout
        events = []
        for part in text.split("---\n"):
            event = {}
            for line in part.splitlines():
                (key, colon, value) = line.strip().partition(": ")
                if colon:
                    event.setdefault(key, value.strip('"'))
            if "type" in event:
                event["text"] = part
                events.append(event)
        return events

    def agent(self, plugins):
        path = self.write("Corefile", ".:0 {\n prometheus 127.0.0.1:0\n%s\n}\n" % plugins)
        return self.start("--config", path).started()

    def dropped(self, agent):
        page = agent.get("metrics")[1]
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
                   if line.startswith("nameplane_dnstap_dropped_total"))

    def ask_until_taken(self, agent, receiver):
        """A receiver that is there from now on may be connected to a little later."""
        def taken():
            before = self.dropped(agent)
            agent.udp("probe.example")
            return self.dropped(agent) == before
        nameplane.await_true("a receiver is there", taken)
        self.assertIsNone(receiver.poll())

    def test_queries_and_answers(self):
        receiver = self.capture()
        nameplane.await_true("the socket is there", lambda: os.path.exists(self.socket))
        agent = self.agent("""dnstap %s full {
            identity me
            version test-1
            extra "{type} {/view/name}"
        }
        metadata
        view one
        whoami""" % self.socket)
        self.ask_until_taken(agent, receiver)
        agent.udp("www.example", "A")
        agent.tcp("tcp.example", "AAAA")
        agent.stop()
        events = self.read(receiver)
        named = [event for event in events if "www.example" in event["text"]]
        self.assertEqual(len(named), 2)
        self.assertIn("type: CLIENT_QUERY", named[0]["text"])
        self.assertIn("type: CLIENT_RESPONSE", named[1]["text"])
        for event in named:
            self.assertIn('query_address: "127.0.0.1"', event["text"])
        for event in events:
            self.assertEqual(event["identity"], "me")
            self.assertEqual(event["version"], "test-1")
        over_tcp = [event for event in events if "tcp.example" in event["text"]]
        self.assertEqual(len(over_tcp), 2)
        for event in over_tcp:
            self.assertIn("socket_protocol: TCP", event["text"])
        # dnstap-ldns does not show the extra field.
        with open(receiver.path, "rb") as file:
            self.assertEqual(file.read().count(b"AAAA one"), 2)

    def test_without_messages(self):
        receiver = self.capture()
        nameplane.await_true("the socket is there", lambda: os.path.exists(self.socket))
        agent = self.agent("dnstap unix://%s\nwhoami" % self.socket)
        self.ask_until_taken(agent, receiver)
        agent.stop()
        events = self.read(receiver)
        self.assertGreaterEqual(len(events), 2)
        for event in events:
            self.assertNotIn("probe.example", event["text"])
            self.assertEqual(event["version"].split("-")[0], "Nameplane")
            self.assertEqual(event["identity"], socket.gethostname())

    def test_upstreams(self):
        upstream = self.start("--config", self.write("Upstream", ".:0 {\n whoami\n}\n")).started()
        receiver = self.capture()
        nameplane.await_true("the socket is there", lambda: os.path.exists(self.socket))
        agent = self.agent("dnstap %s full\nforward . 127.0.0.1:%d" % (
            self.socket, upstream.ports["dns"]))
        self.ask_until_taken(agent, receiver)
        agent.udp("up.example", "A")
        agent.stop()
        events = [event["text"] for event in self.read(receiver) if "up.example" in event["text"]]
        kinds = [kind for text in events
                 for kind in ("CLIENT_QUERY", "FORWARDER_QUERY", "FORWARDER_RESPONSE",
                              "CLIENT_RESPONSE") if "type: " + kind in text]
        self.assertEqual(kinds, ["CLIENT_QUERY", "FORWARDER_QUERY", "FORWARDER_RESPONSE",
                                 "CLIENT_RESPONSE"])
        self.assertIn("response_port: %d" % upstream.ports["dns"], events[1])

    def test_receivers_come_and_go(self):
        agent = self.agent("dnstap %s\nwhoami" % self.socket)
        agent.udp("early.example")
        self.assertEqual(self.dropped(agent), 2)  # the query and its answer
        first = self.capture()
        self.ask_until_taken(agent, first)
        first.send_signal(signal.SIGTERM)
        first.wait(nameplane.WAIT_S)
        def lost():
            before = self.dropped(agent)
            agent.udp("lost.example")
            return self.dropped(agent) > before
        nameplane.await_true("the receiver is missed", lost)
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        second = self.capture()
        self.ask_until_taken(agent, second)
        agent.stop()
        self.assertGreaterEqual(len(self.read(second)), 1)

    def test_a_receiver_that_takes_nothing_holds_nobody_up(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(self.socket)
            listener.listen(1)
            agent = self.agent("dnstap %s full\nwhoami" % self.socket)
            (deaf, _) = listener.accept()
            with deaf:
                for i in range(200):
                    self.assertEqual(agent.udp("deaf%d.example" % i).rcode, "NOERROR")
                self.assertEqual(agent.stop(), 0)

    def test_tls(self):
        port = nameplane.free_port()
        (certificate, key) = (os.path.join(self.folder, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=tap", "-keyout", key, "-out", certificate], check=True,
                       capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        frames = []
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(nameplane.WAIT_S)
            agent = self.agent("dnstap tls://127.0.0.1:%d full {\n skipverify\n}\nwhoami" % port)
            with accept_tls(listener, context) as stream:
                stream.settimeout(nameplane.WAIT_S)
                taker = threading.Thread(target=take_frames, args=(stream, frames), daemon=True)
                taker.start()
                self.ask_until_taken(agent, agent.process)
                agent.stop()
                taker.join(nameplane.WAIT_S)
        self.assertTrue(any(b"\x05probe\x07example\0" in frame for frame in frames))

    def test_tls_wants_to_know_whom_it_speaks_to(self):
        port = nameplane.free_port()
        (certificate, key) = (os.path.join(self.folder, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=tap", "-keyout", key, "-out", certificate], check=True,
                       capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(nameplane.WAIT_S)
            agent = self.agent("dnstap tls://127.0.0.1:%d\nwhoami" % port)
            with self.assertRaises((ssl.SSLError, OSError)):
                with context.wrap_socket(listener.accept()[0], server_side=True) as stream:
                    stream.settimeout(nameplane.WAIT_S)
                    if not stream.recv(1):
                        raise OSError("closed")
            agent.udp("untold.example")
            self.assertGreaterEqual(self.dropped(agent), 1)

    # Readers that come to us.

    def certificate(self, name):
        (certificate, key) = (os.path.join(self.folder, name + end) for end in (".pem", ".key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return (certificate, key)

    def listening(self, where, more="", block=""):
        agent = self.agent("dnstap listen %s full %s\n%s\nwhoami" % (where, block, more))
        line = agent.wait_for(r"dnstap\.listening at=", seen=True)
        return (agent, line.rsplit("at=", 1)[1].strip())

    def reader(self, stream, name="probe"):
        """Takes frames from a connection in a thread; the list of them, and the thread."""
        stream.settimeout(nameplane.WAIT_S)
        self.addCleanup(stream.close)
        frames = []
        taker = threading.Thread(target=take_frames, args=(stream, frames), daemon=True, name=name)
        taker.start()
        return (frames, taker)

    def tcp(self, at):
        (host, port) = at.rsplit(":", 1)
        return socket.create_connection((host.strip("[]"), int(port)), timeout=nameplane.WAIT_S)

    def unix(self):
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(self.socket)
        return stream

    def ask_until_seen(self, agent, frames, name):
        """Until the reader has a question for it; its answer comes behind it."""
        def seen():
            agent.udp(name + ".example")
            return asked(frames, name) >= 2
        nameplane.await_true("a reader hears of " + name, seen)

    def test_readers_come_to_us(self):
        (agent, at) = self.listening(self.socket)
        self.assertEqual(at, self.socket)
        agent.udp("nobody.example")
        self.assertEqual(self.dropped(agent), 2)
        (first, taker) = self.reader(self.unix())
        self.ask_until_seen(agent, first, "one")
        (second, other) = self.reader(self.unix())
        self.ask_until_seen(agent, second, "two")
        agent.udp("both.example")
        self.assertEqual(agent.stop(), 0)
        for each in (taker, other):
            each.join(nameplane.WAIT_S)
            self.assertFalse(each.is_alive())
        self.assertEqual([asked(frames, "both") for frames in (first, second)], [2, 2])
        self.assertEqual(asked(first, "nobody") + asked(second, "one"), 0)
        self.assertFalse(os.path.exists(self.socket))

    def test_the_tools_of_others_read_it(self):
        (agent, _) = self.listening("unix://" + self.socket)
        captured = os.path.join(self.folder, "captured.sock")
        receiver = self.capture("-u", captured)
        nameplane.await_true("the socket is there", lambda: os.path.exists(captured))
        # fstrm_capture connects to nobody: it is brought together with us.
        ours = self.unix()
        theirs = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        theirs.connect(captured)
        pumps = [threading.Thread(target=pump, args=ends, daemon=True)
                 for ends in ((ours, theirs), (theirs, ours))]
        for each in pumps:
            each.start()
        nameplane.await_true("an event is counted as sent", lambda: self.is_taken(agent))
        agent.tcp("tool.example", "AAAA")
        agent.stop()
        for each in pumps:
            each.join(nameplane.WAIT_S)
        events = [event["text"] for event in self.read(receiver) if "tool.example" in event["text"]]
        self.assertEqual(["type: CLIENT_QUERY" in text for text in events], [True, False])

    def is_taken(self, agent):
        before = self.dropped(agent)
        agent.udp("probe.example")
        return self.dropped(agent) == before

    def test_a_reader_that_takes_nothing_disturbs_nobody(self):
        (agent, at) = self.listening("tcp://127.0.0.1:0")
        with self.tcp(at) as deaf, self.tcp(at) as silent:
            deaf.settimeout(nameplane.WAIT_S)
            (frames, taker) = self.reader(self.tcp(at))
            self.ask_until_seen(agent, frames, "first")
            for i in range(300):
                self.assertEqual(agent.udp("n%d.example" % i).rcode, "NOERROR")
            nameplane.await_true("the other one has all", lambda: asked(frames, "n299") == 2)
            self.assertEqual(silent.recv(4), b"\0\0\0\0")  # READY: it is our turn to speak
            self.assertEqual(agent.stop(), 0)
            taker.join(nameplane.WAIT_S)

    def test_more_readers_than_places_wait_for_one(self):
        (agent, at) = self.listening("tcp://127.0.0.1:0")
        readers = [self.tcp(at) for _ in range(9)]
        taken = [self.reader(stream) for stream in readers]
        for (frames, _) in taken[:8]:
            self.ask_until_seen(agent, frames, "eight")
        self.assertEqual(taken[8][0], [])
        readers[0].shutdown(socket.SHUT_RDWR)
        self.ask_until_seen(agent, taken[8][0], "ninth")
        self.assertEqual(agent.stop(), 0)

    def test_readers_by_tls(self):
        ours = self.certificate("ours")
        theirs = self.certificate("theirs")
        block = "{\n tls %s %s %s\n}" % (*ours, theirs[0])
        (agent, at) = self.listening("tls://127.0.0.1:0", block=block)
        context = ssl.create_default_context(cafile=ours[0])
        with self.tcp(at) as plain:
            with self.assertRaises((ssl.SSLError, OSError)):  # shows no certificate
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
                    if not stream.recv(1):
                        raise OSError("closed")
        context.load_cert_chain(*theirs)
        (frames, _) = self.reader(context.wrap_socket(self.tcp(at), server_hostname="127.0.0.1"))
        self.ask_until_seen(agent, frames, "proved")
        # Files that were renewed are used from the next reader on.
        renewed = self.certificate("renewed")
        os.rename(renewed[1], ours[1])
        os.rename(renewed[0], ours[0])
        context = ssl.create_default_context(cafile=ours[0])
        context.load_cert_chain(*theirs)
        (frames, _) = self.reader(context.wrap_socket(self.tcp(at), server_hostname="127.0.0.1"))
        self.ask_until_seen(agent, frames, "renewed")
        self.assertEqual(agent.stop(), 0)

    def test_a_certificate_that_is_not_there_yet_is_awaited(self):
        ours = self.certificate("ours")
        late = os.path.join(self.folder, "late.pem")
        agent = self.agent("dnstap listen tls://127.0.0.1:0 full {\n tls %s %s\n}\nwhoami" % (late, ours[1]))
        agent.wait_for(r"dnstap\.cannot_listen .*late\.pem", seen=True)
        self.assertEqual(agent.udp("meanwhile.example").rcode, "NOERROR")
        os.rename(ours[0], late)
        agent.wait_for(r"dnstap\.listening", seen=True)
        self.assertEqual(agent.stop(), 0)

    def test_readers_that_need_not_prove_who_they_are(self):
        ours = self.certificate("ours")
        block = "{\n tls %s %s %s\n skipverify\n}" % (*ours, ours[0])
        (agent, at) = self.listening("tls://127.0.0.1:0", block=block)
        context = ssl.create_default_context(cafile=ours[0])
        (frames, _) = self.reader(context.wrap_socket(self.tcp(at), server_hostname="127.0.0.1"))
        self.ask_until_seen(agent, frames, "anybody")
        self.assertEqual(agent.stop(), 0)

    def test_an_address_that_is_taken_is_tried_again(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(self.socket)
            other.listen(1)
            agent = self.agent("dnstap listen %s\nwhoami" % self.socket)
            agent.wait_for(r"dnstap\.cannot_listen .*Address already in use", seen=True)
            self.assertEqual(agent.udp("meanwhile.example").rcode, "NOERROR")
        # Nobody listens there any more, but its name is left.
        self.assertTrue(os.path.exists(self.socket))
        agent.wait_for(r"dnstap\.listening", seen=True)
        (frames, _) = self.reader(self.unix())
        def heard():
            agent.udp("later.example")
            return len(frames) >= 2
        nameplane.await_true("a reader hears", heard)

    def test_readers_stay_over_a_reload(self):
        (agent, at) = self.listening("tcp://127.0.0.1:0")
        (frames, _) = self.reader(self.tcp(at))
        self.ask_until_seen(agent, frames, "before")
        path = os.path.join(self.folder, "Corefile")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.write("Corefile", text.replace("whoami", "nsid other\nwhoami"))
        agent.process.send_signal(signal.SIGUSR1)
        agent.wait_for(r"reload\.done", seen=True)
        agent.udp("after.example")
        nameplane.await_true("the same reader hears", lambda: asked(frames, "after") == 2)

    def test_what_makes_no_sense_is_refused(self):
        for (line, said) in (
                ("dnstap listen", "'listen', expected an address behind it"),
                ("dnstap listen tls://127.0.0.1:0", "tls:// without a 'tls CERT KEY'"),
                ("dnstap listen tcp://127.0.0.1:0 {\n tls a b\n}", "expected 'listen' and tls://"),
                ("dnstap tls://127.0.0.1:1 {\n tls a b\n}", "expected 'listen' and tls://"),
                ("dnstap tcp://:1", "expected the path of a socket")):
            (code, _, error) = self.run_command("check", self.write("Corefile", ". {\n%s\n}\n" % line))
            self.assertEqual((code, said in error), (2, True), error)


def asked(frames, name):
    """How many of the frames have a message about NAME.example."""
    wire = bytes([len(name)]) + name.encode("ascii") + b"\x07example\0"
    return sum(wire in frame for frame in list(frames))


def accept_tls(listener, context):
    """The first connection whose handshake ends in time: the agent gives it four seconds, and comes again."""
    def accepted():
        try:
            return context.wrap_socket(listener.accept()[0], server_side=True)
        except OSError:
            return None
    return nameplane.await_true("a handshake ends", accepted)


def pump(source, sink):
    """Octets from one to the other, and the end."""
    try:
        while octets := source.recv(65536):
            sink.sendall(octets)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def take_frames(stream, frames):
    """The receiver's part of Frame Streams: accepts, then takes frames until the sender's end."""
    try:
        while True:
            (size,) = struct.unpack("!I", nameplane.read_exactly(stream, 4))
            if size != 0:
                frames.append(nameplane.read_exactly(stream, size))
                continue
            (size,) = struct.unpack("!I", nameplane.read_exactly(stream, 4))
            control = nameplane.read_exactly(stream, size)
            kind = struct.unpack_from("!I", control)[0]
            if kind == 4:  # READY
                answer = struct.pack("!3I", 1, 1, len(CONTENT)) + CONTENT
                stream.sendall(struct.pack("!2I", 0, len(answer)) + answer)
            elif kind == 3:  # STOP
                stream.sendall(struct.pack("!3I", 0, 4, 5))
                return
    except OSError:
        pass


if __name__ == "__main__":
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if lacking:
        print("skipped: no %s (Debian: fstrm-bin, dnstap-ldns)" % " and no ".join(lacking))
        raise SystemExit(77)
    unittest.main()
