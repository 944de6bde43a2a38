"""Zone files at random, from a seed: whole zones in all the ways that a file may be written in, with
names to ask about; and files with one odd entry each."""

import random

import wire
from wire import Edns, Question, TYPES, labels

LABELS = ("a", "b", "c", "d", "www", "mail", "_tcp", "x-1", "*", "*", "a*")
ODD = (r"a\.b", r"\010", r"\200z", r"q\"t")
RARE_TYPES = {"DNAME": 39, "RP": 17, "AFSDB": 18, "LOC": 29, "SSHFP": 44, "SPF": 99, "URI": 256}
ODD_SHARE = 0.2
OUTER = "outer.test."
OUTER_ZONE = """$ORIGIN outer.test.
@ 300 SOA ns h 1 2 3 4 60
@ 300 NS ns
ns 300 A 192.0.2.1
@ 300 MX 1 a
a 77 A 192.0.2.2
a 77 AAAA 2001:db8::2
a 77 TXT outer
b 77 CNAME a
c 77 CNAME a.z0.test.
d 77 CNAME d
*.w 77 A 192.0.2.3
"""


class Zone:
    """Records of a zone as (owner's labels below the zone, type, data), names in data as text: relative
    to the zone, or absolute."""

    def __init__(self, rng, origin):
        (self.rng, self.origin, self.records) = (rng, origin, [])
        self.names = [()]
        self.labels = LABELS + (ODD if rng.random() < ODD_SHARE else ())
        self.fill()

    def owner(self):
        """One that is there, or one below it, or below nothing that is there."""
        if self.rng.random() < 0.3:
            return self.rng.choice(self.names)
        name = self.rng.choice(self.names) if self.rng.random() < 0.5 else ()
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            name = (self.rng.choice(self.labels), *name)
        name = name[-5:]
        self.names.append(name)
        return name

    def target(self):
        """Of a CNAME, an MX, ...: where something may be or not, here or elsewhere."""
        roll = self.rng.random()
        if roll < 0.15:
            return self.rng.choice(("a.", "b.", "c.", "d.", "x.w.", "none.", "")) + OUTER
        if roll < 0.2:
            return self.rng.choice((".", "elsewhere.example.", "a.z1.test.", "none.z1.test."))
        name = self.rng.choice(self.names) if roll < 0.7 else self.owner()
        if roll > 0.9:
            name = ("new", *name)
        if name and name[0] == "*" and self.rng.random() < 0.7:
            name = ("star", *name[1:])
        return ".".join(name) or "@"

    def add(self, owner, kind, *data):
        if (owner, kind, list(data)) not in self.records:
            self.records.append((owner, kind, list(data)))

    def fill(self):
        rng = self.rng
        self.add((), "SOA", "ns", "Host.Master", str(rng.randrange(1, 99)), "2", "3", "4", str(rng.randrange(99)))
        for host in rng.sample(("ns", "NS2.sub", "ns." + OUTER), rng.choice((1, 1, 2))):
            self.add((), "NS", host)
        self.add(("ns",), "A", "192.0.2.53")
        for _ in range(rng.choice((3, 10, 25))):
            self.some(rng.choice((self.plain, self.plain, self.plain, self.alias, self.alias, self.cut, self.host,
                                  self.rare, self.dname)))
        if rng.random() < 0.4:
            self.sign()

    def some(self, make):
        make(self.owner())

    def plain(self, owner):
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            kind = self.rng.choice(("A", "A", "AAAA", "TXT"))
            self.add(owner, kind, {"A": "192.0.2.%d" % self.rng.randrange(256), "TXT": '"%d"' % self.rng.randrange(99),
                                   "AAAA": "2001:db8::%x" % self.rng.randrange(4096)}[kind])

    def alias(self, owner):
        if owner and not self.has(owner, "DNAME"):
            self.add(owner, "CNAME", self.target())

    def has(self, owner, kind):
        return any(record[:2] == (owner, kind) for record in self.records)

    def dname(self, owner):
        if self.rng.random() < 0.5 and owner and not self.has(owner, "CNAME"):
            self.add(owner, "DNAME", self.target())

    def cut(self, owner):
        if not owner:
            return
        for host in (("ns", *owner), ("a", "b", *owner), (), ("ns", "elsewhere"), owner):
            if self.rng.random() < 0.4:
                self.add(owner, "NS", ".".join(host) or self.target())
                if host and self.rng.random() < 0.7:
                    self.plain(host)
        if self.rng.random() < 0.3:
            self.add(owner, "DS", "1", "8", "2", "00" * 32)

    def host(self, owner):
        rng = self.rng
        for _ in range(rng.choice((1, 2))):
            kind = rng.choice(("MX", "SRV", "SVCB", "HTTPS"))
            self.add(owner, kind, str(rng.randrange(2)), *(("5", "80") if kind == "SRV" else ()), self.target())

    def rare(self, owner):
        (kind, *data) = self.rng.choice((
            ("PTR", self.target()), ("CAA", "0", "issue", '"ca.test"'), ("HINFO", "a", '"b c"'), ("TYPE65280", r"\#", "2", "abcd"),
            ("NAPTR", "1", "2", '"u"', '"a+b"', '"!^.*$!x!"', "."), ("TLSA", "3", "1", "1", "ab" * 32),
            ("RP", self.target(), "."), ("LOC", "1 2 3 N 4 5 6 E 7m"), ("SSHFP", "1 1", "ab" * 20),
            ("URI", "1 1", '"http://x.test/"'), ("AFSDB", "1", self.target()), ("SPF", '"x"')))
        self.add(owner, kind, *data)

    def sign(self):
        """NSEC and RRSIG as they stand in a signed zone, though nobody can verify them."""
        sets = {}
        for (owner, kind, _) in self.records:
            sets.setdefault(owner, []).append(kind)
        names = sorted(sets, key=lambda name: [wire_label(label) for label in reversed(name)])
        for (name, after) in zip(names, names[1:] + names[:1]):
            kinds = sorted(set(sets[name]), key=number)
            cut = "NS" in kinds and name
            self.add(name, "NSEC", ".".join(after) or "@", *sorted([*kinds, "RRSIG", "NSEC"], key=number))
            for kind in kinds + ["NSEC"]:
                if not cut or kind in ("NSEC", "DS"):
                    self.add(name, "RRSIG", kind, "8", "2", "300", "20300101000000", "20200101000000", "1", "@", "c2ln")

    def text(self):
        return Writer(self).text()

    def empty_names(self):
        """Names without records that have longer ones below them, as in an answer's question."""
        there = {owner for (owner, _, _) in self.records}
        above = {owner[i:] for owner in there for i in range(len(owner))}
        return ["%s." % wire.text_of((*map(wire_label, name), *labels(self.origin))).lower().rstrip(".")
                for name in sorted(above - there)]

    def asked(self, count):
        """Questions about its names, and names beside, above and below them."""
        rng = self.rng
        own = labels(self.origin)
        found = {tuple(map(wire_label, name)) for name in self.names} | {("new".encode(),), (b"ns",)}
        found |= {name[i:] for name in found for i in range(len(name))}
        found |= {(rng.choice((b"new", b"a", b"*", b"0", b"zz")), *name) for name in sorted(found)}
        found |= {(b"x", b"y", *name) for name in rng.sample(sorted(found), min(6, len(found)))}
        names = [(*name, *own) for name in sorted(found)]
        kinds = ["A", "A", "A", "AAAA", "TXT", "MX", "SRV", "SVCB", "HTTPS", "NS", "SOA", "CNAME", "DNAME", "DS", "PTR", "ANY", "NSEC",
                 "RRSIG", "TYPE65280", "CAA"]
        out = []
        for _ in range(count):
            edns = rng.choice((None, Edns(size=1232), Edns(do=True), Edns(do=True)))
            name = rng.choice(names)
            if rng.random() < 0.1:
                name = tuple(label.swapcase() for label in name)
            # By TCP, for where a loop of DNAMEs is cut is nobody's promise.
            out.append(Question(name, number(rng.choice(kinds)), tcp=True, edns=edns))
        return list(dict.fromkeys(out))


