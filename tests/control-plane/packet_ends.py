"""Both ends of packets, each run in a network namespace: `serve PORT...` answers on all addresses who was
asked and who asked; `probe [PATIENCE]` reads a line of probes as JSON, tries them all at once, and prints what became
of each.

A probe is [protocol, source or null, destination, port]; its fate is one of
  ok ADDRESS PORT SOURCE   answered by this address and port, which saw this source
  icmp TYPE CODE           refused by an ICMP message
  refused                  refused by the transport (a reset), or by an ICMP message that left no trace
  no-route, ...            the sending kernel's own word
  silent                   nothing came back"""

import errno
import heapq
import json
import os
import random
import resource
import select
import socket
import struct
import sys
import time

PATIENCE_S = 1.6  # unless told otherwise; a SYN lost while a neighbour is looked up is sent again after a second
AT_ONCE = 1500
INIT, INIT_ACK, PARAMETER = 1, 2, 0x8008  # SCTP chunks; a parameter whose sender wants no report
IP_RECVERR, IPV6_RECVERR, IPV6_PKTINFO = 11, 25, 50
TYPES = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM, "SCTP": socket.SOCK_RAW}
WORDS = {errno.ENETUNREACH: "no-route", errno.EHOSTUNREACH: "no-host", errno.EACCES: "forbidden",
         errno.EPERM: "forbidden", errno.EADDRNOTAVAIL: "no-address", errno.EINVAL: "invalid"}


def plain(address):
    return address.removeprefix("::ffff:") if "." in address else address


def crc32c(octets):
    crc = 0xffffffff
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sctp_packet(source, destination, tag, chunk, payload=b""):
    """RFC 9260 3: the common header and a chunk that begins an association."""
    body = struct.pack("!IIHHI", random.getrandbits(32) | 1, 65536, 1, 1, 1) + payload
    body = struct.pack("!BBH", chunk, 0, 4 + len(body)) + body
    body += bytes(-len(body) % 4)
    head = struct.pack("!HHI", source, destination, tag)
    return head + struct.pack("<I", crc32c(head + bytes(4) + body)) + body


def sctp_read(packet, family):
    """(source port, destination port, chunk, initiate tag, rest) or None."""
    if family == socket.AF_INET:
        packet = packet[(packet[0] & 15) * 4:]
    if len(packet) < 32:
        return None
    (source, destination) = struct.unpack_from("!HH", packet)
    (chunk, _, size, tag) = struct.unpack_from("!BBHI", packet, 12)
    return (source, destination, chunk, tag, packet[32:12 + size])


class Server:
    def __init__(self, ports):
        self.poll = select.epoll()
        self.handlers = {}
        for port in ports:
            stream = self._listen(socket.SOCK_STREAM, port)
            stream.listen(1024)
            self._add(stream, self._accept)
            datagrams = self._listen(socket.SOCK_DGRAM, port)
            datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self._add(datagrams, self._answer)
        for family in (socket.AF_INET, socket.AF_INET6):
            raw = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK,
                                socket.IPPROTO_SCTP)
            if family == socket.AF_INET6:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self._add(raw, self._answer_sctp)
        self.ports = set(ports)

    def _listen(self, kind, port):
        one = socket.socket(socket.AF_INET6, kind | socket.SOCK_NONBLOCK)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("::", port))
        return one

    def _add(self, one, handler):
        self.handlers[one.fileno()] = (one, handler)
        self.poll.register(one, select.EPOLLIN)

    def run(self):
        print("listening", flush=True)
        while True:
            for (number, _) in self.poll.poll():
                (one, handler) = self.handlers[number]
                try:
                    handler(one)
                except OSError:
                    pass  # that client is gone

    def _accept(self, listener):
        for _ in range(64):
            (one, peer) = listener.accept()
            with one:
                (address, port, *_) = one.getsockname()
                one.send(("%s %d %s" % (plain(address), port, plain(peer[0]))).encode())

    def _answer(self, one):
        port = one.getsockname()[1]
        for _ in range(64):
            (_, control, _, peer) = one.recvmsg(64, 256)
            info = next(data for (_, kind, data) in control if kind == IPV6_PKTINFO)
            address = socket.inet_ntop(socket.AF_INET6, info[:16])
            text = "%s %d %s" % (plain(address), port, plain(peer[0]))
            one.sendmsg([text.encode()],
                        [(socket.IPPROTO_IPV6, IPV6_PKTINFO, info[:16] + bytes(4))], 0, peer)

    def _answer_sctp(self, one):
        (packet, control, _, peer) = one.recvmsg(2048, 256)
        said = sctp_read(packet, one.family)
        if said is None or said[2] != INIT or said[1] not in self.ports:
            return
        (port, own_port, _, tag, _) = said
        if one.family == socket.AF_INET:
            address = socket.inet_ntoa(packet[16:20])
        else:
            info = next(data for (_, kind, data) in control if kind == IPV6_PKTINFO)
            address = socket.inet_ntop(socket.AF_INET6, info[:16])
        text = ("%s %d %s" % (address, own_port, peer[0])).encode()
        text = struct.pack("!HH", PARAMETER, 4 + len(text)) + text
        with socket.socket(one.family, socket.SOCK_RAW, socket.IPPROTO_SCTP) as reply:
            reply.bind((address, 0))
            reply.sendto(sctp_packet(own_port, port, tag, INIT_ACK, text), (peer[0], 0))


