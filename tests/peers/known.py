"""Every difference from CoreDNS that is meant, as narrow as it can be said. docs/from-coredns.md has
each under its name with the reason; a test compares. What none of these explains is a failure."""

import collections
import dataclasses
import typing

import compare
import wire

OWN_SIZE = 1232  # [dns] udp_size_max
CACHED_SLACK_S = 6


@dataclasses.dataclass(frozen=True)
class Known:
    name: str
    parts: frozenset  # of compare.PARTS, those that it explains
    applies: typing.Callable  # of a Case


@dataclasses.dataclass(frozen=True)
class Case:
    """A question, both answers, and what is configured: lines of the plugin kubernetes."""

    question: wire.Question
    ours: wire.Answer
    theirs: wire.Answer
    options: tuple = ()
    whole: wire.Answer | None = None  # our answer by TCP, where one of both was cut

    @property
    def name(self):
        return self.question.text

    def is_reverse(self):
        return self.name.endswith((".in-addr.arpa.", ".ip6.arpa."))

    def falls_through(self):
        zones = [line.split()[1:] for line in self.options if line.startswith("fallthrough")]
        return any(not words or any(self.name.endswith(zone + ".") for zone in words)
                   for words in zones)


RULES = []


def known(name, *parts):
    def add(applies):
        RULES.append(Known(name, frozenset(parts), applies))
        return applies
    return add


def is_no_data(answer):
    return answer.rcode == "NOERROR" and not answer.answer and not answer.additional and \
        [record.kind for record in answer.authority] == ["SOA"]


def has_nothing(answer):
    """The same, or with its proof."""
    return answer.rcode == "NOERROR" and not answer.answer and not answer.additional and \
        kinds(answer.authority) in ({"SOA"}, {"SOA", "RRSIG"}, {"SOA", "RRSIG", "NSEC"})


def is_nx(answer):
    return answer.rcode == "NXDOMAIN" and not answer.answer and \
        [record.kind for record in answer.authority] == ["SOA"]


def nobody(answer):
    """What a question gets that went on and met no plugin, or an upstream that knows nothing."""
    return answer.rcode in ("SERVFAIL", "REFUSED") and not any(answer.sections)


def name_error(case, answer):
    """A name that does not exist: NXDOMAIN, or gone on to nobody."""
    return nobody(answer) if case.falls_through() else is_nx(answer)


def without_ttl(record):
    return dataclasses.replace(compare.lowered(compare.blank_serial(record)), ttl=0)


def alike(case):
    """What makes records of two answers comparable, of which one may have come from a cache later."""
    return without_ttl if "cache" in case.options else compare.lowered


# -- messages --

@known("opt-size", "opt")
def _(case):
    """Ours says what we take, not what the client said, and always repeats DO."""
    (ours, theirs) = (case.ours.opt, case.theirs.opt)
    if not ours or not theirs or ours[0] != OWN_SIZE:
        return False
    asked = 0 if case.question.edns.version else case.question.edns.size
    flags = (0x8000 if case.question.edns.do else 0)
    sizes = {asked, *(min(asked, int(line.split()[1])) for line in case.options
                      if line.startswith("bufsize "))}
    wrong_flags = {0} if case.question.edns.version else {flags}
    if any(line.startswith("nsid") for line in case.options) and asks_for_nsid(case):
        wrong_flags.add(0x8000)
    return theirs[0] in sizes and ours[1:3] == theirs[1:3] and ours[3] == flags and \
        theirs[3] in {flags, *wrong_flags} and \
        (ours[4] == theirs[4] or only_echoes(case))


def asks_for_nsid(case):
    return 3 in {code for (code, _) in case.question.edns.options}


def only_echoes(case):
    """What theirs has more is what the client sent, or what the upstream said of EXPIRE."""
    echoed = {3, 9, 10, 11, 12}
    (ours, theirs) = (set(case.ours.opt[4]), set(case.theirs.opt[4]))
    more = {option for option in theirs - ours if option[0] != 9}
    less = {option for option in ours - theirs if option[0] != 3}  # bufsize there: NSID emptied
    return not less and \
        more <= {option for option in case.question.edns.options if option[0] in echoed}


