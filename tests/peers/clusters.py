"""Objects for options that few have: label selectors, ServiceImports of several clusters, topology
zones, addresses from outside."""

import random

import servers  # finds the folders of the others
import imports
import objects
import questions
from imports import service_import
from objects import LABEL, endpoint, headless, service
from wire import Question, TYPES, labels

SET = "clusterset.local"
OUTSIDE = "ext.test"
NAMESPACES = {"blue": {"team": "a", "kind": "x"}, "red": {"team": "b"}, "grey": {}}


def labelled(one, **more):
    one["metadata"].setdefault("labels", {}).update(more)
    return one


def in_zones(one, *zones):
    for (each, zone) in zip(one["endpoints"], zones):
        each["zone"] = zone
    return one


def slice_of_import(name, namespace, cluster, endpoints, ports=(("http", 8080, "TCP"),)):
    one = objects.slice_of(name, endpoints, namespace, ports=ports)
    one["metadata"]["name"] = "import-%s-%s-%s" % (name, cluster, one["addressType"].lower())
    one["metadata"]["labels"] = {imports.NAME_LABEL: name, imports.CLUSTER_LABEL: cluster}
    return one


SERVICES = [
    labelled(service("web", "blue"), app="web", tier="front"),
    labelled(service("api", "blue"), app="api", tier="back"),
    labelled(service("web", "red"), app="web"),
    service("plain", "red"),
    service("web", "grey", type="LoadBalancer", externalIPs=["203.0.113.7"]),
    labelled(headless("db", "blue"), app="db"),
    labelled(headless("mixed", "red"), app="web"),
    headless("zones", "grey"),
    service("front", "blue", type="LoadBalancer",
            externalIPs=["203.0.113.1", "203.0.113.2"],
            ports=[{"name": "http", "port": 80}, {"name": "https", "port": 443}]),
    service("cloud", "blue", type="LoadBalancer"),
    objects.dual("both", "blue", type="LoadBalancer"),
    headless("outer", "blue", externalIPs=["203.0.113.3"]),
    labelled(objects.external("docs", "web.red.svc.cluster.local", "blue"), app="web"),
]
INGRESS = {
    ("blue", "front"): [{"ip": "198.51.100.1"}],
    ("blue", "cloud"): [{"hostname": "lb.cloud.test"}],
    ("blue", "both"): [{"ip": "198.51.100.2"}, {"ip": "2001:db8::2"}],
}
SLICES = [
    labelled(objects.slice_of("web", [endpoint("10.250.1.1"), endpoint("10.250.1.2", ready=False)],
                              "blue"), app="web", tier="front"),
    labelled(objects.slice_of("db", [endpoint("10.250.2.1", hostname="db-0"), endpoint("10.250.2.2")],
                              "blue", 0), app="db"),
    objects.slice_of("db", [endpoint("10.250.2.3", hostname="db-2")], "blue", 1),
    labelled(objects.slice_of("mixed", [endpoint("10.250.3.1")], "red", 0), app="web"),
    labelled(objects.slice_of("mixed", [endpoint("10.250.3.2")], "red", 1), app="other"),
    in_zones(objects.slice_of("zones", [endpoint("10.250.4.1", hostname="a"),
                                        endpoint("10.250.4.2", hostname="b"),
                                        endpoint("10.250.4.3"),
                                        endpoint("10.250.4.4", ready=False)], "grey"),
             "us-1a", "us-1b", "corp.example.com", "us-1c"),
]
IMPORTS = [
    service_import("web", "blue", ["10.96.200.1"]),
    service_import("dual", "blue", ["10.96.200.2", "fd00:96::2"],
                   ports=(("a", 1, "TCP"), ("b", 2, "UDP"))),
    service_import("db", "blue", ports=(("pg", 5432, "TCP"),)),
    service_import("six", "red"),
    service_import("lonely", "red", ["10.96.200.3"]),
    service_import("none", "red"),
]
IMPORT_SLICES = [
    slice_of_import("web", "blue", "c1", [endpoint("10.251.1.1", hostname="one")]),
    slice_of_import("db", "blue", "c1", [endpoint("10.251.2.1", hostname="db-0"),
                                         endpoint("10.251.2.2", ready=False)],
                    (("pg", 5432, "TCP"),)),
    slice_of_import("db", "blue", "c2", [endpoint("10.252.2.1", hostname="db-0"),
                                         endpoint("10.252.2.2")], (("pg", 5432, "TCP"),)),
    slice_of_import("six", "red", "c1", [endpoint("fd00:251::1"), endpoint("fd00:251::")]),
]


