"""Objects of the Kubernetes API that have every kind of name: what both servers are asked about."""

LABEL = "kubernetes.io/service-name"
NAMESPACES = ("default", "shop", "data", "empty", "kube-system")
OWN_ADDRESS = "192.168.77.1"  # the machine's, as an endpoint of "nodes" in a second round


def service(name, namespace="default", **spec):
    spec.setdefault("ports", [{"name": "http", "port": 80, "targetPort": 8080}])
    if spec["ports"] is None:
        del spec["ports"]
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def headless(name, namespace="default", **spec):
    return service(name, namespace, clusterIP="None", **spec)


def dual(name, namespace="default", **spec):
    return service(name, namespace, ipFamilyPolicy="PreferDualStack", **spec)


def external(name, target, namespace="default", **spec):
    return service(name, namespace, type="ExternalName", externalName=target,
                   ports=spec.pop("ports", None), **spec)


def endpoint(address, ready=True, hostname=None, pod=None, **conditions):
    value = {"addresses": [address], "conditions": {"ready": ready, **conditions}}
    if ready is None:
        del value["conditions"]["ready"]
    if hostname:
        value["hostname"] = hostname
    if pod:
        value["targetRef"] = {"kind": "Pod", "name": pod, "namespace": "default", "uid": "u"}
    return value


def slice_of(service_name, endpoints, namespace="default", number=0, ports=(("http", 8080, "TCP"),)):
    kind = "IPv6" if ":" in endpoints[0]["addresses"][0] else "IPv4"
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "%s-%d" % (service_name, number), "namespace": namespace,
                         "labels": {LABEL: service_name}},
            "addressType": kind, "endpoints": endpoints,
            "ports": [{"name": name, "port": port, "protocol": protocol}
                      for (name, port, protocol) in ports]}


def pod(name, namespace="default"):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": "none"}]}}


SERVICES = [
    service("web"),
    service("web", "shop", ports=[{"name": "http", "port": 80}, {"name": "https", "port": 443}]),
    service("unnamed", ports=[{"port": 8080}]),
    service("twice", ports=[{"name": "tcp", "port": 53, "protocol": "TCP"},
                            {"name": "udp", "port": 53, "protocol": "UDP"},
                            {"name": "sctp", "port": 99, "protocol": "SCTP"}]),
    service("many", ports=[{"name": "p%d" % i, "port": 1000 + i} for i in range(120)]),
    dual("both"),
    dual("both", "shop", ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2}]),
    service("six", ipFamilies=["IPv6"]),
    service("lonely"),
    service("idle", "shop"),
    service("gate", type="NodePort", ports=[{"name": "http", "port": 80}]),
    service("front", type="LoadBalancer", externalIPs=["203.0.113.9"]),
    service("a-name-of-sixty-three-octets-which-is-the-most-that-a-label-has"),
    headless("db", "data", ports=[{"name": "pg", "port": 5432}]),
    headless("plain", "data"),
    headless("portless", "data", ports=None),
    headless("mixed", "data"),
    headless("late", "data"),
    headless("early", "data", publishNotReadyAddresses=True),
    headless("none", "data"),
    headless("six", "data", ipFamilies=["IPv6"], ipFamilyPolicy="SingleStack"),
    headless("dual", "data", ipFamilyPolicy="PreferDualStack"),
    headless("crowd", "data"),
    headless("pods", "data"),
    headless("ports", "data", ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2,
                                                               "protocol": "UDP"}]),
    headless("twins", "data"),
    external("docs", "docs.example.com"),
    external("dotted", "dotted.example.com."),
    external("inside", "web.shop.svc.cluster.local"),
    external("inside-both", "both.shop.svc.cluster.local"),
    external("inside-headless", "db.data.svc.cluster.local"),
    external("inside-missing", "missing.shop.svc.cluster.local"),
    external("inside-six", "six.default.svc.cluster.local"),
    external("chain", "chain-2.default.svc.cluster.local"),
    external("chain-2", "chain-3.default.svc.cluster.local"),
    external("chain-3", "web.default.svc.cluster.local"),
    external("itself", "itself.default.svc.cluster.local"),
    external("round", "round-2.default.svc.cluster.local"),
    external("round-2", "round.default.svc.cluster.local"),
    external("address", "192.0.2.7"),
    external("ports", "ports.example.com", ports=[{"name": "http", "port": 80}]),
    service("nodes", ports=[{"name": "dns", "port": 53, "protocol": "UDP"}]),
]