def queued_error(one):
    """What the socket's error queue says of an ICMP message."""
    try:
        (_, control, _, _) = one.recvmsg(1, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return None
    for (_, kind, data) in control:
        if kind in (IP_RECVERR, IPV6_RECVERR):
            (_, origin, icmp_type, code) = struct.unpack_from("IBBB", data)
            if origin in (2, 3):
                return "icmp %d %d" % (icmp_type, code)
    return None


class Attempt:
    """One probe under way."""

    def __init__(self, number, probe):
        (self.number, self.fate) = (number, None)
        (self.protocol, source, self.to, self.port) = probe
        self.family = socket.AF_INET6 if ":" in self.to else socket.AF_INET
        kind = TYPES[self.protocol]
        protocol = socket.IPPROTO_SCTP if self.protocol == "SCTP" else 0
        self.socket = one = socket.socket(self.family, kind | socket.SOCK_NONBLOCK, protocol)
        if self.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            one.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        try:
            if source:
                one.bind((source, 0))
            self._begin()
        except OSError as error:
            self._failed(error.errno)

    def _begin(self):
        one = self.socket
        if self.protocol == "TCP":
            error = one.connect_ex((self.to, self.port))
            if error not in (0, errno.EINPROGRESS):
                self._failed(error)
        elif self.protocol == "UDP":
            one.connect((self.to, self.port))
            one.send(b"?")
        else:
            one.connect((self.to, 0))
            self.own_port = random.randrange(20000, 60000)
            one.send(sctp_packet(self.own_port, self.port, 0, INIT))

    def _failed(self, error):
        self.fate = queued_error(self.socket) or \
            ("refused" if error in (errno.ECONNREFUSED, errno.ENOPROTOOPT) else
             WORDS.get(error) or errno.errorcode.get(error, str(error)))

    def go_on(self):
        """Whether it has its fate."""
        try:
            data = self.socket.recv(2048)
        except BlockingIOError:
            return False
        except OSError as error:
            self._failed(error.errno)
            return True
        if self.protocol == "SCTP":
            said = sctp_read(data, self.family)
            if said is None or said[0:3] != (self.port, self.own_port, INIT_ACK):
                return False
            data = said[4][4:]
        self.fate = "ok " + data.decode() if data else "closed"
        return True

    def close(self):
        if self.protocol == "TCP":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def try_all(probes, patience_s):
    fates = ["silent"] * len(probes)
    poll = select.epoll()
    (under_way, deadlines, todo) = ({}, [], iter(enumerate(probes)))
    more = True
    while more or under_way:
        while more and len(under_way) < AT_ONCE:
            one = next(todo, None)
            if one is None:
                more = False
                break
            attempt = Attempt(*one)
            if attempt.fate:
                fates[attempt.number] = attempt.fate
                attempt.close()
                continue
            poll.register(attempt.socket, select.EPOLLIN)
            under_way[attempt.socket.fileno()] = attempt
            heapq.heappush(deadlines, (time.monotonic() + patience_s, attempt.number, attempt))
            if len(under_way) % 32 == 0:
                break  # answers first
        for (number, _) in poll.poll(0 if more and len(under_way) < AT_ONCE else 0.05):
            attempt = under_way[number]
            if attempt.go_on():
                fates[attempt.number] = attempt.fate
                del under_way[number]
                attempt.close()
        now = time.monotonic()
        while deadlines and (deadlines[0][0] < now or deadlines[0][2].fate):
            attempt = heapq.heappop(deadlines)[2]
            if attempt.fate is None:
                under_way.pop(attempt.socket.fileno(), None)
                attempt.fate = "silent"
                attempt.close()
    return fates


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    if sys.argv[1] == "serve":
        Server([int(word) for word in sys.argv[2:]]).run()
    patience_s = float(sys.argv[2]) if len(sys.argv) > 2 else PATIENCE_S
    for line in sys.stdin:
        print(json.dumps(try_all(json.loads(line), patience_s)), flush=True)


if __name__ == "__main__":
    main()
