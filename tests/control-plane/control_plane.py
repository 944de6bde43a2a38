"""A real control plane for the tests: etcd, kube-apiserver, kube-controller-manager and a stand-in
for scheduler and kubelet, each of which can be killed and started again with the same data.

Everything lies in one folder and ends with the process that made it. `up` starts one by hand."""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import api_client
import kubelet

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
from nameplane import free_port

PROGRAMS = pathlib.Path(os.environ.get("NAMEPLANE_CONTROL_PLANE", ROOT / ".cache/control-plane"))
START_S = 120  # until a piece is ready; sanitizer builds of others may share the machine
SERVICE_CIDRS = "10.96.0.0/12,fd00:10:96::/112"
CONTROLLERS = ("deployment-controller", "replicaset-controller", "endpointslice-controller",
               "namespace-controller", "serviceaccount-controller", "garbage-collector-controller")
ADMIN_TOKEN = "admin-token"
PR_SET_PDEATHSIG = 1


OLD_ETCD = "etcd"  # Debian's 3.4, with which the API server streams no lists
NEW_ETCD = PROGRAMS / "etcd"


def missing():
    """Why there cannot be a control plane here; None if there can."""
    if shutil.which(OLD_ETCD) is None:
        return "etcd is not installed (Debian: etcd-server)"
    for name in ("etcd", "kube-apiserver", "kube-controller-manager"):
        if not os.access(PROGRAMS / name, os.X_OK):
            reason = PROGRAMS / "why-not"
            return reason.read_text().strip() if reason.exists() else \
                "no %s in %s; tools/lib/control_plane.sh builds it" % (name, PROGRAMS)
    return None


def own_address():
    """An address of this machine that is not loopback's, as the API server must tell others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            return "192.0.2.10"


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Piece:
    """One server program: kept command, log file, killed and started at will. It ends with the
    thread that started it, too."""

    def __init__(self, name, command, folder, is_ready, environment=None):
        (self.name, self.command, self.is_ready) = (name, [str(word) for word in command], is_ready)
        self.log = folder / (name + ".log")
        self.environment = environment
        self.process = None

    def start(self, wait=True):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True, preexec_fn=die_with_parent, env=self.environment)
        if wait:
            self.wait()

    def wait(self):
        deadline = time.monotonic() + START_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("%s did not become ready:\n%s" % (self.name, self.last_lines()))
            time.sleep(0.05)

    def kill(self):
        """As kill -9 does it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def last_lines(self):
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-15:])