SLICES = [
    slice_of("web", [endpoint("10.244.1.%d" % i) for i in range(1, 4)]),
    slice_of("web", [endpoint("10.244.2.1", pod="web-0"), endpoint("10.244.2.2", ready=False)],
             "shop", ports=(("http", 80, "TCP"), ("https", 443, "TCP"))),
    slice_of("both", [endpoint("10.244.3.1", hostname="one")], number=0),
    slice_of("both", [endpoint("fd00:10:244::3:1", hostname="one")], number=1),
    slice_of("idle", [endpoint("10.244.3.9", ready=False)], "shop"),
    slice_of("db", [endpoint("10.244.4.%d" % (i + 1), hostname="db-%d" % i, pod="db-%d" % i)
                    for i in range(3)], "data", ports=(("pg", 5433, "TCP"),)),
    slice_of("plain", [endpoint("10.244.5.1"), endpoint("10.244.5.2")], "data", 0),
    slice_of("plain", [endpoint("10.244.5.3"), endpoint("10.244.5.4")], "data", 1),
    slice_of("portless", [endpoint("10.244.6.1", hostname="zero")], "data", ports=()),
    slice_of("mixed", [endpoint("10.244.7.1"), endpoint("10.244.7.2", ready=False),
                       endpoint("10.244.7.3", ready=None),
                       endpoint("10.244.7.4", ready=False, serving=True, terminating=True)], "data"),
    slice_of("late", [endpoint("10.244.8.1", ready=False)], "data"),
    slice_of("early", [endpoint("10.244.8.2", ready=True, serving=False)], "data"),
    slice_of("six", [endpoint("fd00:10:244::6"), endpoint("fd00:10:244:6::"),
                     endpoint("fd00:10:244::6:0", hostname="last")], "data"),
    slice_of("dual", [endpoint("10.244.9.1", hostname="pair"), endpoint("10.244.9.2")], "data", 0),
    slice_of("dual", [endpoint("fd00:10:244::9:1", hostname="pair")], "data", 1),
    *(slice_of("crowd", [endpoint("10.244.%d.%d" % (10 + part, i)) for i in range(1, 101)], "data",
               part) for part in range(3)),
    slice_of("pods", [endpoint("10.244.5.1", pod="pod-a"), endpoint("10.244.5.2", pod="pod-b"),
                      endpoint("10.244.20.3", pod="dotted.pod"),
                      endpoint("10.244.20.4", pod="p" * 64)], "data"),
    slice_of("ports", [endpoint("10.244.21.1")], "data", 0, (("a", 81, "TCP"), ("b", 82, "UDP"))),
    slice_of("ports", [endpoint("10.244.21.2")], "data", 1, (("a", 91, "TCP"),)),
    slice_of("twins", [endpoint("10.244.22.1", hostname="twin"),
                       endpoint("10.244.22.2", hostname="twin")], "data"),
]

# What example.com has of them.
EXTERNAL_RECORDS = """
docs 300 A 192.0.2.101
docs 300 A 192.0.2.102
docs 300 AAAA 2001:db8::101
dotted 300 CNAME docs
"""

PODS = [pod("pod-1"), pod("pod-2", "shop")]


def create(api):
    for name in NAMESPACES:
        if name not in ("default", "kube-system"):
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for one in (*SERVICES, *SLICES, *PODS):
        api.create(one)


def become_endpoint(api):
    """This machine becomes an endpoint of one Service: names servers by it."""
    api.create(slice_of("nodes", [endpoint(OWN_ADDRESS), endpoint("192.168.77.2")],
                        ports=(("dns", 53, "UDP"),)))
