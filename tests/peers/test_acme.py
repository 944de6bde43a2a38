"""Certificates that CoreDNS got by ACME are used on."""

import pathlib
import tempfile

import peer_test  # finds the folders of the others
import control_plane
import servers
from pebble import Pebble, await_serial, serial_proved
from pki import Pki

COREFILE = """\
. {
    ready {$READY}
    whoami
}
tls://.:%(tls)d {
    tls {
        acme dns.example *.wild.example
        email hostmaster@example.org
        ca https://localhost:%(acme)d/dir
        ca_root %(root)s
        storage %(storage)s
    }
    whoami
}
"""
NAMES = ("dns.example", "any.wild.example")


class Acme(peer_test.PeerTest):
    def serve(self, kind, values):
        server = kind(pathlib.Path(tempfile.mkdtemp()), COREFILE % values)
        self.addCleanup(server.kill)
        return server

    def test_what_one_got_the_other_proves(self):
        folder = tempfile.mkdtemp()
        pki = Pki(folder)
        values = {"tls": control_plane.free_port(), "acme": control_plane.free_port(),
                  "root": pki.ca, "storage": folder + "/kept"}
        theirs = self.serve(servers.CoreDns, values)
        pebble = Pebble(pki, theirs.port, values["acme"])
        self.addCleanup(pebble.kill)
        theirs.start()
        serials = [await_serial(values["tls"], name, pebble.root) for name in NAMES]
        theirs.kill()
        pebble.kill()
        ours = self.serve(servers.Nameplane, values)
        ours.start()
        self.assertEqual([serial_proved(values["tls"], name, pebble.root) for name in NAMES], serials)


if __name__ == "__main__":
    peer_test.main(cluster=False)
