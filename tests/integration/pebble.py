"""Pebble, the test server of ACME, and what a server of ours proves over TLS."""

import json
import os
import socket
import ssl
import subprocess
import time

import nameplane


class Pebble:
    """A server of ACME that asks the DNS server at a port of loopback."""

    def __init__(self, pki, dns_port, port):
        folder = os.path.join(pki.folder, "pebble")
        os.makedirs(folder, exist_ok=True)
        (self.port, self.management) = (port, nameplane.free_port())
        pki.issue("localhost", prefix="pebble/")
        config = os.path.join(folder, "config.json")
        with open(config, "w", encoding="ascii") as file:
            json.dump({"pebble": {"listenAddress": "127.0.0.1:%d" % self.port,
                                  "managementListenAddress": "127.0.0.1:%d" % self.management,
                                  "certificate": os.path.join(folder, "cert.pem"),
                                  "privateKey": os.path.join(folder, "key.pem"),
                                  "httpPort": 1, "tlsPort": 1}}, file)
        # Some nonces are refused, and challenges are looked at without delay.
        settings = dict(os.environ, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="15")
        self.process = subprocess.Popen(
            ["pebble", "-strict", "-config", config, "-dnsserver", "127.0.0.1:%d" % dns_port],
            env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + nameplane.WAIT_S
        self.root = self.fetch("/roots/0", pki.ca, deadline)

    def fetch(self, path, authority, deadline):
        """A page of its management port; it may not listen yet."""
        context = ssl.create_default_context(cafile=authority)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.management), timeout=5) as plain, \
                        context.wrap_socket(plain, server_hostname="localhost") as stream:
                    stream.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode("ascii"))
                    answer = b""
                    while more := stream.recv(65536):
                        answer += more
                    return answer.split(b"\r\n\r\n", 1)[1].decode("ascii")
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def serial_proved(port, name, root):
    """The number of the certificate that is proved at PORT for NAME, which may be None; nothing if there
    is none."""
    context = ssl.create_default_context(cadata=root)
    context.check_hostname = name is not None
    with socket.create_connection(("127.0.0.1", port), timeout=nameplane.WAIT_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=name) as stream:
                return stream.getpeercert()["serialNumber"]
        except ssl.SSLCertVerificationError:
            raise
        except (ssl.SSLError, ConnectionResetError):
            return None


def await_serial(port, name, root):
    """The files are looked at every two seconds."""
    deadline = time.monotonic() + 2 * nameplane.WAIT_S
    while (serial := serial_proved(port, name, root)) is None:
        if time.monotonic() > deadline:
            raise AssertionError("nothing is proved for " + str(name))
        time.sleep(0.1)
    return serial
