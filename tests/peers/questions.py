"""Questions about the objects of objects.py: tables of what is known to be delicate, and seeded
random ones around them."""

import dataclasses
import ipaddress
import random

import objects
from wire import CLASSES, Edns, Question, TYPES, labels

ZONE = "cluster.local"
USUAL = ("A", "AAAA", "SRV", "PTR", "TXT", "CNAME", "NS", "SOA", "MX")
RARE = ("HTTPS", "SVCB", "CAA", "ANY", "HINFO", "NAPTR", "DS", "DNSKEY", "RRSIG", "TLSA", "NSEC")
NUMBERS = (0, 99, 249, 256, 65280, 65535)
COOKIE = (10, bytes(range(8)))
OPTIONS = (COOKIE, (3, b""), (8, bytes.fromhex("00011800c00002")), (9, b""), (11, b""),
           (12, bytes(16)), (15, b"\0\1"), (65001, b"local"))


def spec_of(one):
    return (one["metadata"]["name"], one["metadata"].get("namespace"))


def service_names():
    return ["%s.%s.svc.%s" % (*spec_of(one), ZONE) for one in objects.SERVICES]


def endpoint_labels():
    """Every label that an endpoint could have, by the Service's name."""
    for one in objects.SLICES:
        service = one["metadata"]["labels"][objects.LABEL]
        for endpoint in one["endpoints"]:
            address = endpoint["addresses"][0]
            dashed = address.replace(".", "-").replace(":", "-")
            texts = {dashed, endpoint.get("hostname"), endpoint.get("targetRef", {}).get("name"),
                     dashed + "0" if dashed.endswith("-") else None}
            for text in texts - {None}:
                yield "%s.%s.%s.svc.%s" % (text, service, one["metadata"]["namespace"], ZONE)


def port_names():
    """Ports of Services and of slices, with and without underscores, and none of anybody's."""
    (seen, found) = (set(), [])
    for one in objects.SERVICES + objects.SLICES:
        (name, namespace) = spec_of(one)
        name = one["metadata"].get("labels", {}).get(objects.LABEL, name)
        for port in (one.get("ports") or one.get("spec", {}).get("ports") or [])[:3]:
            (title, protocol) = (port.get("name", ""), port.get("protocol", "TCP").lower())
            for pattern in ("_%s._%s", "%s.%s", "_%s._sctp", "_x%s._%s"):
                words = (title, protocol) if pattern.count("%") == 2 else (title,)
                text = "%s.%s.%s.svc.%s" % (pattern % words, name, namespace, ZONE)
                if not text.startswith(".") and text not in seen:
                    seen.add(text)
                    found.append(text)
        found += ["_._tcp.%s.%s.svc.%s" % (name, namespace, ZONE),
                  "_._.%s.%s.svc.%s" % (name, namespace, ZONE)]
    return found


def addresses(api):
    """Of Services, endpoints and pods, and of nobody."""
    found = ["10.96.255.1", "10.244.99.99", "fd00:10:244::99", "192.0.2.1", objects.OWN_ADDRESS]
    for one in api.list("Service")[0]:
        found += [ip for ip in one["spec"].get("clusterIPs", []) if ip != "None"]
    for one in objects.SLICES:
        found += [endpoint["addresses"][0] for endpoint in one["endpoints"]][:8]
    for one in api.list("Pod")[0]:
        found += [ip["ip"] for ip in one["status"].get("podIPs", [])]
    return sorted(set(found))


def reverse_names(all_addresses):
    names = [ipaddress.ip_address(text).reverse_pointer for text in all_addresses]
    short = [".".join(name.split(".")[n:]) for name in names[:6] for n in (1, 2, 3)]
    return names + short + ["in-addr.arpa", "ip6.arpa", "x." + names[0], "1.2.3.in-addr.arpa",
                            "256.0.0.10.in-addr.arpa", "01.0.0.10.in-addr.arpa", "z.ip6.arpa",
                            "svc.in-addr.arpa", "web.default.svc.in-addr.arpa",
                            "ns.dns.in-addr.arpa", "dns-version.in-addr.arpa"]


