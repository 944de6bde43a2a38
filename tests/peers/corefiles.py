"""Corefiles: whole ones with odd but legal features, near misses, and generated ones. What they import lies
beside them, what they take from the environment is here."""

import random
import re

ENVIRONMENT = {"ZONE": "env.example", "PORT": "5353", "EMPTY": "", "SPACES": "a b", "NESTED": "{$ZONE}",
               "UP": "127.0.0.1", "LOG": "log", "PERCENT": "{%ZONE%}"}
FILES = {
    "sub/a.conf": "errors\n", "sub/b.conf": "log\n", "sub/nested.conf": "import deeper/c.conf\n",
    "sub/deeper/c.conf": "whoami\n", "sub/up.conf": "import ../sub/a.conf\n",
    "zones/one.server": "one.example {\n whoami\n}\n", "zones/two.server": "two.example {\n errors\n}\n",
    "zones/.hidden.server": "hidden.example {\n nonsense\n}\n", "plain/one.server": "one.example {\n whoami\n}\n",
    "folders/x.conf": "errors\n", "folders/d.conf/keep": "", "empty.conf": "", "comment.conf": "# only\n",
    "open-ended.conf": "errors", "bom.conf": "\ufeffwhoami\n", "crlf.conf": "errors\r\nlog\r\n",
    "snippets.conf": "(filed) {\n errors\n}\n", "keys.conf": "k1.example k2.example",
    "options.conf": "success 100\ndenial 200\n", "open.conf": "cache {\n", "close.conf": "}\n",
    "with-blank/a b.conf": "errors\n",
    "db.x": "$ORIGIN x.example.\n@ 60 IN SOA a b 1 2 3 4 5\n@ IN NS a\n",
}
WHOAMI = " {\n whoami\n}\n"
# Keys of one block.
KEYS = [
    "a.example", "a.example b.example", "a.example, b.example", "a.example,\nb.example", "a.example,b.example",
    "a.example , b.example", "a.example,, b.example", ",", "a.example\nb.example", "a.example\n", '""',
    '"a.example"', '"a.example b.example"', "{$ZONE}", "{$ZONE}:{$PORT}", "{%ZONE%}", "{$UNSET} a.example",
    "{$SPACES}", "{$NESTED}", "{$PERCENT}", "{$}", "x{$ZONE}y{$ZONE}z", "{$ZONE}, b.example", "a.example:53",
    "a.example:0", "a.example:65535", "a.example:65536", "a.example:-1", "a.example:053", "a.example:", "a.example::",
    "a.example:dns", ":53", ".:53", "dns://a.example", "dns://a.example:54", "dns://", "dns://:53", "a..example",
    ".a.example", "a.example.", "*.example", "a_b.example", "-a.example", "\\097.example", "a\\.b.example", "a\\",
    "\u00e4.example", "a.example a.example", "10.0.0.0/8", "10.0.0.0/12", "10.0.0.0/24:54", "10.1.2.3/24", "10.0.0.0/0",
    "10.0.0.0/1", "10.0.0.1/32", "10.0.0.1/31", "2001:db8::/32", "2001:db8::/33", "2001:db8::/64:53", "fe80::1/128",
    "a/b.example", "0/25.2.0.192.in-addr.arpa", "10.0.0.0/16 10.0.0.0/16", "10.0.0.0/15 1.10.in-addr.arpa",
    "a.example b.example:54 dns://c.example", "a.example\tb.example\t", "a.example\u00a0", "a.example\u2028",
    "x" * 64, ".".join(["x" * 60] * 4), ".".join(["x" * 60] * 5), " ".join("z%d.example" % i for i in range(500)),
]
# What stands in a block of its own.
BODIES = [
    "", "whoami\n  log", "whoami x", 'whoami ""', '"whoami"', '""', "nosuch", "Whoami", "whoami }", "{", "{ }",
    "cache { success 100 }", "cache {\n success 100 }", "cache { success 100\n }", "cache {\n success 100\n } whoami",
    "cache\n {\n success 100\n }", "cache {\n nosuch\n }", "cache {\n { }\n }", "cache 10 {\n }", "errors {\n }",
    'nsid "two\nlines" more', 'nsid "two\nlines"\n whoami', 'nsid "a \\" b" "back\\slash" "end\\\\"\n whoami',
    'nsid "not closed\n whoami', 'nsid a"b c"d\n whoami', "# one\n whoami # two\n#three\n", "nsid a#b\n whoami",
    "nsid #b\n whoami", "import sub/a.conf", "import sub/*.conf", "import sub/?.conf", "import sub/[ab].conf",
    "import sub/[ab.conf", "import sub/ab].conf", "import su*/a.conf", "import su*/*.conf", "import sub/?.*",
    'import "sub/a.conf"', "import ./sub/../sub/a.conf", "import sub/up.conf", "import sub/nested.conf",
    "import nowhere.conf", "import nowhere*.conf\n whoami", "import folders/*.conf", "import folders",
    "import empty.conf\n whoami", "import comment.conf\n whoami", "import open-ended.conf\n whoami", "import bom.conf",
    "import crlf.conf", "cache {\n import options.conf\n }", "import open.conf\n success 100\n }", "import",
    'import "with-blank/a b.conf"', "import sub/a.conf sub/b.conf", "import sub/a.conf {\n }", "{$LOG}\n whoami",
    "{$UNSET}\n whoami", "nsid {$SPACES}\n whoami {$UNSET}", "forward . {$UP}", "forward . {$UP}:{$PORT} {$UNSET}",
    "debug\n debug", "whoami\n whoami", "import sub/a.conf\n errors", "bind 127.0.0.1 127.0.0.2", "bind lo",
    "bind lo {\n except 127.0.0.1\n }", "bind", "bind ::1", "bind [::1]", "bind 127.0.0.1:53",
    "bind 127.0.0.1\n bind 127.0.0.2", "forward import 127.0.0.1", "log import", "cache {\n import\n }",
    "forward 10.9.3.0/18 127.0.0.1", "forward example.org:53 127.0.0.1", "forward tls://example.org 127.0.0.1",
    "file db.x x.example:53", "cache 10 dns://a.example:53", "reload 10s 0", "reload 10s 500ms", "reload +1m1s1m",
    "rewrite type A AAAA {\n more\n }", "https {\n max_connections 5\n max_connections 6\n }", "whoami\\",
    "nsid " + "x" * 4000, "# c\n" * 5000 + "whoami",
]
# Whole files.
WHOLE = [
    "a.example\nwhoami\nlog\nerrors\n", "a.example", "a.example b.example", "a.example\n whoami\n}\nb.example\n whoami\n",
    "a.example {\n whoami\n", "a.example { whoami\n}\n", 'a.example "{"\n whoami\n"}"\n', "a.example {\n whoami\n}#end",
    "(s) {\n errors\n log\n}\na.example {\n import s\n whoami\n}\n", "(s) {\n errors\n}\na.example {\n import s x\n}\n",
    "(s) {\n nsid {args[0]}\n}\na.example {\n import s\n}\n", "(s) {\n}\na.example {\n import s\n}\n",
    "(s) {\n errors\n}\n(s) {\n errors\n}\na.example {\n whoami\n}\n", "(s) {\n import s\n}\na.example {\n whoami\n}\n",
    "(a) {\n import b\n}\n(b) {\n errors\n}\na.example {\n import a\n}\n",
    "(a) {\n import b\n}\n(b) {\n import a\n}\na.example {\n import a\n}\n",
    "a.example {\n import s\n}\n(s) {\n errors\n}\n", "(s) b.example {\n errors\n}\n",
    '"(two words)" {\n errors\n}\na.example {\n import "two words"\n}\n', '() {\n errors\n}\na.example {\n import ""\n}\n',
    "(o) {\n success 100\n}\n(p) {\n denial 100\n}\na.example {\n cache {\n  import p\n  import o\n }\n}\n",
    "(k) {\n a.example b.example\n}\nimport k {\n whoami\n}\n", "(k) {\n a.example\n}\nimport k\n{\n whoami\n}\n",
    "(b) {\n a.example {\n  whoami\n }\n}\nimport b\n", "import sub/a.conf\n", "import keys.conf\n{\n whoami\n}\n",
    "import snippets.conf\na.example {\n import filed\n}\n", "import keys.conf {\n whoami\n}\n", "import zones/*.server\n",
    "import plain/*.server\n", "import empty.conf\na.example {\n whoami\n}\n", "a.example {\n whoami\nimport close.conf\n",
    "A.Example {\n whoami\n}\na.example {\n whoami\n}\n", "a.example {\n whoami\n}\na.example:54 {\n whoami\n}\n",
    "a.example {\n bind 127.0.0.1\n}\na.example {\n bind 127.0.0.2\n}\n", "a.example {\n bind 127.0.0.1\n}\na.example {\n}\n",
    "a.example {\n bind 127.0.0.1 127.0.0.2\n}\na.example {\n bind 127.0.0.2\n}\n", "a.example {\r whoami\r}\r",
    "\ufeffa.example {\n whoami\n}\n", "a.example \v{\n\f whoami\n}\n", "a.example {\n whoami\n}\n\x1a", "import import {\n}\n",
]
DIRECTIVES = [
    "whoami", "errors", "log", "log . {\n  class denial error\n }", "cache 30", "cache {\n  success 1000\n  denial 500 10\n }",
    "forward . 127.0.0.1", "forward example.org 127.0.0.1:5300 {\n  max_fails 3\n  expire 10s\n  policy round_robin\n }",
    "hosts {\n  10.0.0.1 a.example b.example\n  ttl 60\n  fallthrough\n }", "rewrite name exact a.example b.example",
    "rewrite stop {\n  name regex (.*)\\.x\\.example {1}.y.example\n  answer name (.*)\\.y\\.example {1}.x.example\n }",
    'template IN A t.example {\n  match ^a\n  answer "{{ .Name }} 60 IN A 10.0.0.1"\n  fallthrough\n }',
    "acl {\n  allow net 10.0.0.0/8\n  block\n }", "header {\n  response set ra\n }", "loadbalance round_robin", "bufsize 1232",
    "nsid some id", "chaos v1 a b", "any", "minimal", "local", "dns64 64:ff9b::/96", "erratic {\n  drop 3\n }", "root .", "debug",
    "metadata", "view v {\n  expr true\n }", "timeouts {\n  read 5s\n  idle 10s\n }", "cancel 2s", "multisocket 2",
    "transfer a.example {\n  to 127.0.0.1\n }", "file db.x x.example {\n  reload 0\n }", "autopath @kubernetes", "shed",
    "tsig {\n  secret k. NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=\n  require all\n }",
    'errors {\n  consolidate 5m ".* timeout$" warning\n }', "bind 127.0.0.1"]