@known("cd-copied", "flags")
def _(case):
    """Forwarded answers: RFC 4035 3.2.2 has CD copied; Knot clears it."""
    cd = wire.FLAGS["CD"]
    return case.question.cd and case.ours.flag("CD") and \
        (case.ours.flags ^ case.theirs.flags) & ~15 == cd


@known("dns64-flags", "rcode", "flags")
def _(case):
    """There an answer of dns64's own has neither AA nor RA, NOERROR, and RD as sent, whatever header says."""
    changed = case.ours.flags ^ case.theirs.flags
    may_change = wire.FLAGS["AA"] | wire.FLAGS["RA"] | (wire.FLAGS["RD"] if "header" in case.options else 0)
    return "dns64" in case.options and case.question.type == "AAAA" and case.theirs.rcode == "NOERROR" and \
        not case.theirs.flags & (wire.FLAGS["AA"] | wire.FLAGS["RA"]) and not changed & ~(may_change | 15)


@known("failed-rd", "flags")
def _(case):
    """A failure of the server's own there: RD as a query rule of header left it, if no cache is before it."""
    rd = wire.FLAGS["RD"]
    return "header" in case.options and nobody(case.ours) and nobody(case.theirs) and \
        case.ours.flag("RD") == case.question.rd and (case.ours.flags ^ case.theirs.flags) == rd


@known("autopath-at-its-first-domain", "flags", "rcode", "answer", "authority", "additional", "opt")
def _(case):
    """There it cannot take the domain off its own name, and fails."""
    return any(line.startswith("autopath ") for line in case.options) and case.name == "one.search.test." and \
        case.theirs.rcode == "SERVFAIL" and nobody(case.theirs)


@known("question-of-rewrite", *compare.PARTS)
def _(case):
    """rewrite there, in some ways: an answer to the question that it made, which no client takes."""
    asked = (case.question.name, case.question.kind, case.question.klass)
    return any(line.startswith("rewrite ") for line in case.options) and case.ours.question == asked and \
        case.theirs.question != asked


REWRITTEN = (3, 0xffed, 0xffee, 65001)  # codes that edns0 rules of mixes.py name


def rewrites_options(case):
    return any(" edns0 " in line for line in case.options)


def plain_options(case, answer):
    """The options, without those that rules change, and what the client sent."""
    echoed = set(case.question.edns.options)
    return {option for option in answer.opt[4]
            if option not in echoed and not (rewrites_options(case) and option[0] in (9, *REWRITTEN))}


@known("rewritten-options", "opt")
def _(case):
    """rewrite edns0 there: an OPT also for who sent none, and options only where no upstream sent an OPT."""
    if not rewrites_options(case) or case.theirs.opt is None:
        return False
    if case.question.edns is None:
        return case.ours.opt is None
    return case.ours.opt is not None and plain_options(case, case.ours) == plain_options(case, case.theirs)


@known("rewritten-options", "flags", "answer", "authority", "additional")
def _(case):
    """The same, and so a datagram larger than who sent none takes."""
    return rewrites_options(case) and case.question.edns is None and not case.question.tcp and \
        case.theirs.opt is not None and case.ours.flag("TC") and len(case.theirs.wire) > 512


@known("rewritten-alias-in-its-case", "answer", "authority", "additional", "rcode")
def _(case):
    """rewrite cname there: targets are compared with their case, which follows that of the question."""
    return any(" cname " in line for line in case.options) and "CNAME" in case.theirs.types() and \
        any(label != label.lower() for label in case.question.name)


@known("error-behind-cache", "opt")
def _(case):
    """cache there leaves out what an upstream says of its error (RFC 8914)."""
    if not any(line.startswith("cache") for line in case.options) or not case.ours.opt or not case.theirs.opt:
        return False
    more = {option[0] for option in case.ours.opt[4]} - {option[0] for option in case.theirs.opt[4]}
    return more == {15} and case.ours.rcode in ("REFUSED", "SERVFAIL")