def pod_names(all_addresses):
    found = []
    for text in all_addresses:
        dashed = text.replace(".", "-").replace(":", "-")
        for namespace in ("default", "shop", "nowhere"):
            found.append("%s.%s.pod.%s" % (dashed, namespace, ZONE))
        found.append("x.%s.default.pod.%s" % (dashed, ZONE))
        found.append("_a._b.%s.default.pod.%s" % (dashed, ZONE))
    odd = ("1-2-3", "1-2-3-4-5", "256-1-1-1", "1--2-3-4", "--1", "1--", "--", "fd00--1--2", "a", "-",
           "01-2-3-4", "1-2-3-a", "fd00-10-244-0-0-0-6-0", "FD00--1", "--ffff-1-2-3-4")
    return found + ["%s.default.pod.%s" % (label, ZONE) for label in odd]


def fixed_names():
    left = ["", "svc", "pod", "dns", "ns.dns", "x.dns", "ns.ns.dns", "dns-version", "x.dns-version",
            "foo", "a.b.c", "default", "default.svc", "nowhere.svc", "default.pod", "nowhere.pod",
            "empty.svc", "empty.pod", "missing.default.svc", "web.nowhere.svc", "*.default.svc",
            "any.default.svc", "web.*.svc", "*.web.default.svc", "_http._tcp.missing.default.svc",
            "a.b.c.web.default.svc", "a.b.c.d.web.default.svc", "apex.dns", "svc.svc", "pod.svc",
            "svc.pod", "web.default.svc.svc", "web.default", "web", "hostmaster",
            "x._zone.db.data.svc", "zone-a.pin._zone.db.data.svc", "zone-a.prefer._zone.db.data.svc",
            "zone-a.pin._zone.web.default.svc", "_acme-challenge.web.default.svc"]
    outside = ["", "local", "com", "docs.example.com", "cluster.localx", "xcluster.local",
               "web.default.svc", "localhost", "arpa", "10.in-addr.arpa"]
    return [(word + "." + ZONE).lstrip(".") for word in left] + outside


def odd_names():
    """Label by label, since no text has them."""
    zone = labels(ZONE)
    svc = (b"default", b"svc", *zone)
    return [
        (b"we\0b", *svc), (b"web\xff", *svc), (b"w.eb", *svc), (b"web.default", b"svc", *zone),
        (b"we b", *svc), (b"\\web", *svc), (b'"web"', *svc), (b"web;", *svc), (b"(web)", *svc),
        (b"x" * 63, *svc), (b"\xe2\x98\x83", *svc), (b"web", b"def\0ault", b"svc", *zone),
        (b"web", b"default", b"s\0c", *zone), (b"_", b"_", b"web", *svc), (b"_http", b"_tcp", b"web",
                                                                     *svc),
        (b"__http", b"__tcp", b"web", *svc), (b"_http", b"tcp", b"web", *svc),
        (b"-", *svc), (b"$", *svc), (b"@", *svc), (b"\r\n", *svc),
        (*[b"a"] * 100, *svc), tuple([b"l"] * 127), (b"y" * 63, b"y" * 63, b"y" * 63, *svc),
        (b"10.244.1.1", b"web", *svc), (b"10-244-1-1", b"web", *svc), (b"10-244-1-01", b"web", *svc),
        (b"web", b"default", b"svc", b"cluster.local"),
    ]


def upper(name, rng):
    return tuple(bytes(octet ^ 32 if chr(octet).isalpha() and octet < 128 and rng.random() < 0.5
                       else octet for octet in label) for label in name)


def random_edns(rng):
    if rng.random() < 0.5:
        return None
    options = tuple(rng.sample(OPTIONS, rng.choice((0, 0, 0, 1, 2))))
    return Edns(size=rng.choice((0, 511, 512, 513, 800, 1220, 1232, 1400, 4096, 65535)),
                do=rng.random() < 0.3, options=options,
                version=rng.choice((1, 7, 255)) if rng.random() < 0.04 else 0)


def names(api):
    """All names there are to ask about, as tuples of labels."""
    found = addresses(api)
    texts = (service_names() + list(endpoint_labels())[:120] + port_names() + reverse_names(found) +
             pod_names(found) + fixed_names())
    return [labels(text) for text in dict.fromkeys(texts)] + odd_names()


