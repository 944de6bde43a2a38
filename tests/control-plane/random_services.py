"""Random Services, EndpointSlices and changes of them and of the Node, all from one seed: everything that a
proxy looks at, in combinations that nobody would write by hand.

What differs on purpose (docs/from-kube-proxy.md) does not come about: no two endpoints of a Service with one
address disagree, or have different nodes or hints, and no slice goes from its Service to another, or to none."""

import random

import api_client
from service_cases import NODE, OTHER, endpoint, port

NAMESPACES = ("r", "random-services-in-a-namespace-with-a-name-of-sixty-characters")
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h",
         "a-service-whose-name-has-as-many-characters-as-one-may-have-63c")
PORT_NAMES = ("http", "dns", "p2", "fifteen-letters")
PROTOCOLS = ("TCP", "TCP", "TCP", "UDP", "SCTP")
SLICES = 4  # of a Service, families together
# Chosen from few, so that Services meet at them and an address is an external one and a balancer's.
OUTSIDE = {False: ("203.0.113.1", "203.0.113.2", "198.51.100.1", "198.51.100.2"),
           True: ("2001:db8::1", "2001:db8::2", "2001:db8:1::1")}
RANGES = ("192.0.2.0/24", "198.18.0.0/15", "192.168.77.0/24", "192.168.77.2/32", "10.0.0.0/8", "0.0.0.0/0",
          "2001:db8:2::/48", "fd00:77::/64", "::/0", " 192.0.2.64/26 ", "198.18.1.1/15", "127.0.0.0/8")
PLACES = {False: ("10.244.1.%d", "10.244.2.%d"), True: ("fd00:244::%x", "fd00:244:2::%x")}
ZONES = ("zone-a", "zone-b", "zone-c")
ZONE = "topology.kubernetes.io/zone"
POD_CIDRS = (("10.244.0.0/20", "10.245.16.0/20"), ("fd00:10:244::/64", "fd00:244::/64"))
OF_ANOTHER = "service.kubernetes.io/service-proxy-name"
HEADLESS = "service.kubernetes.io/headless"
OF_SERVICE = "kubernetes.io/service-name"
REFUSED = {404, 409, 422, 500}  # gone, there already, makes no sense, health check port in use