@known("opt-unasked", "opt")
def _(case):
    """acl there: an OPT with DO, whatever the client said."""
    theirs = case.theirs.opt
    if theirs is None or not {15} & {code for (code, _) in theirs[4]} or theirs[3] != 0x8000:
        return False
    if case.question.edns is None:
        return case.ours.opt is None
    return plain_options(case, case.ours) == plain_options(case, case.theirs)


def owners_as_asked(case, answer):
    return sum(record.owner == case.question.name for record in answer.answer)


@known("case-of-other-names", "answer", "authority", "additional")
def _(case):
    """Names in data and owners beside the answer's: equal but for case. `rewrite` there: the answer's
    owners, too."""
    if owners_as_asked(case, case.ours) < owners_as_asked(case, case.theirs):
        return False
    in_file = case.options[:1] in (("file",), ("auto",))
    kept_for_another = {"cache", "dns64"} <= {line.split()[0] for line in case.options}
    if not (in_file or kept_for_another) and \
            not any(label != label.lower() for label in case.question.name):
        return False
    return all(sorted(map(compare.lowered, map(compare.blank_serial, own))) ==
               sorted(map(compare.lowered, map(compare.blank_serial, other)))
               for (own, other) in zip(case.ours.sections, case.theirs.sections))


@known("cut", "answer", "additional")
def _(case):
    """Both cut: which records of a set are left is nobody's promise, how many is, to one or two."""
    if not (case.ours.flag("TC") and case.theirs.flag("TC")):
        return False
    if not case.theirs.answer:
        return True
    if case.whole is None:
        return False
    (whole, own, other) = (collections.Counter(map(alike(case), answer.answer))
                           for answer in (case.whole, case.ours, case.theirs))
    limit = case.question.edns.size if case.question.edns else 512
    enough = own.total() >= other.total() - 2 or limit > OWN_SIZE
    return enough and own <= whole and set(other) <= set(whole)


@known("cut-at-1232", "flags", "answer", "additional")
def _(case):
    """We send no datagram that the network would take apart."""
    edns = case.question.edns
    return not case.question.tcp and edns is not None and edns.size > OWN_SIZE and \
        case.ours.flag("TC") and not case.theirs.flag("TC") and case.whole is not None and \
        [sorted(map(alike(case), part)) for part in case.whole.sections] == \
        [sorted(map(alike(case), part)) for part in case.theirs.sections]


@known("glue-does-not-cut", "flags", "answer", "additional")
def _(case):
    """RFC 2181 9: additional records that do not fit are left out, and TC says nothing of them."""
    own = set(map(alike(case), case.ours.additional))
    return not case.question.tcp and not case.ours.flag("TC") and case.whole is not None and \
        sorted(map(alike(case), case.ours.answer)) == \
        sorted(map(alike(case), case.whole.answer)) and \
        own < set(map(alike(case), case.whole.additional))


@known("class-in-only", "flags", "rcode", "answer", "authority", "additional")
def _(case):
    """hosts, file and kubernetes there answer for any class, where chaos or forward let it in."""
    if case.question.klass == 1 or case.ours.answer:
        return False
    if case.options[:1] == ("mixed",):
        kinds_there = {line.split()[0] for line in case.options}
        return bool(kinds_there & {"hosts", "file", "local"}) and \
            case.theirs.rcode in ("SERVFAIL", "NXDOMAIN", "NOERROR")
    return case.theirs.flag("AA") and \
        case.name.startswith(("www.example.test.", "web.default.svc.", "cluster.local."))


@known("cached-ttl", "answer", "authority", "additional")
def _(case):
    """One is asked before the other, and may have learnt an answer a little earlier or later."""
    if "cache" not in case.options:
        return False
    for (own, other) in zip(case.ours.sections, case.theirs.sections):
        (own, other) = (sorted(part, key=without_ttl) for part in (own, other))
        if list(map(without_ttl, own)) != list(map(without_ttl, other)):
            return False
        if any(abs(a.ttl - b.ttl) > CACHED_SLACK_S for (a, b) in zip(own, other)):
            return False
    return True


# -- zone files --

def explained(case, explains):
    """Whether each section is the same, or `explains` what ours has more and less."""
    pairs = [[set(map(compare.lowered, map(compare.blank_serial, section))) for section in both]
             for both in zip(case.ours.sections, case.theirs.sections)]
    return all(own == other or explains(own - other, other - own) for (own, other) in pairs)


