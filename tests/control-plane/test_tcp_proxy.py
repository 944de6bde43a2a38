"""The proxy of these tests does to connections what it is told, and nothing else."""

import socket
import threading
import unittest

import tcp_proxy
from tcp_proxy import Mode


class Echo:
    """Says back what it hears, and counts it."""

    def __init__(self):
        self.heard = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                (client, _) = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                while octets := client.recv(65536):
                    self.heard += len(octets)
                    client.sendall(octets)
            except OSError:
                pass


class Proxy(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.listener.close)
        self.proxy = tcp_proxy.TcpProxy(self.echo.port)
        self.addCleanup(self.proxy.close)

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=60)
        self.addCleanup(client.close)
        return client

    def talk(self, client, octets=b"hello"):
        client.sendall(octets)
        answer = b""
        while len(answer) < len(octets):
            more = client.recv(65536)
            if not more:
                break
            answer += more
        return answer

    def test_passes(self):
        self.assertEqual(self.talk(self.connect(), b"x" * 100000), b"x" * 100000)

    def test_delays(self):
        client = self.connect()
        self.talk(client)
        # Twice two seconds: a machine must stand still for so long to spoil it.
        (self.proxy.mode, self.proxy.delay_s) = (Mode.delaying, 2)
        client.settimeout(0.15)
        client.sendall(b"hello")
        self.assertRaises(TimeoutError, client.recv, 10)
        client.settimeout(60)
        self.assertEqual(client.recv(10), b"hello")

    def test_cuts(self):
        client = self.connect()
        self.talk(client)
        self.proxy.cut()
        self.assertRaises(ConnectionResetError, client.recv, 10)
        self.assertEqual(self.talk(self.connect()), b"hello")

    def test_refuses(self):
        client = self.connect()
        self.talk(client)
        self.proxy.mode = Mode.refusing
        self.assertEqual(self.talk(client), b"hello")
        with self.assertRaises(ConnectionResetError):
            self.connect().recv(10)

    def test_closes_one_direction(self):
        client = self.connect()
        self.talk(client)
        self.proxy.half_close()
        self.assertEqual(client.recv(10), b"")
        client.sendall(b"still heard")  # and no reset

    def test_changes_octets(self):
        client = self.connect()
        self.talk(client)
        self.proxy.garble(3)
        self.assertEqual(self.talk(client, b"abcdefg"), b"ab\x01\x01\x01fg")
        self.assertEqual(self.talk(client), b"hello")

    def test_ends_in_the_midst(self):
        client = self.connect()
        self.talk(client)
        self.proxy.cut_after(3)
        self.assertEqual(self.talk(client), b"hel")

    def test_goes_silent_for_good_for_those_that_lost_something(self):
        (client, idle) = (self.connect(), self.connect())
        for one in (client, idle):
            self.talk(one)
        heard = self.echo.heard
        self.proxy.mode = Mode.silent
        client.sendall(b"x" * 10_000_000)  # taken, though nobody hears it
        client.settimeout(0.2)  # nothing is to come
        self.assertRaises(TimeoutError, client.recv, 10)
        self.assertEqual(self.echo.heard, heard)
        self.proxy.mode = Mode.passing
        client.settimeout(60)
        client.sendall(b"hello")
        client.settimeout(0.2)
        self.assertRaises(TimeoutError, client.recv, 10)
        self.assertEqual(self.talk(idle), b"hello")


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
