"""CoreDNS and Nameplane as processes with the same zones, plugins and options."""

import http.client
import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/control-plane"), str(ROOT / "tests/integration")]
import control_plane
import nameplane

PROGRAMS = pathlib.Path(os.environ.get("NAMEPLANE_PEERS", ROOT / ".cache/peers"))
COREDNS = PROGRAMS / "coredns"


def missing():
    """Why there is no CoreDNS to compare with; None if there is."""
    if os.access(COREDNS, os.X_OK):
        return None
    reason = PROGRAMS / "why-not"
    return reason.read_text().strip() if reason.exists() else \
        "no coredns in %s; tools/lib/peers.sh builds it" % PROGRAMS


class Server(control_plane.Piece):
    """One of both with a Corefile; the very same text for both, for keys in it have no port, and the
    ports of pages come from the environment. Ready when the plugin `ready` says so."""

    title = ""

    def __init__(self, folder, corefile, *prefix):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (self.port, ready, self.metrics, health) = (control_plane.free_port() for _ in range(4))
        self.ready_at = "127.0.0.1:%d" % ready
        path = folder / "Corefile"
        path.write_text(corefile, encoding="utf-8")
        super().__init__(
            self.title,
            [*prefix, *self.program(), "-conf", path, "-dns.port", self.port], folder,
            lambda: status_of(ready) == 200 and bool(dns_answer(self.port)),
            {**os.environ, "READY": self.ready_at,
             "METRICS": "127.0.0.1:%d" % self.metrics, "HEALTH": "127.0.0.1:%d" % health})

    def program(self):
        raise NotImplementedError

    def page(self):
        """The text of /metrics."""
        return get(self.metrics, "/metrics")[1]


class CoreDns(Server):
    title = "coredns"

    def program(self):
        return [COREDNS]


class Nameplane(Server):
    title = "nameplane"

    def program(self):
        return [nameplane.BINARY, "--state-file", ""]


def block(zones, *plugins, ready=True):
    """A server block as text; plugins are lines, or a line and a list of those in its braces."""
    lines = ["%s {" % " ".join(zones)]
    for plugin in (*plugins, *(["ready {$READY}"] if ready else [])):
        if isinstance(plugin, str):
            lines.append("    " + plugin)
        else:
            (line, body) = plugin
            lines += ["    %s {" % line, *("        " + word for word in body), "    }"]
    return "\n".join([*lines, "}"]) + "\n"


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return (response.status, response.read().decode("utf-8"))
    finally:
        connection.close()


def status_of(port):
    try:
        return get(port, "/ready")[0]
    except (OSError, http.client.HTTPException):
        return 0


def dns_answer(port):
    """Whether anybody answers there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        try:
            client.connect(("127.0.0.1", port))
            client.send(nameplane.query_bytes("ready.test", "A"))
            return client.recv(65535)
        except OSError:
            return b""


def certificate(folder):
    """key.pem and cert.pem, which vouches for itself: of dns.example at 127.0.0.1."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=dns.example", "-addext",
                    "subjectAltName=DNS:dns.example,IP:127.0.0.1", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem"], check=True, capture_output=True)
