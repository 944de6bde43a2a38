"""A server to forward to: Knot with a zone that has something of everything."""

import shutil

import servers

ZONE = "example.test"
RECORDS = """
@ 300 SOA ns hostmaster 1 7200 1800 86400 60
@ 300 NS ns
@ 300 NS ns2
@ 300 MX 10 mail
@ 300 TXT "one" "two" "three"
@ 300 CAA 0 issue "ca.example.net"
ns 300 A 192.0.2.1
ns2 300 A 192.0.2.2
ns2 300 AAAA 2001:db8::2
mail 60 A 192.0.2.25
www 300 A 192.0.2.80
www 300 A 192.0.2.81
www 300 AAAA 2001:db8::80
four 5 A 192.0.2.4
six 5 AAAA 2001:db8::6
zero 0 A 192.0.2.10
long 604800 A 192.0.2.11
alias 300 CNAME www
alias2 100 CNAME alias
alias3 50 CNAME alias2
dangling 300 CNAME missing
away 300 CNAME www.example.net.
round 300 CNAME round2
round2 300 CNAME round
_sip._udp 300 SRV 1 2 5060 www
_sip._udp 300 SRV 1 3 5060 six
svc 300 HTTPS 1 . alpn="h2"
svc 300 A 192.0.2.90
ptr 300 PTR www
naptr 300 NAPTR 10 20 "u" "sip" "" _sip._udp
text 300 TXT "%s"
*.wild 300 A 192.0.2.70
*.wild 300 TXT "wild"
empty.below.here 300 A 192.0.2.71
child 300 NS ns.child
ns.child 300 A 192.0.2.53
dn 300 DNAME other
x.other 300 A 192.0.2.72
Mixed.Case 300 A 192.0.2.73
w\\000eird 300 A 192.0.2.74
""" % ("t" * 200)
MANY = "".join("many 300 A 198.51.100.%d\n" % i for i in range(1, 200)) + \
    "".join("forty 300 A 198.51.100.%d\n" % i for i in range(1, 41)) + \
    "".join("mx 300 MX %d mail\n" % i for i in range(1, 60))
NAMES = ["", "ns", "ns2", "mail", "www", "four", "six", "zero", "long", "alias", "alias2", "alias3",
         "dangling", "away", "round", "_sip._udp", "_udp", "svc", "ptr", "naptr", "text", "wild",
         "a.wild", "a.b.wild", "below.here", "here", "empty.below.here", "child", "a.child",
         "ns.child", "dn", "x.dn", "y.dn", "mixed.case", "missing", "a.missing", "many", "forty", "mx"]


def missing():
    return None if shutil.which("knotd") else "no knotd (Debian: knot)"


class Upstream(servers.control_plane.Piece):
    """Ends with the process that made it."""

    def __init__(self, folder, zone=ZONE, records=RECORDS + MANY, prefix=()):
        self.port = servers.control_plane.free_port()
        folder.mkdir(exist_ok=True)
        (folder / "zone").write_text("$ORIGIN %s.\n%s" % (zone, records))
        config = folder / "knot.conf"
        config.write_text("""
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}"
zone:
  - domain: {zone}
    storage: "{folder}"
    file: zone
""".format(folder=folder, port=self.port, zone=zone))
        super().__init__("knotd", [*prefix, "knotd", "-c", config], folder,
                         lambda: bool(servers.dns_answer(self.port)))