IMPORTS = ["sub/a.conf", "sub/*.conf", "sub/?.conf", "empty.conf", "comment.conf", "crlf.conf", "bom.conf", "nowhere/*",
           "sub/nested.conf", "sub/up.conf"]
ZONES = ["example.org", "Example.COM", "a.b.c.test", "10.in-addr.arpa", "10.0.0.0/24", "192.168.0.0/22", "2001:db8::/48",
         "fe80::/20", "x-y_z.test", "{$ZONE}", "0.test.", "*.wild.test", "\\065.test", "xn--bcher-kva.example"]
INSTEAD = [",", "#", '"', "import", "\n", " ", "{$UNSET}", "{$ZONE}", '""', "\\", "x", ":", "0", "1s", ".", "\u00a0"]


class Writer:
    """One Corefile out of what is above."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.snippets = []
        self.zones = 0

    def one(self, of):
        return of[self.random.randrange(len(of))]

    def happens(self, share):
        return self.random.random() < share

    def zone(self):
        self.zones += 1
        zone = self.one(ZONES)
        if "/" not in zone and self.happens(0.5):
            zone = "z%d.%s" % (self.zones, zone)
        if self.happens(0.3):
            zone += ":%d" % self.one([53, 5353, 1053])
        return "dns://" + zone if self.happens(0.15) else zone

    def body(self):
        (lines, used) = ([], set())
        for _ in range(self.random.randrange(5)):
            line = " " + self.one(DIRECTIVES)
            if self.snippets and self.happens(0.15):
                line = " import " + self.one(self.snippets)
            elif self.happens(0.1):
                line = " import " + self.one(IMPORTS)
            elif line.split()[0] in used and not self.happens(0.05):
                continue
            used.add(line.split()[0])
            lines.append(line + "\n")
            if self.happens(0.1):
                lines.append(self.one(["\n", ' # comment { } "\n']))
        return "".join(lines)

    def block(self):
        zones = [self.zone() for _ in range(self.one([1, 1, 1, 2, 3]))]
        return self.one([" ", ", ", ",\n", "\t"]).join(zones) + self.one([" {\n", "\n{\n", " { # c\n", " {\n\n"]) + \
            self.body() + self.one(["}\n", "} # end\n"])

    def text(self):
        parts = ["# head\n"] if self.happens(0.2) else []
        for i in range(self.random.randrange(3)):
            parts.append("(s%d) {\n%s}\n" % (i, self.body()))
            self.snippets.append("s%d" % i)
        parts += [self.block() for _ in range(self.one([1, 1, 2, 3]))]
        text = "".join(parts)
        if self.happens(0.1):
            return text.replace("\n", "\r\n")
        return text.replace(" ", "\t") if self.happens(0.1) else text

    def near(self):
        """The same with a word too many, too few or in another's place."""
        words = re.findall(r"\s+|\S+", self.text())
        (at, how) = (self.random.randrange(len(words)), self.random.random())
        # Braces that do not match are told apart in docs/from-coredns.md.
        if "{" in words[at] or "}" in words[at] or '"' in words[at]:
            return "".join(words)
        words[at] = "" if how < 0.3 else words[at] * 2 if how < 0.5 else self.one(INSTEAD)
        return "".join(words)


def all_of_them():
    return [*(keys + WHOAMI for keys in KEYS), *("a.example {\n %s\n}\n" % body for body in BODIES), *WHOLE,
            *(Writer(seed).text() for seed in range(40)), *(Writer(seed).near() for seed in range(40, 130))]