def number(kind):
    return RARE_TYPES.get(kind) or TYPES.get(kind) or int(kind[4:])


def wire_label(label):
    """Octets of a label as it stands in a file."""
    (out, i) = (b"", 0)
    while i < len(label):
        if label[i] != "\\":
            out += label[i].encode("ascii")
            i += 1
        elif label[i + 1].isdigit():
            out += bytes([int(label[i + 1:i + 4])])
            i += 4
        else:
            out += label[i + 1].encode("ascii")
            i += 2
    return out


class Writer:
    """A zone as text, in one of all the ways."""

    def __init__(self, zone):
        (self.zone, self.rng) = (zone, zone.rng)
        self.base = ()       # of $ORIGIN, below the zone
        self.last = None     # owner before
        self.has_ttl = False

    def text(self):
        out = []
        for (i, record) in enumerate(self.zone.records):
            if i and self.rng.random() < 0.1:
                out.append(self.directive())
            if self.rng.random() < 0.1:
                out.append(self.rng.choice(("", "; a comment (\" ", "   ", "\t; blank")))
            out.append(self.entry(*record))
        return "\n".join(out) + self.rng.choice(("", "\n", "\n\n; end"))

    def directive(self):
        rng = self.rng
        if rng.random() < 0.4:
            self.has_ttl = True
            return "$TTL " + rng.choice(("300", "1h", "1H30m", "0", "2w", "60 ; comment"))
        self.base = rng.choice(self.zone.names) if rng.random() < 0.6 else ()
        return rng.choice(("$ORIGIN ", "$origin\t")) + self.absolute(self.base)

    def absolute(self, name):
        return "".join(label + "." for label in name) + self.zone.origin

    def name(self, name, may_escape=False):
        """Relative or not. In data CoreDNS compares names as they are written, escapes and all."""
        rng = self.rng
        base = self.base
        if name == base and rng.random() < 0.7:
            return "@"
        if len(name) > len(base) and name[len(name) - len(base):] == base and rng.random() < 0.8:
            out = ".".join(name[:len(name) - len(base)])
        else:
            out = self.absolute(name)
        if rng.random() < 0.1:
            out = out.upper()
        if may_escape and rng.random() < 0.1:
            out = out.replace("a", r"\097")
        return out

    def word(self, word, kind):
        """A word of data; names are written anew."""
        if kind not in ("NS", "CNAME", "DNAME", "MX", "SRV", "SVCB", "HTTPS", "PTR", "RP", "AFSDB", "SOA", "NSEC", "RRSIG"):
            return word
        if word.isdigit() or word.isupper() or word == "c2ln" or word.endswith(".") or word.isalnum() and word.upper() in TYPES:
            return word
        return self.name(()) if word == "@" else self.name(tuple(split(word)))

    def entry(self, owner, kind, data):
        rng = self.rng
        first = self.name(owner, kind != "SRV")
        if owner == self.last and rng.random() < 0.6:
            first = rng.choice((" ", "\t", "  "))
        self.last = owner
        ttl = rng.choice(("60", "1m", "300", "2H", "0")) if kind == "SOA" or not self.has_ttl or rng.random() < 0.4 else ""
        if kind == "SOA":
            self.has_ttl = True
        head = [ttl, rng.choice(("", "", "IN", "in", "IN", "CLASS1"))]
        if rng.random() < 0.3:
            head.reverse()
        words = [word for word in head if word] + [kind if rng.random() < 0.9 else kind.lower()]
        tail = [self.word(word, kind) for word in data]
        if rng.random() < 0.2 or kind == "SOA":
            at = rng.randrange(len(tail))
            tail[at] = "( " + tail[at]
            tail[-1] += rng.choice((" )", " ; c\n )", "\n\t)"))
            # Behind a comment miekg/dns takes a type in the data for the record's.
            inside = (" ", "\n ") if kind in ("NSEC", "RRSIG") else (" ", "\n ", " ; comment ( \n ")
            gaps = [rng.choice(inside) if i >= at else " " for i in range(len(tail))]
        else:
            gaps = [rng.choice((" ", " ", "\t", "  "))] * len(tail)
        line = "%s%s%s" % (first, rng.choice((" ", "\t")), " ".join(words))
        for (word, gap) in zip(tail, [" ", *gaps]):
            line += gap + word
        return line + rng.choice(("", "", " ", " ; comment", "\r"))


