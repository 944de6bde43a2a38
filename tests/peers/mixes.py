"""Corefiles made of many plugins at random, and names to ask them about: interactions, which tables do
not list."""

import questions
import servers
import upstream
from wire import Edns, Question, TYPES, labels

FORWARD = "forward . 127.0.0.1:UPSTREAM"
LED = "led.test"      # a zone in front of what others answer
HOSTS = "hosts.test"
MADE = "made.test"    # by template
FILED = "filed.test"  # by a zone file
ZONE_FILE = """$ORIGIN filed.test.
@ 300 IN SOA ns hostmaster 7 7200 1800 86400 60
@ 300 IN NS ns
@ 300 IN MX 10 mail
ns 300 IN A 192.0.2.101
mail 60 IN A 192.0.2.125
www 300 IN A 192.0.2.180
www 300 IN AAAA 2001:db8::180
four 5 IN A 192.0.2.104
alias 300 IN CNAME www
out 300 IN CNAME www.example.test.
made 300 IN CNAME ip-9-9.made.test.
lost 300 IN CNAME missing.example.test.
_sip._udp 300 IN SRV 1 2 5060 www
text 300 IN TXT "filed"
*.wild 300 IN A 192.0.2.170
*.star 300 IN CNAME www.example.test.
child 300 IN NS ns.child
ns.child 300 IN A 192.0.2.153
"""
HOSTS_BODY = ["10.1.1.1 one.hosts.test uno.hosts.test", "10.1.1.4 four.hosts.test",
              "fd00::1 one.hosts.test six.hosts.test", "192.0.2.99 www.example.test"]
SEARCH = "search one.search.test search.test example.test\nnameserver 192.0.2.1\n"


def braces(line, body):
    return line if not body else (line, body)


def some(rng, words, most):
    return rng.sample(words, rng.randrange(0, min(most, len(words)) + 1))


def maybe(rng, chance, *words):
    return list(words) if rng.random() < chance else []


def rewrite(rng):
    rules = [
        "name exact web.other.test www.example.test", "name suffix .inner.test .example.test answer auto",
        "name regex (.*)\\.re\\.test {1}.example.test answer auto", "name substring .cut. .",
        "name prefix pre- w", "name exact front.test one.hosts.test",
        "name suffix .back.test .led.test answer auto", "name regex ^r-(.*)$ {1}",
        "name suffix .example.net .example.test",
        "type MX TXT", "type AAAA A", "type HINFO A", "class CH IN", "ttl exact www.example.test. 33",
        "ttl regex .* 10-100", "ttl suffix .hosts.test. 9-", "ttl suffix .filed.test. -20",
        "rcode exact missing.example.test. NXDOMAIN SERVFAIL", "rcode regex .*[.]wild[.].* NOERROR REFUSED",
        "rcode suffix .hosts.test. NXDOMAIN NOERROR",
        "cname exact www.example.test. one.hosts.test.", "cname suffix .example.test. .hosts.test.",
        "cname regex ^(.*)[.]made[.]test[.]$ {1}.filed.test.",
        "edns0 local set 0xffee 0x61626364", "edns0 local append 0xffed hello revert",
        "edns0 nsid set", "edns0 subnet set 24 56", "edns0 local unset 65001",
        "edns0 local replace 65001 new",
        "name regex (.*)\\.ans\\.test {1}.example.test answer name (.*)\\.example\\.test {1}.ans.test "
        "answer value (.*)\\.example\\.test {1}.ans.test",
        "name suffix .dead.test .filed.test answer auto"]
    chosen = rng.sample(rules, rng.choice((1, 1, 2, 3, 5)))
    # One of these has its way with an answer; more of them have CoreDNS look up what nobody sees.
    aliases = [rule for rule in chosen if rule.startswith("cname ")][1:]
    return ["rewrite %s%s" % (rng.choice(("", "stop ", "continue ", "continue ")), rule)
            for rule in chosen if rule not in aliases]


def cache(rng):
    body = []
    if rng.random() < 0.3:
        body.append("success 2000 %d 10" % rng.choice((40, 3600)))
    if rng.random() < 0.3:
        body.append("denial 2000 7 6")
    if rng.random() < 0.2:
        body.append(rng.choice(("disable denial", "disable success example.test", "keepttl", "servfail 0",
                                "servfail 20s")))
    if rng.random() < 0.2:
        body.append("serve_stale 1h")
    return [braces("cache" + rng.choice(("", " 30", " 3600", " 20 www.example.test filed.test")), body)]


def acl(rng):
    policies = ["block type TXT", "filter type MX net 127.0.0.0/8", "allow type A", "block type HINFO SRV",
                "filter type AAAA", "block net 10.0.0.0/8", "allow", "block", "filter type ANY",
                "allow net 127.0.0.1"]
    zones = rng.choice(("", "", " wild.example.test", " led.test filed.test", " 10.0.0.0/8"))
    return [("acl" + zones, rng.sample(policies[:6] if not zones else policies, rng.choice((1, 2, 3))))]