def delicate(all_names, rng):
    """Each name with the type it is for and some others, plain."""
    for name in all_names:
        kinds = ["A", "AAAA", "SRV"] + rng.sample(USUAL[3:], 2) + rng.sample(RARE, 1)
        if name[-1:] == (b"arpa",):
            kinds += ["PTR"]
        for kind in dict.fromkeys(kinds):
            yield Question(name, TYPES[kind])


def sizes():
    """Answers that are cut."""
    large = ["crowd.data.svc." + ZONE, "many.default.svc." + ZONE, "_http._tcp.crowd.data.svc." + ZONE,
             "db.data.svc." + ZONE, "both.shop.svc." + ZONE]
    for text in large:
        for kind in ("A", "SRV", "AAAA"):
            base = Question(labels(text), TYPES[kind])
            yield base
            yield dataclasses.replace(base, tcp=True)
            for size in (512, 600, 1000, 1232, 2000, 4096, 65535):
                yield dataclasses.replace(base, edns=Edns(size=size))


def classes():
    for text in ("web.default.svc." + ZONE, ZONE, "version.bind", "hostname.bind", "docs.example.com"):
        for klass in CLASSES.values():
            for kind in ("A", "TXT", "ANY"):
                yield Question(labels(text), TYPES[kind], klass)


def upper_case():
    for text in ("Cluster.LOCAL", "NS.dns.cluster.local", "ns.DNS.Cluster.Local", "WEB.default.svc." + ZONE,
                 "_HTTP._tcp.web.default.svc." + ZONE, "_http._TCP.db.data.SVC." + ZONE):
        for kind in ("A", "AAAA", "NS", "SOA", "SRV"):
            yield Question(labels(text), TYPES[kind])


def random_questions(all_names, count, rng):
    for _ in range(count):
        name = list(rng.choice(all_names))
        roll = rng.random()
        if roll < 0.08 and len(name) > 1:
            del name[rng.randrange(len(name))]
        elif roll < 0.16:
            name.insert(rng.randrange(len(name) + 1), rng.choice(
                (b"x", b"_x", b"svc", b"pod", b"web", b"default", b"10-244-1-1", bytes(
                    rng.randrange(256) for _ in range(rng.randrange(1, 9))))))
        elif roll < 0.2 and name:
            i = rng.randrange(len(name))
            name[i] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 20)))
        if sum(len(label) + 1 for label in name) > 254:
            continue
        name = upper(tuple(name), rng) if rng.random() < 0.3 else tuple(name)
        kind = TYPES[rng.choice(USUAL[:3] if rng.random() < 0.5 else USUAL + RARE)]
        if rng.random() < 0.03:
            kind = rng.choice(NUMBERS)
        yield Question(name, kind, tcp=rng.random() < 0.1, rd=rng.random() < 0.8,
                       cd=rng.random() < 0.1, ad=rng.random() < 0.1, edns=random_edns(rng))


def generate(api, seed, count):
    """Tables, then random ones up to `count` in all; the same for the same seed and objects."""
    rng = random.Random(seed)
    all_names = names(api)
    table = [*delicate(all_names, rng), *sizes(), *classes()]
    rng.shuffle(table)
    table = [*upper_case(), *dict.fromkeys(table)][:count * 2 // 3]
    rest = random_questions(all_names, count - len(table), rng)
    return list(dict.fromkeys([*table, *rest]))


def server_names():
    """About who serves the zone."""
    return [Question(labels(text), TYPES[kind]) for kind in (*USUAL, *RARE) for text in (
        ZONE, "ns.dns." + ZONE, "nodes.default.svc." + ZONE, "_dns._udp.nodes.default.svc." + ZONE,
        "1.77.168.192.in-addr.arpa", "2.77.168.192.in-addr.arpa", "in-addr.arpa",
        "192-168-77-1.nodes.default.svc." + ZONE)]


def externals():
    """About ExternalNames and what they lead to."""
    for text in ("docs", "dotted", "ports", "inside", "chain", "itself", "Docs", "_._.docs", "x.docs"):
        for kind in (*USUAL, *RARE):
            name = labels("%s.default.svc.%s" % (text, ZONE))
            yield Question(name, TYPES[kind])
            yield Question(name, TYPES[kind], tcp=True)
            yield Question(name, TYPES[kind], rd=False, edns=Edns(do=True))
