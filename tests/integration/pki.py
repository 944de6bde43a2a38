"""Certificates for tests, by openssl."""

import os
import subprocess

import nameplane


def run(*command, **options):
    return subprocess.run(command, check=False, capture_output=True, timeout=nameplane.WAIT_S,
                          **options)


class Pki:
    """An authority of its own, and certificates that it signs, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = os.path.join(folder, "ca.pem")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test",
                     "-days", "2")

    def openssl(self, *arguments):
        done = run("openssl", *arguments, cwd=self.folder)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode("utf-8"))

    def issue(self, name, prefix=""):
        """A certificate for `name` and 127.0.0.1, put in place by rename: key first."""
        with open(os.path.join(self.folder, "names"), "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:%s,IP:127.0.0.1\n" % name)
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", "new.key", "-out", "new.csr", "-subj", "/CN=" + name)
        self.openssl("x509", "-req", "-in", "new.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-out", "new.pem", "-days", "2", "-extfile", "names")
        for new, old in (("new.key", "key.pem"), ("new.pem", "cert.pem")):
            os.rename(os.path.join(self.folder, new), os.path.join(self.folder, prefix + old))