def header(rng):
    lines = ["response set ra", "response set aa", "response clear rd", "response clear aa", "response clear ra",
             "response set ra aa", "query clear rd", "query set rd"]
    return [("header", rng.sample(lines, rng.choice((1, 1, 2, 3))))]


def dns64(rng):
    body = ["allow_ipv4", *maybe(rng, 0.4, "translate_all"), *maybe(rng, 0.3, "prefix 64:dead::/96")]
    return [("dns64", body)]


def template(rng):
    made = [
        "template IN A ip.test {\n match \"^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]ip[.]test[.]$\"\n answer "
        "\"{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}\"\n fallthrough\n }",
        "template ANY AAAA {\n rcode NOERROR\n authority \"{{ .Zone }} 60 IN SOA ns. h. 1 60 60 60 60\"\n }",
        "template IN AAAA wild.example.test hosts.test {\n rcode NXDOMAIN\n }",
        "template IN MX . {\n answer \"{{ .Name }} 60 IN MX 10 mail.example.test.\"\n additional "
        "\"mail.example.test. 60 IN A 10.0.0.9\"\n fallthrough example.test\n }",
        "template IN A example.test {\n match ^w\n answer \"{{ .Name }} 60 IN CNAME four.hosts.test.\"\n"
        " fallthrough\n }",
        "template IN TXT {\n match ^(?P<x>.*)[.]wild\n answer \"{{ .Name }} 60 IN TXT {{ .Group.x }}-{{ .Type }}\"\n"
        " fallthrough\n }",
        "template ANY ANY gone.test {\n rcode NXDOMAIN\n authority \"gone.test. 60 IN SOA ns.gone.test. "
        "h.gone.test. 1 60 60 60 60\"\n ederror 21 \"gone\"\n }"]
    return rng.sample(made, rng.choice((1, 1, 2, 3)))


def hosts(rng):
    through = rng.choice((["fallthrough"], ["fallthrough"], ["fallthrough hosts.test"], []))
    body = [*HOSTS_BODY, *maybe(rng, 0.4, "ttl 30"), *maybe(rng, 0.3, "no_reverse"), *through]
    return [("hosts" + rng.choice(("", " /dev/null hosts.test 10.in-addr.arpa")), body)]


def forward(rng):
    body = [*maybe(rng, 0.2, "except wild.example.test gone.test"), *maybe(rng, 0.2, "force_tcp"),
            *maybe(rng, 0.2, "prefer_udp"), *maybe(rng, 0.2, "policy round_robin"),
            *maybe(rng, 0.2, "next NXDOMAIN"), *maybe(rng, 0.2, "next_on_nodata")]
    return [braces(rng.choice((FORWARD, FORWARD, "forward example.test 127.0.0.1:UPSTREAM")), body)]


def filed(rng):
    through = maybe(rng, 0.3, "fallthrough" + rng.choice(("", " filed.test")))
    return [braces("file FOLDER/filed.zone filed.test", through)]


def autopath(rng):
    del rng
    return ["autopath search.test FOLDER/resolv.conf"]


FRONTS = {
    "rewrite": rewrite, "cache": cache, "acl": acl, "header": header, "dns64": dns64, "autopath": autopath,
    "loadbalance": lambda rng: ["loadbalance"], "minimal": lambda rng: ["minimal"],
    "bufsize": lambda rng: ["bufsize %d" % rng.choice((512, 800, 1100))], "any": lambda rng: ["any"],
    "chaos": lambda rng: ["chaos mixed-1 someone"], "nsid": lambda rng: ["nsid here"],
    "local": lambda rng: ["local"], "metadata": lambda rng: ["metadata"], "errors": lambda rng: ["errors"],
    "log": lambda rng: ["log . {combined}"],
}
OFTEN = ("rewrite", "rewrite", "cache", "cache", "header", "dns64", "acl", "minimal", "autopath")
BACKS = {"template": template, "hosts": hosts, "file": filed, "forward": forward}
ALIAS = "template ANY ANY led.test {\n match \"^(?P<to>.*)[.]led[.]test[.]$\"\n answer \"{{ .Name }} 60 IN CNAME " \
    "{{ .Group.to }}.\"\n }"
MADE_TEMPLATE = "template IN A made.test {\n match \"^ip-([0-9]+)-([0-9]+)[.]\"\n answer \"{{ .Name }} 60 IN A " \
    "10.0.{{ index .Match 1 }}.{{ index .Match 2 }}\"\n fallthrough\n }"
EXPRESSIONS = ["proto() == 'tcp'", "name() matches '^[a-m]'", "type() in ['A', 'MX']", "bufsize() > 1000", "do()",
               "len(name()) > 18", "not (name() endsWith 'example.test.')"]


def fronts(rng):
    chosen = dict.fromkeys(rng.sample([*FRONTS, *OFTEN], rng.choice((1, 2, 3, 4, 6))))
    return [line for name in chosen for line in FRONTS[name](rng)]