class RandomServices:
    """`done` and `refused` count changes; what the API refuses is no change. Ports of Services and of endpoints
    are any, or those of `ports`; a slice has as many endpoints as one of `sizes` says, or one more."""

    def __init__(self, api, seed, ports=(), names=NAMES, sizes=(0, 1, 1, 2, 3, 6, 12)):
        (self.api, self.random, self.ports, self.names, self.sizes) = (api, random.Random(seed), ports, names, sizes)
        (self.done, self.refused) = (0, 0)
        for namespace in NAMESPACES:
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    def change(self, count):
        """That many changes that the API took."""
        end = self.done + count
        actions = {self._create_service: 20, self._patch_service: 22, self._retype: 5,
                   self._delete_service: 5, self._ingress: 6, self._label: 3, self._create_slice: 28,
                   self._replace_slice: 30, self._delete_slice: 6, self._zone: 2, self._node: 1}
        while self.done < end:
            action = self.random.choices(list(actions), list(actions.values()))[0]
            try:
                action()
                self.done += 1
            except api_client.ApiError as error:
                if error.status not in REFUSED:
                    raise
                self.refused += 1

    # -- dice --

    def _chance(self, probability):
        return self.random.random() < probability

    def _some(self, values, most):
        return self.random.sample(values, self.random.randint(0, min(most, len(values))))

    def _place(self):
        return (self.random.choice(NAMESPACES), self.random.choice(self.names))

    def _number(self, usual):
        return self.random.choice(self.ports or (*usual, self.random.randrange(1, 65536)))

    # -- Services --

    def _ports(self, node_ports):
        count = self.random.choice((1, 1, 2, 3))
        names = self.random.sample(PORT_NAMES, count) if count > 1 or self._chance(0.6) else [""]
        return [port(self._number((80, 443, 53, 132)), name,
                     self.random.choice(PROTOCOLS),
                     self.random.randrange(30000, 30086) if node_ports and self._chance(0.5) else None)
                for name in names]

    def _affinity(self):
        if self._chance(0.7):
            return {"sessionAffinity": "None", "sessionAffinityConfig": None}
        seconds = self.random.choice((1, 60, 10800, 86400))
        return {"sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": seconds}}}

    def _families(self):
        return self.random.choice((
            {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"]},
            {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6"]},
            {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]},
            {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]},
            {"ipFamilyPolicy": "PreferDualStack"}))

    def _outside(self, most=3):
        if self._chance(0.5):
            return []
        addresses = self._some(OUTSIDE[False] + OUTSIDE[True], most)
        again = self.random.sample(addresses, 1) if addresses and self._chance(0.1) else []
        return [self._old_form(address) for address in addresses + again]

    def _old_form(self, address):
        """An address as it is, or in a form that the API still takes."""
        if ":" in address or self._chance(0.9):
            return address
        return self.random.choice(("::ffff:" + address, ".".join("%03d" % int(part)
                                                                 for part in address.split("."))))

    def _policy(self):
        return "Local" if self._chance(0.4) else "Cluster"

    def _external_policy(self):
        policy = self._policy()
        return {"externalTrafficPolicy": policy} if policy == "Cluster" or self._chance(0.6) else \
            {"externalTrafficPolicy": policy, "healthCheckNodePort": self.random.randrange(30000, 30086)}

    def _spec(self, kind):
        if kind == "ExternalName":
            return {"type": kind, "externalName": "example.org", "ports": self._ports(False),
                    "externalIPs": self._outside()}
        spec = {"type": "ClusterIP" if kind == "headless" else kind, **self._families(), **self._affinity(),
                "ports": self._ports(kind in ("NodePort", "LoadBalancer")),
                "internalTrafficPolicy": self._policy(), "externalIPs": self._outside(),
                "publishNotReadyAddresses": self._chance(0.2)}
        if kind == "headless":
            spec["clusterIP"] = "None"
        if kind in ("NodePort", "LoadBalancer") or spec["externalIPs"]:
            spec["externalTrafficPolicy"] = self._policy()
        if kind == "LoadBalancer":
            spec.update(self._external_policy(), loadBalancerSourceRanges=self._some(RANGES, 3),
                        allocateLoadBalancerNodePorts=self._chance(0.7))
        if self._chance(0.3):
            spec["trafficDistribution"] = self.random.choice(
                ("PreferClose", "PreferSameZone", "PreferSameNode"))
        return spec

    def _kind(self):
        return self.random.choices(("ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "headless"),
                                   (5, 6, 8, 1, 1))[0]

    def _create_service(self):
        (namespace, name) = self._place()
        labels = {}
        if self._chance(0.06):
            labels[self.random.choice((OF_ANOTHER, HEADLESS))] = self.random.choice(("", "other"))
        kind = self._kind()
        self.api.create({"apiVersion": "v1", "kind": "Service", "spec": self._spec(kind),
                         "metadata": {"name": name, "namespace": namespace, "labels": labels}})
        if kind == "LoadBalancer" and self._chance(0.8):
            self._ingress((namespace, name))

    def _ingress(self, place=None):
        ingress = [{"ip": self._old_form(address)}
                   for address in self._some(OUTSIDE[False] + OUTSIDE[True], 3)]
        for one in ingress:
            mode = self.random.choice((None, "VIP", "VIP", "Proxy"))
            if mode:
                one["ipMode"] = mode
        if self._chance(0.1):
            ingress.append({"hostname": "lb.example.org"})
        (namespace, name) = place or self._place()
        self.api.patch("Service", namespace, name, {"status": {"loadBalancer": {"ingress": ingress}}}, "status")

    def _patch_service(self):
        (namespace, name) = self._place()
        change = self.random.choice((
            lambda: {"ports": self._ports(True)}, lambda: {"ports": self._ports(False)}, self._affinity,
            lambda: {"externalIPs": self._outside() or None},
            lambda: {"internalTrafficPolicy": self._policy()},
            lambda: {"externalTrafficPolicy": self._policy()}, self._external_policy,
            lambda: {"loadBalancerSourceRanges": self._some(RANGES, 3)},
            lambda: {"ipFamilyPolicy": "PreferDualStack"},
            lambda: {"ipFamilyPolicy": "SingleStack"}, lambda: {"publishNotReadyAddresses": self._chance(0.5)},
            lambda: {"allocateLoadBalancerNodePorts": self._chance(0.5)}))()
        self.api.patch("Service", namespace, name, {"spec": change})

    def _retype(self):
        """Another type, with all else that goes with it."""
        (namespace, name) = self._place()
        value = self.api.get("Service", namespace, name)
        kept = {} if self._chance(0.5) else value["spec"]
        spec = self._spec(self._kind())
        if spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
            for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                if key in value["spec"] and value["spec"].get("clusterIP") != "None":
                    spec[key] = value["spec"][key]
            if "ports" in kept and self._chance(0.5):
                spec["ports"] = kept["ports"]
        self.api.replace({"apiVersion": "v1", "kind": "Service", "spec": spec,
                          "metadata": {key: value["metadata"][key]
                                       for key in ("name", "namespace", "resourceVersion")}})

    def _delete_service(self):
        self.api.delete("Service", *self._place())

    def _label(self):
        """Whose a Service or a slice is."""
        (namespace, name) = self._place()
        key = self.random.choice((OF_ANOTHER, HEADLESS))
        value = self.random.choice((None, None, "", "other"))
        (kind, name) = ("Service", name) if self._chance(0.5) else ("EndpointSlice", self._slice_name(name))
        self.api.patch(kind, namespace, name, {"metadata": {"labels": {key: value}}})

    # -- slices --

    def _slice_name(self, service):
        return "%s-%d" % (service[:40], self.random.randrange(SLICES))

    def _conditions(self):
        shape = self.random.choices(("ready", "none", "going", "gone", "unready", "any"), (8, 2, 3, 1, 1, 3))[0]
        fixed = {"ready": {"ready": True, "serving": True, "terminating": False}, "none": {},
                 "going": {"ready": False, "serving": True, "terminating": True},
                 "gone": {"ready": False, "serving": False, "terminating": True},
                 "unready": {"ready": False, "serving": False, "terminating": False}}
        if shape in fixed:
            return fixed[shape]
        return {key: self._chance(0.5) for key in self._some(("ready", "serving", "terminating"), 3)}

    def _endpoint(self, address, hints):
        zones = self._some((*ZONES, ""), 2) if hints in ("zones", "both") else ()
        nodes = self._some((NODE, OTHER, "node-3"), 2) if hints in ("nodes", "both") else ()
        if hints == "ours":
            (zones, nodes) = (["zone-a"], [NODE, OTHER][:self.random.randint(1, 2)])
        return endpoint(address, self.random.choice((NODE, OTHER, OTHER, None)), zones, nodes,
                        **self._conditions())

    def _slice(self, namespace, service):
        name = self._slice_name(service)
        number = int(name[-1])
        six = number % 2 == 1
        hints = self.random.choice((None, None, "zones", "nodes", "both", "ours"))
        count = self.random.choice(self.sizes)
        # Half of them where pods of the node are, half elsewhere; a slice has numbers of its own.
        addresses = [self.random.choice(PLACES[six]) % (40 * number + self.random.randrange(1, 40))
                     for _ in range(count)]
        endpoints = [self._endpoint(address, hints) for address in sorted(set(addresses))]
        if self._chance(0.2):  # one that all slices have
            endpoints.append(endpoint("fd00:244:2::999" if six else "10.244.9.9", OTHER, ready=True))
        endpoints += [dict(one) for one in endpoints if self._chance(0.05)]
        for one in endpoints:
            if self._chance(0.03):
                one["addresses"] = [*one["addresses"], "fd00:244:2::888" if six else "10.244.8.8"]
        ports = [port(self._number((8080, 5353)), name,
                      self.random.choice(PROTOCOLS))
                 for name in self._some(("", *PORT_NAMES), 4)]
        for one in ports:
            if self._chance(0.05):
                one["port"] = self.random.choice((0, None))
        labels = {OF_SERVICE: service}
        if self._chance(0.04):
            labels = {}
        elif self._chance(0.05):
            labels[self.random.choice((OF_ANOTHER, HEADLESS))] = self.random.choice(("", "other"))
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": name, "namespace": namespace, "labels": labels},
                "addressType": "IPv6" if six else "IPv4", "ports": ports, "endpoints": endpoints}

    def _create_slice(self):
        self.api.create(self._slice(*self._place()))

    def _replace_slice(self):
        (namespace, service) = self._place()
        value = self._slice(namespace, service)
        value["metadata"]["labels"][OF_SERVICE] = service
        self.api.replace(value)

    def _delete_slice(self):
        (namespace, service) = self._place()
        self.api.delete("EndpointSlice", namespace, self._slice_name(service))

    # -- the Node --

    def _zone(self):
        self.api.patch("Node", None, NODE, {"metadata": {"labels": {
            ZONE: self.random.choice((None, "", *ZONES))}}})

    def _node(self):
        """What changes no rules: taints, labels, an address that is none."""
        taints = [{"key": "example.org/%d" % number, "effect": "NoSchedule"}
                  for number in range(self.random.randrange(3))]
        self.api.patch("Node", None, NODE, {"spec": {"taints": taints, "unschedulable": self._chance(0.5)},
                                            "metadata": {"labels": {"example.org/x": str(self.done)}}})
        addresses = [one for one in self.api.get("Node", None, NODE)["status"]["addresses"]
                     if one["address"] != "none"]
        more = [{"type": "InternalIP", "address": "none"}] if self._chance(0.5) else []
        self.api.patch("Node", None, NODE, {"status": {"addresses": more + addresses}}, "status")

    def replace_node(self):
        """Another one with the same name, with networks, a zone and an order of addresses of its own, IPv4 first:
        kube-proxy, which sees it when it is started again, ends where the first family has no network."""
        self.api.delete("Node", None, NODE)
        zone = self.random.choice((None, "", *ZONES))
        cidrs = [self.random.choice(of_family) for of_family in POD_CIDRS][:self.random.randint(1, 2)]
        self.api.create({"apiVersion": "v1", "kind": "Node", "spec": {"podCIDR": cidrs[0], "podCIDRs": list(cidrs)},
                         "metadata": {"name": NODE, "labels": {} if zone is None else {ZONE: zone}}})
        kind = self.random.choice(("InternalIP", "ExternalIP"))
        own = ["192.168.77.1", "192.168.77.2"]
        self.random.shuffle(own)
        addresses = [{"type": kind, "address": address} for address in (*own, "fd00:77::1")]
        self.api.patch("Node", None, NODE, {"status": {"addresses": addresses}}, "status")