def create(api):
    for (name, words) in NAMESPACES.items():
        api.create({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": name, "labels": words}})
    for one in (*SERVICES, *SLICES, *IMPORT_SLICES):
        api.create(one)
    for ((namespace, name), ingress) in INGRESS.items():
        api.patch("Service", namespace, name, {"status": {"loadBalancer": {"ingress": ingress}}},
                  "status")


def create_imports(api):
    imports.define(api)
    for one in IMPORTS:
        imports.create(api, one)


def cluster_names():
    found = []
    for one in SERVICES:
        base = "%s.%s.svc.cluster.local" % (one["metadata"]["name"], one["metadata"]["namespace"])
        found += [base, "_http._tcp." + base, "db-0." + base, "db-2." + base]
    for one in SLICES:
        (name, namespace) = (one["metadata"]["labels"][LABEL], one["metadata"]["namespace"])
        for each in one["endpoints"]:
            text = each["addresses"][0]
            found += ["%s.%s.%s.svc.cluster.local" % (text.replace(".", "-"), name, namespace),
                      ".".join(reversed(text.split("."))) + ".in-addr.arpa"]
    for namespace in (*NAMESPACES, "none"):
        found += ["%s.svc.cluster.local" % namespace, "%s.pod.cluster.local" % namespace,
                  "1-2-3-4.%s.pod.cluster.local" % namespace]
    return found


def zonal_names():
    for zone in ("us-1a", "us-1b", "us-1c", "corp.example.com", "corp", "example.com", "x", "US-1a",
                 "us-1a.x", "_us"):
        for word in ("pin", "prefer", "other", "Pin"):
            for base in ("zones.grey", "web.blue", "db.blue", "docs.blue", "none.blue", "web.none"):
                yield "%s.%s._zone.%s.svc.cluster.local" % (zone, word, base)
    for text in ("pin._zone.zones.grey.svc", "_zone.zones.grey.svc", "us-1a.pin._zones.zones.grey.svc",
                 "us-1a.pin._zone.zones.grey.pod", "us-1a.pin._zone.zones.grey"):
        yield text + ".cluster.local"


def set_names():
    found = [SET, "svc." + SET, "blue.svc." + SET, "none.svc." + SET, "ns.dns." + SET,
             "dns-version." + SET, "x." + SET]
    for one in IMPORTS:
        base = "%s.%s.svc.%s" % (one["metadata"]["name"], one["metadata"]["namespace"], SET)
        found += [front + base for front in (
            "", "_http._tcp.", "_pg._tcp.", "_b._udp.", "_a.", "pg.tcp.", "_._.", "db-0.", "db-0.c1.",
            "db-0.c2.", "db-0.c3.", "DB-0.C2.", "one.c1.", "10-252-2-2.c2.", "10-251-2-2.c1.",
            "fd00-251--1.c1.", "fd00-251--0.c1.", "a.b.c.", "_db-0.c1.", "db-0._c1.")]
    return found + ["api.blue.svc." + SET, "web.none.svc." + SET, "plain.red.svc." + SET]


def outside_names():
    found = [OUTSIDE, "dns." + OUTSIDE, "ns1.dns." + OUTSIDE, "ns2.dns." + OUTSIDE,
             "a.ns1.dns." + OUTSIDE, "x." + OUTSIDE]
    for namespace in (*NAMESPACES, "none"):
        found.append("%s.%s" % (namespace, OUTSIDE))
    for one in SERVICES:
        base = "%s.%s.%s" % (one["metadata"]["name"], one["metadata"]["namespace"], OUTSIDE)
        found += [front + base for front in ("", "_http._tcp.", "_https._tcp.", "http.tcp.",
                                             "_x._tcp.", "db-0.", "10-250-2-2.", "a.b.c.")]
    for address in ("203.0.113.1", "203.0.113.3", "203.0.113.7", "198.51.100.1", "198.51.100.9",
                    "10.250.2.1"):
        found.append(".".join(reversed(address.split("."))) + ".in-addr.arpa")
    return found


def asked(texts, seed, count):
    """Each name with all usual types, and random ones around them."""
    names = [labels(text) for text in dict.fromkeys(texts)]
    table = [Question(name, TYPES[kind]) for name in names
             for kind in ("A", "AAAA", "SRV", "PTR", "TXT", "CNAME", "NS", "SOA", "HTTPS")]
    rng = random.Random(seed)
    rng.shuffle(table)
    rest = questions.random_questions(names, max(count - len(table), count // 4), rng)
    return list(dict.fromkeys([*table, *rest]))