class Certificates:
    """Authorities and certificates made by openssl in a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def path(self, name):
        return str(self.folder / name)

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def authority(self, name):
        """NAME.crt and NAME.key that sign others."""
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                      "-nodes", "-days", "2", "-subj", "/CN=" + name,
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                      "-keyout", self.path(name + ".key"), "-out", self.path(name + ".crt"))
        return self.path(name + ".crt")

    def sign(self, name, authority, subject, names=(), days=2):
        """NAME.crt and NAME.key, for a server if it has names, else for a client."""
        request = self.path(name + ".csr")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                      "-nodes", "-subj", subject, "-keyout", self.path(name + ".key"),
                      "-out", request)
        extensions = self.folder / (name + ".ext")
        usage = "serverAuth" if names else "clientAuth"
        extensions.write_text("extendedKeyUsage=%s\nbasicConstraints=CA:FALSE\n" % usage +
                              ("subjectAltName=%s\n" % ",".join(names) if names else ""))
        self._openssl("x509", "-req", "-in", request, "-days", str(days), "-extfile",
                      str(extensions), "-CA", self.path(authority + ".crt"),
                      "-CAkey", self.path(authority + ".key"), "-CAcreateserial",
                      "-out", self.path(name + ".crt"))
        return (self.path(name + ".crt"), self.path(name + ".key"))

    def key_pair(self, name):
        self._openssl("genrsa", "-out", self.path(name + ".key"), "2048")
        self._openssl("rsa", "-in", self.path(name + ".key"), "-pubout",
                      "-out", self.path(name + ".pub"))


class ControlPlane:
    """All pieces; start() returns when they are ready. `api` is an administrator's client."""

    def __init__(self, folder, api_flags=(), controllers=CONTROLLERS, node="node-1",
                 node_address="192.168.77.1", etcd=NEW_ETCD):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificates = Certificates(self.folder / "pki")
        (self.etcd_port, self.peer_port, self.port) = (free_port(), free_port(), free_port())
        self.address = node_address
        self.tokens = {ADMIN_TOKEN: ("admin", "system:masters")}
        self._make_files()
        self.api = api_client.Api(self.port, self.client_context(), ADMIN_TOKEN)
        self.etcd = Piece("etcd", self._etcd_command(etcd), self.folder, self._etcd_ready,
                          {**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine})
        self.apiserver = Piece("kube-apiserver", self._apiserver_command(api_flags), self.folder,
                               self._api_ready)
        self.controllers = Piece(
            "kube-controller-manager", self._controllers_command(controllers), self.folder,
            lambda: True)
        self.kubelet = kubelet.Kubelet(
            api_client.Api(self.port, self.client_context(), ADMIN_TOKEN), node, node_address)

    # -- files --

    def _make_files(self):
        pki = self.certificates
        pki.authority("ca")
        pki.authority("client-ca")
        self.sign_server("ca")
        pki.key_pair("service-account")
        pki.sign("admin", "client-ca", "/O=system:masters/CN=admin")
        self.write_tokens()
        self.admin_kubeconfig = self.kubeconfig("admin.kubeconfig", {"token": ADMIN_TOKEN})

    def sign_server(self, authority, names=("DNS:localhost", "DNS:kubernetes.default.svc",
                                            "IP:127.0.0.1", "IP:10.96.0.1")):
        """The API server's certificate, for its next start."""
        self.certificates.sign("server", authority, "/CN=kube-apiserver",
                               [*names, "IP:" + self.address])

    def write_tokens(self):
        """The file of fixed tokens, read by the API server when it starts."""
        lines = ['%s,%s,%s,"%s"' % (token, name, name, groups)
                 for (token, (name, groups)) in self.tokens.items()]
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n")

    def kubeconfig(self, name, user, port=None, cluster=None):
        """Writes a kubeconfig of one user; `cluster` adds to or replaces what it says of the
        server."""
        entry = {"server": "https://127.0.0.1:%d" % (port or self.port), **(cluster or {})}
        if not {"certificate-authority-data", "insecure-skip-tls-verify"} & entry.keys():
            entry.setdefault("certificate-authority", self.certificates.path("ca.crt"))
        value = {"apiVersion": "v1", "kind": "Config", "current-context": "test",
                 "clusters": [{"name": "test", "cluster": entry}],
                 "users": [{"name": "test", "user": user}],
                 "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}
        path = self.folder / name
        path.write_text(json.dumps(value, indent=1))
        return str(path)

    def client_context(self):
        context = ssl.create_default_context(cafile=self.certificates.path("ca.crt"))
        context.set_alpn_protocols(["http/1.1"])
        return context

    # -- commands --

    def _etcd_command(self, program):
        (own, peer) = ("http://127.0.0.1:%d" % port for port in (self.etcd_port, self.peer_port))
        return [program, "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
                "--listen-client-urls", own, "--advertise-client-urls", own,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", "default=" + peer, "--log-level", "error"]

    def _apiserver_command(self, more):
        path = self.certificates.path
        return [PROGRAMS / "kube-apiserver",
                "--etcd-servers=http://127.0.0.1:%d" % self.etcd_port,
                "--cert-dir=%s" % (self.folder / "pki"), "--bind-address=0.0.0.0",
                "--advertise-address=" + self.address, "--secure-port=%d" % self.port,
                "--tls-cert-file=" + path("server.crt"),
                "--tls-private-key-file=" + path("server.key"),
                "--client-ca-file=" + path("client-ca.crt"),
                "--service-cluster-ip-range=" + SERVICE_CIDRS,
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-key-file=" + path("service-account.pub"),
                "--service-account-signing-key-file=" + path("service-account.key"),
                "--token-auth-file=%s" % (self.folder / "tokens.csv"),
                "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount",
                "--max-requests-inflight=3000", "--max-mutating-requests-inflight=2000",
                "--allow-privileged=true", "--profiling=false", *more]

    def _controllers_command(self, controllers):
        return [PROGRAMS / "kube-controller-manager", "--kubeconfig=" + self.admin_kubeconfig,
                "--controllers=" + ",".join(controllers), "--use-service-account-credentials=false",
                "--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000",
                "--secure-port=0", "--concurrent-namespace-syncs=4"]

    # -- readiness --

    def _etcd_ready(self):
        try:
            self.etcd_call("/v3/kv/range", {"key": "AA=="})
            return True
        except (*api_client.AWAY, RuntimeError):
            return False

    def _api_ready(self):
        try:
            return self.api.request("GET", "/readyz")[0] == 200
        except api_client.AWAY:
            return False

    # -- life --

    def start(self, kubelet_too=True):
        self.etcd.start()
        self.apiserver.start()
        self.controllers.start()
        if kubelet_too:
            self.kubelet.start()
        return self

    def stop(self):
        self.kubelet.stop()
        for piece in (self.controllers, self.apiserver, self.etcd):
            piece.kill()

    def etcd_call(self, path, body):
        """etcd's JSON gateway."""
        connection = api_client.http.client.HTTPConnection("127.0.0.1", self.etcd_port, timeout=60)
        try:
            connection.request("POST", path, json.dumps(body))
            response = connection.getresponse()
            value = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(str(value))
        return value

    def compact(self):
        """Forgets all history of the store, as etcd does every five minutes on the API server's
        word."""
        revision = self.etcd_call("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        self.etcd_call("/v3/kv/compaction", {"revision": revision, "physical": True})
