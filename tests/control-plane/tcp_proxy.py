"""A TCP proxy between the agent and the API server that can be told, while it runs, to do what networks
do: cut connections, refuse them, delay, close one direction, go silent, change octets.

With `upstream_tls` it speaks plain TCP to its client and TLS to the server, so that changed octets reach
the client's parser and not only its TLS."""

import enum
import socket
import struct
import threading
import time

CHUNK = 65536


class Mode(enum.Enum):
    passing = 1  # as if it were not there
    refusing = 2  # new connections are reset at once; those that exist go on
    silent = 3  # takes everything, passes nothing on: the kernel acknowledges all there is
    delaying = 4  # passes everything on, `delay_s` later


class Connection:
    """Both directions of one connection, a thread each."""

    def __init__(self, proxy, client, server):
        (self.proxy, self.client, self.server) = (proxy, client, server)
        self.is_silent = False  # once octets are lost, nothing after them may pass
        self.garble_next = 0  # octets from the server still to be changed
        self.cut_after = None  # octets from the server that still pass before the end
        self.half_close_after = False
        self.octets_down = 0
        self.is_closed = False
        for (source, sink, down) in ((client, server, False), (server, client, True)):
            threading.Thread(target=self._pump, args=(source, sink, down), daemon=True).start()

    def _pump(self, source, sink, down):
        try:
            while True:
                octets = source.recv(CHUNK)
                if self.is_closed:
                    return
                if not octets:
                    break
                if self.proxy.mode is Mode.silent:
                    self.is_silent = True
                if self.is_silent:
                    continue
                if self.proxy.mode is Mode.delaying:
                    time.sleep(self.proxy.delay_s)
                if down:
                    octets = self._spoil(octets)
                    self.octets_down += len(octets)
                sink.sendall(octets)
                if down and self.cut_after == 0:
                    self.close(reset=False)
                    return
            if not self.is_silent:
                sink.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            self.close()
        finally:
            if down:
                self.proxy.forget(self)

    def _spoil(self, octets):
        if self.garble_next:
            # An octet that neither TLS nor JSON nor HTTP takes for another value of the same kind.
            count = min(self.garble_next, len(octets))
            self.garble_next -= count
            at = (len(octets) - count) // 2
            octets = octets[:at] + b"\x01" * count + octets[at + count:]
        if self.cut_after is not None:
            octets = octets[:self.cut_after]
            self.cut_after -= len(octets)
        return octets

    def close(self, reset=True):
        self.is_closed = True
        for one in (self.client, self.server):
            try:
                if reset:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RD)
            except OSError:
                pass
            try:
                one.close()
            except OSError:
                pass

    def half_close(self):
        """The client is told that the server will say no more; the server is told nothing."""
        try:
            self.client.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class TcpProxy:
    """Listens on a free port of loopback, `port`, and passes on to `target`, a port."""

    def __init__(self, target, upstream_tls=None):
        (self.target, self.upstream_tls) = (target, upstream_tls)
        self.mode = Mode.passing
        self.delay_s = 0.2
        self.accepted = 0
        self._connections = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                (client, _) = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        try:
            if self.mode is Mode.refusing:
                raise OSError("refusing")
            server = socket.create_connection(("127.0.0.1", self.target), timeout=60)
            if self.upstream_tls is not None:
                server = self.upstream_tls.wrap_socket(server, server_hostname="localhost")
            for one in (client, server):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(Connection(self, client, server))
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()

    def forget(self, connection):
        with self._lock:
            self._connections.discard(connection)

    def connections(self):
        with self._lock:
            return list(self._connections)

    # -- what a test may do to the connections there are --

    def cut(self):
        """Resets all."""
        for one in self.connections():
            one.close()

    def half_close(self):
        for one in self.connections():
            one.half_close()

    def garble(self, octets=16):
        """Changes so many of the next octets from the server on each."""
        for one in self.connections():
            one.garble_next = octets

    def cut_after(self, octets):
        """Closes each in the midst of what the server says next, after so many octets."""
        for one in self.connections():
            one.cut_after = octets

    def close(self):
        self._listener.close()
        self.cut()