def wants_dnssec(case):
    return case.question.edns is not None and case.question.edns.do


def kinds(records):
    return {record.kind for record in records}


@known("no-ds-proven", "answer", "authority", "additional")
def _(case):
    """A referral to a zone without DS, in a signed zone."""
    return wants_dnssec(case) and case.ours.rcode == "NOERROR" and \
        "NS" in kinds(case.ours.authority) and \
        explained(case, lambda more, less: not less and kinds(more) == {"NSEC", "RRSIG"})


@known("closest-name-proven", "answer", "authority", "additional")
def _(case):
    """NXDOMAIN below a name that has no records."""
    return wants_dnssec(case) and case.ours.rcode == case.theirs.rcode == "NXDOMAIN" and \
        explained(case, lambda more, less: kinds(more | less) == {"NSEC", "RRSIG"})


def is_of_wildcard(case):
    """Explains the signature of a CNAME that a wildcard made."""
    of_wildcards = {record.data for record in case.theirs.answer
                    if record.kind == "RRSIG" and record.owner[:1] == (b"*",)}

    def explains(more, less):
        return kinds(more | less) == {"RRSIG"} and all(record.owner[:1] == (b"*",) for record in less) and \
            {record.data for record in more | less} <= of_wildcards
    return explains


@known("wildcard-alias-signed", "answer", "authority", "additional")
def _(case):
    """There with the wildcard's name."""
    return wants_dnssec(case) and explained(case, is_of_wildcard(case))


@known("order-of-names", "answer", "authority", "additional")
def _(case):
    """Of made zones: the NSEC record of the name before the one asked for is another one there, where
    names have octets that sort before a dot, or escapes."""
    of_wildcard = is_of_wildcard(case)
    return case.options[:1] == ("file",) and len(case.options) > 1 and wants_dnssec(case) and \
        explained(case, lambda more, less: kinds(more | less) == {"NSEC", "RRSIG"} or of_wildcard(more, less))


@known("wildcard-beside-empty-name", "rcode", "flags", "answer", "authority", "additional", "opt")
def _(case):
    """RFC 4592 2.2.2: a name that is there only because of longer ones is not made of the star beside
    it."""
    empty = {"deep.wild.example.org.", "deep.inner.example.org.", *case.options}
    names = {case.name, *(wire.text_of(record.owner).lower() for record in case.theirs.answer)}
    return case.options[:1] in (("file",), ("auto",)) and bool(names & empty) and \
        (has_nothing(case.ours) or nobody(case.ours) or set(case.ours.types()) <= {"CNAME", "TYPE39", "RRSIG"})


# -- names and types: RFC 8020, a name is there for all types or for none --

@known("reverse-other-types", "rcode", "flags", "authority", "opt")
def _(case):
    """A reverse name with a PTR record exists for every type."""
    behind = "k8s_external fallthrough" in case.options  # and there the next one says it has nothing
    return case.is_reverse() and case.question.type != "PTR" and is_no_data(case.ours) and \
        (name_error(case, case.theirs) or (behind and is_no_data(case.theirs)))


@known("soa-below-apex", "rcode", "flags", "authority", "opt")
def _(case):
    """There: NOERROR for SOA, whatever the name."""
    return case.question.type == "SOA" and is_no_data(case.theirs) and \
        name_error(case, case.ours)


@known("names-without-records", "rcode", "authority", "flags", "opt")
def _(case):
    """dns.Z, ns.dns.Z, dns-version.Z; for TXT also others that hold nothing, such as namespaces."""
    fixed = case.name.startswith(("dns.", "ns.dns.", "dns-version."))
    return (fixed or case.question.type == "TXT") and is_no_data(case.ours) and \
        name_error(case, case.theirs)


@known("upper-case-ns", "rcode", "answer", "authority", "additional", "flags")
def _(case):
    """NS of the zone and ns.dns.Z: there only in lower case."""
    mixed = any(label != label.lower() for label in case.question.name)
    short = case.name.startswith("ns.dns.") or case.question.type == "NS"
    return mixed and short and case.ours.rcode == "NOERROR" and \
        (name_error(case, case.theirs) or is_no_data(case.theirs))