def backs(rng, *always):
    return [line for name in dict.fromkeys([*some(rng, [*BACKS], 2), *always]) for line in BACKS[name](rng)]


def blocks(rng, default=None):
    """Lines of plugins by the words in front of each block; the last one is of the root."""
    found = []
    if rng.random() < 0.7:
        found.append(([LED], [*fronts(rng), ALIAS]))
    if rng.random() < 0.4:
        found.append(([HOSTS, "10.0.0.0/8"], [*fronts(rng), *some(rng, [*template(rng)], 1), *hosts(rng), *maybe(rng, 0.3, FORWARD)]))
    if rng.random() < 0.4:
        found.append(([FILED], [*fronts(rng), *filed(rng), *maybe(rng, 0.4, FORWARD)]))
    found.append(([MADE], [*fronts(rng), MADE_TEMPLATE]))  # what it does not have is refused elsewhere
    if rng.random() < 0.4:
        found.append((["wild." + upstream.ZONE], [*fronts(rng), *forward(rng)]))
    rng.shuffle(found)
    if rng.random() < 0.4:
        found.append((["."], ["view special {\n expr %s\n }" % rng.choice(EXPRESSIONS), *fronts(rng),
                              *(default or backs(rng, "forward"))]))
    found.append((["."], [*fronts(rng), *(default or backs(rng, "forward"))]))
    return found


def corefile(rng, folder, port):
    """Text, and the lines of all plugins without their braces."""
    (folder / "filed.zone").write_text(ZONE_FILE)
    (folder / "resolv.conf").write_text(SEARCH)
    made = blocks(rng)
    text = "".join(servers.block(zones, *lines, ready=(zones, lines) == made[-1]) for (zones, lines) in made)
    text = text.replace("UPSTREAM", str(port)).replace("FOLDER", str(folder))
    return (text, ["mixed", *(line if isinstance(line, str) else line[0] for (_, lines) in made for line in lines)])


NAMES = ["web.other.test", "www.inner.test", "alias3.inner.test", "www.re.test", "four.re.test", "mail.ans.test",
         "alias2.ans.test", "www.cut.example.test", "pre-ww.example.test", "front.test", "r-www.example.test",
         "www.example.net", "x.gone.test", "gone.test", "ip-1-2.ip.test", "ip-x.ip.test", "one.hosts.test",
         "uno.hosts.test", "four.hosts.test", "six.hosts.test", "three.hosts.test", "hosts.test",
         "1.1.1.10.in-addr.arpa", "4.1.1.10.in-addr.arpa", "9.1.1.10.in-addr.arpa", "99.2.0.192.in-addr.arpa",
         "localhost", "a.localhost", "www.localhost.test", "version.bind", "authors.bind", "id.server", "", "test",
         "filed.test", "ns.filed.test", "www.filed.test", "four.filed.test", "alias.filed.test", "out.filed.test",
         "made.filed.test", "lost.filed.test", "_sip._udp.filed.test", "text.filed.test", "x.wild.filed.test",
         "x.star.filed.test", "a.child.filed.test", "child.filed.test", "missing.filed.test", "www.dead.test",
         "alias.dead.test", "ip-3-4.made.test", "made.test", "x.made.test", "www.one.search.test",
         "www.example.test.one.search.test", "one.hosts.test.one.search.test", "four.one.search.test",
         "missing.one.search.test", "www.search.test", "one.search.test"]
LED_NAMES = ["one.hosts.test", "missing.hosts.test", "www.example.test", "alias2.example.test", "four.example.test",
             "six.example.test", "missing.example.test", "a.wild.example.test", "round.example.test", "out.filed.test",
             "www.filed.test", "lost.filed.test", "ip-5-6.made.test", "nowhere.test", "one.hosts.test.led.test",
             "localhost", "www.inner.test"]
KINDS = ("A", "A", "AAAA", "AAAA", "TXT", "MX", "SRV", "PTR", "CNAME", "NS", "SOA", "ANY", "HINFO", "HTTPS")


def names():
    found = [labels((name + "." + upstream.ZONE).lstrip(".")) for name in upstream.NAMES]
    found += [labels(text) for text in NAMES]
    found += [labels("%s.%s" % (text, zone)) for text in LED_NAMES for zone in (LED, "back.test")]
    return found + [(b"w\0eird", b"example", b"test"), (b"A", b"WILD", b"Example", b"TEST")]


def asked(rng, count, all_names):
    """Plain ones, such with all that EDNS has, and some about what stands nowhere."""
    found = []
    while len(found) < count * 3 // 4:
        edns = rng.choice((None, None, Edns(), Edns(do=True), Edns(size=rng.choice((512, 1232, 4096)))))
        found.append(Question(rng.choice(all_names), TYPES[rng.choice(KINDS)], tcp=rng.random() < 0.15, edns=edns,
                              klass=3 if rng.random() < 0.02 else 1))
    found += questions.random_questions(all_names, count - len(found), rng)
    return list(dict.fromkeys(found))