def split(name):
    """Labels of a name as it stands in a file."""
    (out, label, i) = ([], "", 0)
    while i < len(name):
        if name[i] == ".":
            out.append(label)
            label = ""
            i += 1
        else:
            step = 2 if name[i] == "\\" else 1
            label += name[i:i + step]
            i += step
    return [*out, label]


# -- one odd entry --

LONG = "x" * 300
# Where we differ and mean it; docs/from-coredns.md has the reasons.
REFUSED_HERE = r"""
a CNAME \256
a CNAME \25
a TXT "\256"
a TXT "\25"
\256 A 192.0.2.1
a HINFO b
a HINFO b c d
a CAA 0 is-sue "x"
a DS 1 8 2
a SVCB 1 . alpn
a SVCB 1 . ech
a UID 1
a AMTRELAY 10 0 1 192.0.2.1
a TYPE0 \# 0
a TYPE255 \# 0
a h A 192.0.2.1
a NONE A 192.0.2.1
LABEL63.LABEL63.LABEL63.LABEL63 A 192.0.2.1
"""
TAKEN_HERE = r"""
a NAPTR 1 2 u E2U "" b
a NAPTR 1 2 "u""x""y" .
a SVCB 1 . key1=\002h2
a DNSKEY 256 3 RSASHA256 AwEAAQ==
a LOC 91 N 71 W 1m
a X25 "311061700956"
a ISDN "150862028003217"
a IPSECKEY 10 1 2 192.0.2.1 AAAA
a IPSECKEY 10 0 2 . AAAA
a IPSECKEY 10 3 2 b AAAA
$INCLUDE "included"
"""
ENTRIES = r"""
a A 192.0.2.1
a A 192.0.2
a A 192.0.2.01
a A 192.0.2.256
a A 2001:db8::1
a A ::ffff:192.0.2.1
a A 192.0.2.1 192.0.2.2
a A
a AAAA 2001:db8::1
a AAAA ::ffff:192.0.2.1
a AAAA 192.0.2.1
a AAAA 2001:db8::1%eth0
a AAAA 2001:db8:::1
a NS b
a NS b c
a NS "b"
a NS @
a NS .
a NS b..c
a NS .b
a CNAME b.
a CNAME B.C
a CNAME a\.b
a CNAME \097
a CNAME \256
a CNAME \25
a DNAME b
a PTR b
a MX 10 b
a MX b 10
a MX 65535 b
a MX 65536 b
a MX -1 b
a MX 0x10 b
a MX 10
a MX 0 .
a SRV 1 2 3 b
a SRV 1 2 3
a SRV 1 2 70000 b
a SRV 1 2 3 .
a TXT b
a TXT "b"
a TXT b c "d e" f
a TXT "b" "c"
a TXT "b""c"
a TXT b"c"
a TXT "b"c
a TXT ""
a TXT "" ""
a TXT
a TXT "b
a TXT b"
a TXT "b\"c"
a TXT b\"c
a TXT "b\\c"
a TXT "b;c"
a TXT b;c
a TXT b\;c
a TXT "b(c"
a TXT b\(c
a TXT b(c
a TXT (b c)
a TXT ( "b" "c" )
a TXT ( b ) c
a TXT ((b))
a TXT ( (b) c )
a TXT b )
a TXT ( b
a TXT "\000\255\010"
a TXT \000b\255
a TXT "\256"
a TXT "\25"
a TXT "\"
a TXT \
a TXT b\ c
a TXT "tab	inside"
a TXT "two
lines"
a TXT @
a TXT $
a TXT "$TTL"
a TXT IN A
a TXT A
a TXT LONG
a TXT "LONG"
a TXT "\120LONG"
a TXT é
a TXT "é"
a SPF "v=spf1"
a HINFO b c
a HINFO "b c" d
a HINFO "b" "c d"
a HINFO b
a HINFO b c d
a HINFO "" ""
a CAA 0 issue "ca.test"
a CAA 0 issue ca.test
a CAA 128 iodef "mailto:x@y.test"
a CAA 256 issue "x"
a CAA 0 issue ""
a CAA 0 issue
a CAA 0 "issue" "x"
a CAA 0 issue "x" "y"
a CAA 0 issue "a;b=c"
a CAA 0 is-sue "x"
a NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:x@y!" .
a NAPTR 1 2 u E2U "" b
a NAPTR 1 2 "" "" "" b
a NAPTR 1 2 "u" "x" "\\1" .
a NAPTR 1 2 "u" "x" .
a NAPTR 1 2 "u""x""y" .
a NAPTR 65536 2 "u" "x" "y" .
a SVCB 1 b
a SVCB 0 b
a SVCB 1 . alpn=h2
a SVCB 1 . alpn="h2"
a SVCB 1 . alpn="h2,h3"
a SVCB 1 . alpn=h2,h3 port=443
a SVCB 1 . port=443 alpn=h2
a SVCB 1 . port="443"
a SVCB 1 . port=70000
a SVCB 1 . port
a SVCB 1 . no-default-alpn alpn=h2
a SVCB 1 . no-default-alpn
a SVCB 1 . ipv4hint=192.0.2.1,192.0.2.2
a SVCB 1 . ipv4hint="192.0.2.1,192.0.2.2"
a SVCB 1 . ipv4hint=2001:db8::1
a SVCB 1 . ipv6hint=2001:db8::1
a SVCB 1 . mandatory=alpn alpn=h2
a SVCB 1 . mandatory=port alpn=h2
a SVCB 1 . mandatory="alpn,port" alpn=h2 port=1
a SVCB 1 . key65280=abc
a SVCB 1 . key65280="a b"
a SVCB 1 . key65280=\001
a SVCB 1 . key65280
a SVCB 1 . key1=\002h2
a SVCB 1 . unknown=1
a SVCB 1 . port=1 port=2
a SVCB 1 . ech=AAAA
a SVCB 1 . ech="AAAA"
a SVCB 1 . dohpath=/q{?dns}
a SVCB 1 . dohpath="/q{?dns}"
a SVCB 1 . ohttp
a SVCB 1 . alpn
a SVCB 1 . ipv4hint
a SVCB 1 . ech
a SVCB 1 . alpn=
a SVCB 1 . alpn="h2" port="443" ipv4hint=192.0.2.1
a SVCB 65536 .
a SVCB -1 .
a SVCB 1
a SVCB 0 b alpn=h2
a HTTPS 1 . alpn="h3,h2" ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
a HTTPS 1 B.C alpn=h2
a DS 1 8 2 ABCD
a DS 1 8 2 AB CD
a DS 1 8 2 ( AB
 CD )
a DS 1 RSASHA256 2 ABCD
a DS 1 8 2 XYZ
a DS 1 8 2 ABC
a DS 1 8 2
a DS 65536 8 2 AB
a CDS 0 0 0 00
a DNSKEY 256 3 8 AwEAAQ==
a DNSKEY 256 3 RSASHA256 AwEAAQ==
a DNSKEY 256 3 8 AwEA AQ==
a DNSKEY 256 3 8 !!!!
a CDNSKEY 0 3 0 AA==
a TLSA 3 1 1 ABCD
a TLSA 3 1 1 AB CD
a TLSA 256 1 1 AB
a SMIMEA 3 1 1 ABCD
a SSHFP 1 1 ABCD
a SSHFP 1 1 AB CD
a LOC 42 21 54 N 71 06 18 W -24m 30m
a LOC 42 21 54.123 N 71 06 18.5 W 24m 1m 10000m 10m
a LOC 42 N 71 W 1
a LOC 91 N 71 W 1m
a RP b c
a RP b .
a AFSDB 1 b
a RT 1 b
a KX 1 b
a X25 "311061700956"
a ISDN "150862028003217" "004"
a ISDN "150862028003217"
a PX 10 b c
a GPOS 1 2 3
a EUI48 00-00-5e-00-53-2a
a EUI64 00-00-5e-ef-10-00-00-2a
a NID 10 0014:4fff:ff20:ee64
a L32 10 192.0.2.1
a L64 10 2001:0DB8:1140:1000
a LP 10 b
a URI 1 2 "http://x.test/"
a URI 1 2 http://x.test/
a URI 1 2 ""
a OPENPGPKEY AAAA
a DHCID AAAA
a CERT 1 2 3 AAAA
a CERT PKIX 2 RSASHA256 AAAA
a IPSECKEY 10 1 2 192.0.2.1 AAAA
a IPSECKEY 10 0 2 . AAAA
a IPSECKEY 10 3 2 b AAAA
a APL 1:192.0.2.0/24 !2:2001:db8::/32
a CSYNC 1 3 A NS
a CSYNC 1 3 A N
a NSEC b A 652
a ZONEMD 1 1 1 AABBCCDDEEFF00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF001122334455
a HIP 2 200100107B1A74DF365639CC39F1D578 AAAA b
a NSEC b A NS
a NSEC b
a NSEC b A TYPE65280
a RRSIG A 8 2 300 20300101000000 20200101000000 1 @ AAAA
a RRSIG A 8 2 300 1893456000 1577836800 1 @ AAAA
a RRSIG TYPE65280 8 2 300 20300101000000 20200101000000 1 @ AAAA
a RRSIG A 8 2 300 20300101000000 20200101000000 1 @ AA AA
a NSEC3 1 0 1 AB 0123456789ABCDEFGHIJKLMNOPQRSTUV A
a NSEC3PARAM 1 0 1 AB
a NULL b
a TALINK b c
a NINFO "b"
a RESINFO qnamemin
a AVC "b"
a UID 1
a EID AABB
a NIMLOC AABB
a MB b
a MG b
a MR b
a MINFO b c
a MD b
a MF b
a AMTRELAY 10 0 1 192.0.2.1
a DLV 1 8 2 ABCD
a TA 1 8 2 ABCD
a TKEY b
a OPT b
a ANY b
a AXFR b
a NXNAME
a TYPE65280 \# 2 abcd
a TYPE65280 \# 2 ab cd
a TYPE65280 \# 2 ABCD
a TYPE65280 \# 3 abcd
a TYPE65280 \# 0
a TYPE65280 \# 1 a
a TYPE65280 \# 1 xx
a TYPE65280 abcd
a TYPE65280 \# ( 2
 ab cd )
a TYPE1 \# 4 c0000201
a A \# 4 c0000201
a A \# 3 c00002
a TYPE1 192.0.2.1
a TYPE15 \# 4 000a0000
a MX \# 5 000a016200
a TXT \# 3 026162
a CNAME \# 3 016200
a TYPE64 \# 3 000100
a SVCB \# 3 000100
a type65280 \# 0
a TYPE65536 \# 0
a TYPE \# 0
a TYPE0 \# 0
a TYPE255 \# 0
a BLA x
a 5 A 192.0.2.1
a 1h A 192.0.2.1
a 1h30m5s A 192.0.2.1
a 1H30M A 192.0.2.1
a 1w1d A 192.0.2.1
a 1x A 192.0.2.1
a h A 192.0.2.1
a -1 A 192.0.2.1
a 4294967295 A 192.0.2.1
a 4294967296 A 192.0.2.1
a 2147483648 A 192.0.2.1
a 5 5 A 192.0.2.1
a IN IN A 192.0.2.1
a IN 5 A 192.0.2.1
a 5 IN A 192.0.2.1
a in a 192.0.2.1
a CLASS1 A 192.0.2.1
a class1 A 192.0.2.1
a IN TXT IN
a NONE A 192.0.2.1
A A 192.0.2.1
A IN A 192.0.2.1
IN A 192.0.2.1
5 A 192.0.2.1
a
$TTL
$TTL 5 6
$TTL x
$TTL "5"
$TTL 1h
$TTL 1h ; comment
$ORIGIN
$ORIGIN b
$ORIGIN b c
$ORIGIN .
$ORIGIN b..c
$ORIGIN @
$INCLUDE
$INCLUDE missing
$INCLUDE included
$INCLUDE included sub
$INCLUDE included sub.
$INCLUDE included sub ; comment
$INCLUDE included sub more
$INCLUDE "included"
$FOO b
$FOO A 192.0.2.1
$foo 5 A 192.0.2.1
 A 192.0.2.9
	A 192.0.2.9
* A 192.0.2.1
*.a A 192.0.2.1
a.* A 192.0.2.1
@ A 192.0.2.1
\@ A 192.0.2.1
\$a A 192.0.2.1
"a" A 192.0.2.1
a\.b A 192.0.2.1
a\046b A 192.0.2.1
\097 A 192.0.2.1
\256 A 192.0.2.1
\ A 192.0.2.1
a\ b A 192.0.2.1
a..b A 192.0.2.1
.a A 192.0.2.1
. A 192.0.2.1
a. A 192.0.2.1
é A 192.0.2.1
a_b A 192.0.2.1
a/b A 192.0.2.1
LABEL63 A 192.0.2.1
LABEL63x A 192.0.2.1
LABEL63.LABEL63.LABEL63.LABEL63 A 192.0.2.1
( a A 192.0.2.1 )
(a A 192.0.2.1)
a ( A 192.0.2.1 )
a ( A
 192.0.2.1 )
a A (192.0.2.1)
a A ( 192.0.2.1 ; comment
 )
a A 192.0.2.1 ;
a A 192.0.2.1;comment
a A 192.0.2.1 ; "
a;b A 192.0.2.1
a A 192.0.2.1 ; comment \
@ SOA ns h 5 6 7 8 9
@ SOA ns h 5 6 7 8
@ SOA ns h 5 6 7 8 9 10
@ SOA ns h 1h 2h 3d 4w 5m
@ SOA ns h 4294967296 1 1 1 1
@ SOA ns h 5 -6 7 8 9
@ SOA ns h. ( 5
 6 7 8 9 )
@ SOA ns h ( 5 ; serial
 6 ; refresh
 7
 8
 9 ) ; minimum
@ SOA ns h (
 5 6 7 8 9
 )
@ SOA ns h.m\.x 5 6 7 8 9
b SOA ns h 5 6 7 8 9
$GENERATE 1-3 a$ A 192.0.2.$
$GENERATE 1-9/4 a$ A 192.0.2.$
$GENERATE 1-3 a${1} A 192.0.2.$
$GENERATE 1-3 a${1,3} A 192.0.2.$
$GENERATE 1-3 a${1,3,x} A 192.0.2.$
$GENERATE 9-12 a${0,3,X} TXT ${-9,2,o}
$GENERATE 1-3 a${-2} A 192.0.2.$
$GENERATE 1-3 a$$ TXT "$$ $ \$"
$GENERATE 1-3 a$ 5 A 192.0.2.$
$GENERATE 1-3 a$ IN A 192.0.2.$
$GENERATE 1-3 a$ 5 IN A 192.0.2.$
$GENERATE 1-3 a$ TXT "x$ y" z
$GENERATE 1-3 a$ CNAME b$
$GENERATE 1-3 $ PTR a$.x.
$GENERATE 3-1 a$ A 192.0.2.$
$GENERATE 1 a$ A 192.0.2.$
$GENERATE 1-3/0 a$ A 192.0.2.$
$GENERATE 1-3/ a$ A 192.0.2.$
$GENERATE x-3 a$ A 192.0.2.$
$GENERATE 1-3 a$
$GENERATE 1-3
$GENERATE
$GENERATE 1-3 a${0,0,q} A 192.0.2.$
$GENERATE 1-3 a${0 A 192.0.2.$
$GENERATE 254-257 a$ A 192.0.2.$
$GENERATE 1-3 a$ MX 1$ b$
$GENERATE 1-3 a A 192.0.2.$
$GENERATE 1-2 @ NS ns$
$GENERATE 1-2 $ORIGIN b
$GENERATE 1-2 a$ A 192.0.2.$ ; comment $
$GENERATE 0-70000 a$ A 192.0.2.1
"""


def lines(table):
    return table.strip("\n").replace("LONG", LONG).replace("LABEL63", "l" * 63).split("\n")


def entries():
    """All of them; what is within parentheses goes on with the one before."""
    out = []
    for line in lines(ENTRIES):
        continues = out and (out[-1].count("(") > out[-1].count(")") and out[-1].count("(") < 2 and line[:1] == " " or
                             line == 'lines"')
        if continues:
            out[-1] += "\n" + line
        else:
            out.append(line)
    return out