# -- records --

@known("pod-srv", "answer", "authority", "additional")
def _(case):
    """There: an SRV record with port 0."""
    return ".pod." in case.name and case.question.type == "SRV" and is_no_data(case.ours) and \
        [record.data[2] for record in case.theirs.answer] == ["0"]


@known("external-inside-without-address", "answer")
def _(case):
    """The CNAME stays, with the SOA that lets it be kept."""
    return case.question.type in ("A", "AAAA") and case.ours.types() and \
        set(case.ours.types()) == {"CNAME"} and is_no_data(case.theirs) and \
        [record.kind for record in case.ours.authority] == ["SOA"]


@known("pod-names-that-are-no-label", "answer", "additional")
def _(case):
    """endpoint_pod_names and a pod's name with a dot in it: there as it is, here the address."""
    (own, other) = ([compare.lowered(record) for record in answer.answer
                     if record.kind in ("SRV", "PTR")] for answer in (case.ours, case.theirs))
    theirs_only = set(other) - set(own)
    return "endpoint_pod_names" in case.options and len(own) == len(other) and \
        all("dotted.pod" in record.data[-1] for record in theirs_only)


@known("namespace-labels-and-reverse", "rcode", "answer", "authority", "flags", "opt")
def _(case):
    """namespace_labels there: PTR records name what does not exist."""
    return any(line.startswith("namespace_labels") for line in case.options) and \
        case.is_reverse() and name_error(case, case.ours) and \
        [record.kind for record in case.theirs.answer] == ["PTR"]


@known("external-host", "additional")
def _(case):
    """k8s_external there: SRV records that lead outside, with addresses."""
    return case.question.type == "SRV" and "k8s_external " in case.options and \
        not case.ours.additional and \
        all(record.data[-1] == "lb.cloud.test." for record in case.ours.answer)


# Rules that questions of test_kubernetes.py do not meet.
ELSEWHERE = {"cd-copied", "opt-unasked", "glue-does-not-cut", "class-in-only", "cached-ttl", "no-ds-proven",
             "closest-name-proven", "wildcard-alias-signed", "wildcard-beside-empty-name", "order-of-names",
             "namespace-labels-and-reverse", "external-host", "dns64-flags", "rewritten-options",
             "question-of-rewrite", "rewritten-alias-in-its-case", "error-behind-cache", "failed-rd",
             "autopath-at-its-first-domain"}

# "malformed-messages": what raw.MESSAGES get here and there, where it is not the same.
FORMERR = "FORMERR opcode 0 RD 0/0/0/0"
FINE = "NOERROR opcode 0 AA RD 1/1/0/0"
FINE_EDNS = "NOERROR opcode 0 AA RD 1/1/0/1"
MESSAGES = {
    "an opcode: notify": ("NOTIMP opcode 4  1/0/0/0", "NOERROR opcode 4 AA 1/1/0/0"),
    "a question without its end": (FORMERR, "REFUSED opcode 0 RD 1/0/0/0"),
    "a header alone that promises a question": (FORMERR, "SERVFAIL opcode 0 RD 0/0/0/0"),
    "two answers in the question": (FINE, FORMERR),
    "two authority records": (FINE, FORMERR),
    "two OPT": (FORMERR, FINE_EDNS),
    "three additional records": (FINE_EDNS, FORMERR),
    "an OPT that is not the root's": (FORMERR, FINE_EDNS),
    "an OPT cut off": (FORMERR, "FORMERR opcode 0 RD 1/0/0/0"),
    "an OPT whose option is too long": (FORMERR, "FORMERR opcode 0 RD 1/0/0/0"),
    "a record that is promised": (FORMERR, FINE),
}


def explain(case, parts):
    """Names of the rules that explain these parts, and the parts that none does."""
    if "missing" in parts:
        return ((), parts)
    left = set(parts)
    used = []
    for rule in RULES:
        if left & rule.parts and rule.applies(case):
            left -= rule.parts
            used.append(rule.name)
    return (tuple(used), tuple(sorted(left)))
