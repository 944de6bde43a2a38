"""Services, EndpointSlices and changes of them, each with a name: what the rules of two proxies are
compared for. A case is a function of a Cluster; all objects stay, so that the next case meets them.

Ports of nodes that are chosen here lie below 30086: those the API server gives to others last."""

NAMESPACE = "cases"
NODE = "node-1"  # where the proxies are
OTHER = "node-2"
MARKER = "marker"


def endpoint(address, node=OTHER, zones=(), nodes=(), **conditions):
    """`conditions` not given are left out of the object."""
    value = {"addresses": [address], "conditions": conditions}
    if node:
        value["nodeName"] = node
    hints = {}
    if zones:
        hints["forZones"] = [{"name": zone} for zone in zones]
    if nodes:
        hints["forNodes"] = [{"name": name} for name in nodes]
    if hints:
        value["hints"] = hints
    return value


def port(number, name="http", protocol="TCP", node_port=None):
    value = {"port": number, "protocol": protocol}
    if name:
        value["name"] = name
    if node_port:
        value["nodePort"] = node_port
    return value


class Cluster:
    """Writes objects; remembers nothing but the API."""

    def __init__(self, api):
        self.api = api
        self.serial = 0
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.mark(create=True)

    def service(self, name, ports=None, ingress=None, labels=None, **spec):
        value = self.api.create({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels or {}},
            "spec": {"ports": ports or [port(80)], **spec}})
        if ingress is not None:
            self.api.patch("Service", NAMESPACE, name,
                           {"status": {"loadBalancer": {"ingress": ingress}}}, "status")
        return value

    def change(self, name, **spec):
        self.api.patch("Service", NAMESPACE, name, {"spec": spec})

    def label(self, name, labels):
        self.api.patch("Service", NAMESPACE, name, {"metadata": {"labels": labels}})

    def delete(self, name):
        self.api.delete("Service", NAMESPACE, name)

    def slice_object(self, service, endpoints, ports=None, suffix="a"):
        family = "IPv6" if endpoints and ":" in endpoints[0]["addresses"][0] else "IPv4"
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": "%s-%s" % (service, suffix), "namespace": NAMESPACE,
                             "labels": {"kubernetes.io/service-name": service}},
                "addressType": family, "ports": ports or [port(8080)], "endpoints": endpoints}

    def slice(self, *arguments, **options):
        self.api.create(self.slice_object(*arguments, **options))

    def replace_slice(self, *arguments, **options):
        self.api.replace(self.slice_object(*arguments, **options))

    def delete_slice(self, service, suffix="a"):
        self.api.delete("EndpointSlice", NAMESPACE, "%s-%s" % (service, suffix))

    def node_labels(self, labels):
        self.api.patch("Node", None, NODE, {"metadata": {"labels": labels}})

    def mark(self, create=False):
        """Changes the marker: whoever has its new rules has seen all that was written before. Gives
        what must then be found in each family's rules."""
        self.serial += 1
        ports = [port(1000 + self.serial)]
        addresses = ("10.250.%d.%d" % divmod(self.serial, 200), "fd00:250::%x" % self.serial)
        slices = [self.slice_object(MARKER, [endpoint(address)], suffix=suffix)
                  for (address, suffix) in zip(addresses, "ab")]
        if create:
            self.service(MARKER, ports=ports, ipFamilyPolicy="PreferDualStack")
            for one in slices:
                self.api.create(one)
        else:
            service = self.api.get("Service", NAMESPACE, MARKER)
            service["spec"]["ports"] = ports
            self.api.replace({"apiVersion": "v1", "kind": "Service", **service})
            for one in slices:
                self.api.replace(one)
        dispatch = "--dport %d -j KUBE-SVC" % ports[0]["port"]
        return {"ipv4": (dispatch, addresses[0] + ":8080"),
                "ipv6": (dispatch, "[%s]:8080" % addresses[1])}


CASES = []


def case(function):
    """Makes it a case, named as the function."""
    CASES.append((function.__name__, function))
    return function


TWO = (endpoint("10.244.1.1", NODE, ready=True), endpoint("10.244.2.1", ready=True))
REMOTE = (endpoint("10.244.2.1", ready=True), endpoint("10.244.2.2", ready=True))
TWO_V6 = (endpoint("fd00:244::1", NODE, ready=True), endpoint("fd00:244:2::1", ready=True))
LOCAL = {"externalTrafficPolicy": "Local"}
LOCAL_INSIDE = {"internalTrafficPolicy": "Local"}
DUAL = {"ipFamilyPolicy": "RequireDualStack"}


def both_families(cluster, name, ports=None):
    cluster.slice(name, list(TWO), ports=ports)
    cluster.slice(name, list(TWO_V6), ports=ports, suffix="b")


# -- types, ports, endpoints --

@case
def cluster_ip_with_one_endpoint(c):
    c.service("one")
    c.slice("one", [endpoint("10.244.1.1", NODE, ready=True)])


@case
def cluster_ip_with_endpoints_sorted_as_text(c):
    c.service("sorted")
    c.slice("sorted", [endpoint("10.244.2.%d" % n, ready=True) for n in (2, 11, 100, 1, 20)])


@case
def unnamed_port(c):
    c.service("unnamed", ports=[port(80, name=None)])
    c.slice("unnamed", list(TWO), ports=[port(8080, name="")])


@case
def several_ports_with_target_ports_of_their_own(c):
    ports = [port(80), port(443, "https"), port(9100, "metrics")]
    c.service("several", ports=ports)
    c.slice("several", list(TWO), ports=[port(8080), port(8443, "https"), port(19100, "metrics")])


@case
def named_target_ports_that_differ_between_pods(c):
    c.service("named")
    c.slice("named", [TWO[0]])
    c.slice("named", [TWO[1]], ports=[port(9090)], suffix="b")


@case
def udp(c):
    c.service("udp", ports=[port(53, "dns", "UDP")])
    c.slice("udp", list(TWO), ports=[port(5353, "dns", "UDP")])


@case
def sctp(c):
    c.service("sctp", ports=[port(132, "s", "SCTP")])
    c.slice("sctp", list(TWO), ports=[port(1132, "s", "SCTP")])


@case
def one_number_for_two_protocols(c):
    ports = [port(53, "dns", "UDP"), port(53, "dns-tcp", "TCP")]
    c.service("both-protocols", ports=ports)
    c.slice("both-protocols", list(TWO), ports=ports)


@case
def port_of_another_protocol_is_another_port(c):
    c.service("mismatch", ports=[port(80, "x", "TCP")])
    c.slice("mismatch", list(TWO), ports=[port(80, "x", "UDP")])


@case
def port_of_another_name_is_another_port(c):
    c.service("misnamed")
    c.slice("misnamed", list(TWO), ports=[port(80, "other")])


@case
def no_slice_at_all(c):
    c.service("nothing", ports=[port(80), port(443, "https")])


@case
def slice_without_endpoints(c):
    c.service("hollow")
    c.slice("hollow", [])


@case
def headless(c):
    c.service("headless", clusterIP="None")
    c.slice("headless", list(TWO))


@case
def external_name(c):
    c.service("external-name", type="ExternalName", externalName="example.org")
    c.slice("external-name", list(TWO))


@case
def endpoints_in_several_slices(c):
    c.service("slices")
    for (n, suffix) in enumerate("abc"):
        c.slice("slices", [endpoint("10.244.%d.9" % n, ready=True)], suffix=suffix)


@case
def an_endpoint_in_two_slices_counts_once(c):
    c.service("twice")
    c.slice("twice", list(TWO))
    c.slice("twice", list(TWO), suffix="b")


@case
def one_pod_behind_two_ports(c):
    c.service("two-to-one", ports=[port(80), port(81, "alt")])
    c.slice("two-to-one", list(TWO), ports=[port(8080), port(8080, "alt")])


@case
def slice_before_its_service(c):
    c.slice("late", list(TWO))
    c.service("late")


@case
def fifty_endpoints(c):
    c.service("fifty")
    c.slice("fifty", [endpoint("10.244.9.%d" % n, ready=True) for n in range(1, 51)])


# -- readiness --

@case
def conditions_left_out(c):
    c.service("nil")
    c.slice("nil", [endpoint("10.244.1.1", NODE), endpoint("10.244.2.1", node=None)])


@case
def nobody_ready(c):
    c.service("unready")
    c.slice("unready", [endpoint("10.244.2.1", ready=False, serving=False, terminating=False)])


@case
def not_ready_but_serving_is_not_used(c):
    c.service("serving")
    c.slice("serving", [endpoint("10.244.2.1", ready=False, serving=True, terminating=False)])


@case
def only_terminating_ones_that_serve(c):
    c.service("last")
    c.slice("last", [endpoint("10.244.2.1", ready=False, serving=True, terminating=True),
                     endpoint("10.244.2.2", ready=False, serving=False, terminating=True)])


@case
def terminating_ones_wait_for_no_ready_one(c):
    c.service("mixed")
    c.slice("mixed", [endpoint("10.244.2.1", ready=False, serving=True, terminating=True),
                      endpoint("10.244.2.2", ready=True)])


@case
def only_terminating_ones_that_do_not_serve(c):
    c.service("dying")
    c.slice("dying", [endpoint("10.244.2.1", ready=False, serving=False, terminating=True)])


@case
def not_ready_addresses_published(c):
    c.service("published", publishNotReadyAddresses=True)
    c.slice("published", [endpoint("10.244.2.1", ready=True, serving=False, terminating=False)])


# -- families --

@case
def ipv6_alone(c):
    c.service("six", ipFamilies=["IPv6"])
    c.slice("six", list(TWO_V6))


@case
def both_families_each_with_endpoints(c):
    c.service("dual", **DUAL)
    both_families(c, "dual")


@case
def both_families_endpoints_in_one(c):
    c.service("half", **DUAL)
    c.slice("half", list(TWO_V6), suffix="b")


@case
def ipv6_first(c):
    c.service("six-first", ipFamilies=["IPv6", "IPv4"], **DUAL)
    both_families(c, "six-first")


@case
def endpoints_of_a_family_the_service_lacks(c):
    c.service("four-only", ipFamilies=["IPv4"])
    both_families(c, "four-only")


# -- node ports --

@case
def node_port(c):
    c.service("np", type="NodePort", ports=[port(80, node_port=30080)])
    c.slice("np", list(TWO))


@case
def node_ports_of_several_ports_and_protocols(c):
    ports = [port(80, node_port=30081), port(53, "dns", "UDP", node_port=30053),
             port(132, "s", "SCTP", node_port=30032)]
    c.service("np-several", type="NodePort", ports=ports, **DUAL)
    both_families(c, "np-several", ports=ports_of_pods(ports))


def ports_of_pods(ports):
    return [port(one["port"] + 8000, one["name"], one["protocol"]) for one in ports]


@case
def node_port_without_endpoints(c):
    c.service("np-none", type="NodePort", ports=[port(80, node_port=30082)])


@case
def node_port_local(c):
    c.service("np-local", type="NodePort", ports=[port(80, node_port=30083)], **LOCAL, **DUAL)
    both_families(c, "np-local")


@case
def node_port_local_elsewhere(c):
    c.service("np-elsewhere", type="NodePort", ports=[port(80, node_port=30084)], **LOCAL)
    c.slice("np-elsewhere", list(REMOTE))


@case
def node_port_local_without_endpoints(c):
    c.service("np-local-none", type="NodePort", ports=[port(80, node_port=30005)], **LOCAL)


@case
def node_port_local_all_here_terminating(c):
    c.service("np-going", type="NodePort", ports=[port(80, node_port=30006)], **LOCAL)
    c.slice("np-going", [endpoint("10.244.1.1", NODE, ready=False, serving=True, terminating=True),
                         endpoint("10.244.2.1", ready=True)])


@case
def node_port_local_one_ready_one_terminating_here(c):
    c.service("np-leaving", type="NodePort", ports=[port(80, node_port=30007)], **LOCAL)
    c.slice("np-leaving", [endpoint("10.244.1.1", NODE, ready=False, serving=True,
                                    terminating=True),
                           endpoint("10.244.1.2", NODE, ready=True)])


@case
def node_port_local_all_terminating_elsewhere(c):
    c.service("np-gone", type="NodePort", ports=[port(80, node_port=30008)], **LOCAL)
    c.slice("np-gone", [endpoint("10.244.2.1", ready=False, serving=True, terminating=True)])


# -- external IPs --

@case
def external_ips(c):
    c.service("eip", externalIPs=["203.0.113.10", "203.0.113.11"], ports=[port(80), port(443, "s")])
    c.slice("eip", list(TWO), ports=[port(8080), port(8443, "s")])


@case
def external_ips_of_both_families(c):
    c.service("eip-dual", externalIPs=["203.0.113.12", "2001:db8::12"], **DUAL)
    both_families(c, "eip-dual")


@case
def external_ip_of_the_other_family(c):
    c.service("eip-six", externalIPs=["2001:db8::13"], ipFamilies=["IPv4"])
    c.slice("eip-six", list(TWO))


@case
def external_ip_local(c):
    c.service("eip-local", externalIPs=["203.0.113.14"], **LOCAL)
    c.slice("eip-local", list(TWO))


@case
def external_ip_local_elsewhere(c):
    c.service("eip-elsewhere", externalIPs=["203.0.113.15"], **LOCAL)
    c.slice("eip-elsewhere", list(REMOTE))


@case
def external_ip_without_endpoints(c):
    c.service("eip-none", externalIPs=["203.0.113.16"])


# -- load balancers --

def balancer(c, name, ingress, ports=None, **spec):
    c.service(name, type="LoadBalancer", ports=ports, ingress=ingress, **spec)


@case
def balancer_vip(c):
    balancer(c, "lb", [{"ip": "198.51.100.1"}])
    c.slice("lb", list(TWO))


@case
def balancer_said_to_be_vip_and_proxy(c):
    balancer(c, "lb-modes", [{"ip": "198.51.100.2", "ipMode": "VIP"},
                             {"ip": "198.51.100.3", "ipMode": "Proxy"},
                             {"hostname": "lb.example.org"}])
    c.slice("lb-modes", list(TWO))


@case
def balancer_proxy_alone(c):
    balancer(c, "lb-proxy", [{"ip": "198.51.100.4", "ipMode": "Proxy"}],
             loadBalancerSourceRanges=["192.0.2.0/24"])
    c.slice("lb-proxy", list(TWO))


@case
def balancer_without_ingress_yet(c):
    balancer(c, "lb-pending", None)
    c.slice("lb-pending", list(TWO))


@case
def balancer_of_both_families(c):
    balancer(c, "lb-dual", [{"ip": "198.51.100.5"}, {"ip": "2001:db8:1::5"}], **DUAL)
    both_families(c, "lb-dual")


@case
def balancer_source_ranges(c):
    balancer(c, "lb-ranges", [{"ip": "198.51.100.6"}, {"ip": "198.51.100.7"}],
             loadBalancerSourceRanges=["192.0.2.0/24", "198.18.0.0/15"])
    c.slice("lb-ranges", list(TWO))


@case
def balancer_source_ranges_with_the_node_in_them(c):
    balancer(c, "lb-node", [{"ip": "198.51.100.8"}, {"ip": "2001:db8:1::8"}],
             loadBalancerSourceRanges=["192.168.77.0/24", "fd00:77::/64"], **DUAL)
    both_families(c, "lb-node")


@case
def balancer_source_ranges_of_both_families(c):
    balancer(c, "lb-ranges-dual", [{"ip": "198.51.100.9"}, {"ip": "2001:db8:1::9"}],
             loadBalancerSourceRanges=["192.0.2.0/24", "2001:db8:2::/48"], **DUAL)
    both_families(c, "lb-ranges-dual")


@case
def balancer_source_ranges_of_one_family_only(c):
    balancer(c, "lb-ranges-four", [{"ip": "198.51.100.20"}, {"ip": "2001:db8:1::20"}],
             loadBalancerSourceRanges=["192.0.2.0/24"], **DUAL)
    both_families(c, "lb-ranges-four")


@case
def balancer_source_ranges_that_let_all_in(c):
    balancer(c, "lb-all", [{"ip": "198.51.100.10"}, {"ip": "2001:db8:1::10"}],
             loadBalancerSourceRanges=["192.0.2.0/24", "0.0.0.0/0", "::/0"], **DUAL)
    both_families(c, "lb-all")


@case
def balancer_source_ranges_with_blanks_and_host_bits(c):
    balancer(c, "lb-blanks", [{"ip": "198.51.100.11"}],
             loadBalancerSourceRanges=[" 192.0.2.0/24", "198.18.1.1/15 "])
    c.slice("lb-blanks", list(TWO))


@case
def balancer_source_ranges_without_endpoints(c):
    balancer(c, "lb-ranges-none", [{"ip": "198.51.100.12"}],
             loadBalancerSourceRanges=["192.0.2.0/24"])


@case
def balancer_local_with_health_check_port(c):
    balancer(c, "lb-local", [{"ip": "198.51.100.13"}, {"ip": "2001:db8:1::13"}],
             healthCheckNodePort=30023, **LOCAL, **DUAL)
    both_families(c, "lb-local")


@case
def balancer_local_with_several_ports(c):
    balancer(c, "lb-local-ports", [{"ip": "198.51.100.14"}], healthCheckNodePort=30024,
             ports=[port(80), port(53, "dns", "UDP")], **LOCAL)
    c.slice("lb-local-ports", list(TWO), ports=[port(8080), port(5353, "dns", "UDP")])


@case
def balancer_local_elsewhere(c):
    balancer(c, "lb-elsewhere", [{"ip": "198.51.100.15"}], healthCheckNodePort=30025,
             loadBalancerSourceRanges=["192.0.2.0/24"], **LOCAL)
    c.slice("lb-elsewhere", list(REMOTE))


@case
def balancer_local_without_endpoints(c):
    balancer(c, "lb-local-none", [{"ip": "198.51.100.16"}], healthCheckNodePort=30026, **LOCAL)


@case
def balancer_without_node_ports(c):
    balancer(c, "lb-bare", [{"ip": "198.51.100.17"}], allocateLoadBalancerNodePorts=False)
    c.slice("lb-bare", list(TWO))


@case
def balancer_with_external_ips_and_affinity(c):
    balancer(c, "lb-everything", [{"ip": "198.51.100.18"}], externalIPs=["203.0.113.18"],
             loadBalancerSourceRanges=["192.0.2.0/24"], sessionAffinity="ClientIP",
             healthCheckNodePort=30028, ports=[port(80, node_port=30018)], **LOCAL, **LOCAL_INSIDE)
    c.slice("lb-everything", list(TWO))


# -- internal policy --

@case
def internal_local(c):
    c.service("in-local", **LOCAL_INSIDE)
    c.slice("in-local", list(TWO))


@case
def internal_local_elsewhere(c):
    c.service("in-elsewhere", **LOCAL_INSIDE)
    c.slice("in-elsewhere", list(REMOTE))


@case
def internal_local_without_endpoints(c):
    c.service("in-none", **LOCAL_INSIDE)


@case
def internal_local_terminating_here(c):
    c.service("in-going", **LOCAL_INSIDE)
    c.slice("in-going", [endpoint("10.244.1.1", NODE, ready=False, serving=True, terminating=True)])


@case
def internal_local_with_a_node_port_for_all(c):
    c.service("in-np", type="NodePort", ports=[port(80, node_port=30010)], **LOCAL_INSIDE)
    c.slice("in-np", list(TWO))


@case
def both_policies_local_elsewhere(c):
    c.service("in-out", type="NodePort", ports=[port(80, node_port=30011)], **LOCAL, **LOCAL_INSIDE)
    c.slice("in-out", list(REMOTE))


# -- affinity --

@case
def affinity(c):
    c.service("sticky", sessionAffinity="ClientIP")
    c.slice("sticky", list(TWO))


@case
def affinity_with_its_time(c):
    c.service("sticky-60", sessionAffinity="ClientIP",
              sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}}, **DUAL)
    both_families(c, "sticky-60")


@case
def affinity_of_udp_and_a_local_node_port(c):
    ports = [port(53, "dns", "UDP", node_port=30054)]
    c.service("sticky-udp", type="NodePort", ports=ports, sessionAffinity="ClientIP", **LOCAL)
    c.slice("sticky-udp", list(TWO), ports=[port(5353, "dns", "UDP")])


@case
def affinity_by_whichever_address(c):
    ports = [port(80, "one", node_port=30055), port(81, "two", node_port=30056)]
    c.service("sticky-ways", type="NodePort", externalIPs=["203.0.113.20", "2001:db8::20"], ports=ports,
              sessionAffinity="ClientIP", **DUAL)
    both_families(c, "sticky-ways", [port(8080, "one"), port(8081, "two")])


# -- topology --

@case
def hints_for_our_zone(c):
    c.service("zone", trafficDistribution="PreferClose")
    c.slice("zone", [endpoint("10.244.1.1", NODE, zones=["zone-a"], ready=True),
                     endpoint("10.244.2.1", zones=["zone-b"], ready=True)])


@case
def hints_for_other_zones_only(c):
    c.service("zone-none")
    c.slice("zone-none", [endpoint("10.244.2.1", zones=["zone-b"], ready=True),
                          endpoint("10.244.2.2", zones=["zone-c"], ready=True)])


@case
def hints_missing_on_one(c):
    c.service("zone-gap")
    c.slice("zone-gap", [endpoint("10.244.1.1", NODE, zones=["zone-a"], ready=True),
                         endpoint("10.244.2.1", ready=True)])


@case
def hints_missing_on_one_that_is_not_ready(c):
    c.service("zone-unready")
    c.slice("zone-unready", [endpoint("10.244.1.1", NODE, zones=["zone-a"], ready=True),
                             endpoint("10.244.2.2", zones=["zone-b"], ready=True),
                             endpoint("10.244.2.1", ready=False)])


@case
def hints_for_our_node(c):
    c.service("node", trafficDistribution="PreferSameNode")
    c.slice("node", [endpoint("10.244.1.1", NODE, nodes=[NODE], zones=["zone-a"], ready=True),
                     endpoint("10.244.2.1", nodes=[OTHER], zones=["zone-a"], ready=True)])


@case
def hints_for_other_nodes_and_our_zone(c):
    c.service("node-none")
    c.slice("node-none", [endpoint("10.244.2.1", nodes=[OTHER], zones=["zone-a"], ready=True),
                          endpoint("10.244.3.1", nodes=["node-3"], zones=["zone-b"], ready=True)])


@case
def hints_and_local_policy(c):
    c.service("zone-local", type="NodePort", ports=[port(80, node_port=30012)], **LOCAL)
    c.slice("zone-local", [endpoint("10.244.1.1", NODE, zones=["zone-b"], ready=True),
                           endpoint("10.244.2.1", zones=["zone-a"], ready=True)])


@case
def hints_when_all_terminate(c):
    c.service("zone-going")
    c.slice("zone-going", [endpoint("10.244.1.1", NODE, zones=["zone-a"], ready=False,
                                    serving=True, terminating=True),
                           endpoint("10.244.2.1", zones=["zone-b"], ready=False, serving=True,
                                    terminating=True)])


# -- of somebody else --

@case
def of_another_proxy(c):
    c.service("foreign", labels={"service.kubernetes.io/service-proxy-name": "other"})
    c.slice("foreign", list(TWO))


# -- what API servers let pass --

@case
def addresses_in_old_forms(c):
    balancer(c, "old-forms", [{"ip": "203.000.113.079"}, {"ip": "::ffff:203.0.113.80"}],
             clusterIP="10.096.077.007", externalIPs=["198.051.100.079", "::ffff:198.51.100.80"],
             loadBalancerSourceRanges=["192.000.002.000/25", "::ffff:198.18.0.0/111"])
    c.slice("old-forms", [endpoint("010.244.001.001", NODE), endpoint("::ffff:10.244.2.1")])


@case
def slice_ports_without_a_number_or_with_zero(c):
    c.service("no-numbers", [port(80), port(81, "zero"), port(82, "good")])
    c.slice("no-numbers", TWO, [{"name": "http"}, port(0, "zero"), port(8082, "good")])


@case
def slice_of_host_names_and_slice_without_ports(c):
    c.service("names-too")
    c.slice("names-too", TWO)
    c.api.create({**c.slice_object("names-too", [endpoint("example.org")], suffix="b"), "addressType": "FQDN"})
    c.api.create({**c.slice_object("names-too", REMOTE, suffix="c"), "ports": None})


@case
def one_endpoint_three_times_in_a_slice(c):
    c.service("thrice", type="NodePort")
    c.slice("thrice", [*TWO, TWO[0], TWO[0]])


@case
def external_ip_twice_and_that_of_the_balancer(c):
    balancer(c, "address-again", [{"ip": "203.0.113.81"}, {"ip": "203.0.113.81"}],
             externalIPs=["203.0.113.81", "203.0.113.81"], loadBalancerSourceRanges=["192.0.2.0/24"])
    c.slice("address-again", TWO)


@case
def on_its_way_out_until_a_finalizer_lets_go(c):
    c.service("on-its-way-out")
    c.slice("on-its-way-out", TWO)
    c.api.patch("Service", NAMESPACE, "on-its-way-out", {"metadata": {"finalizers": ["example.org/kept"]}})
    c.delete("on-its-way-out")


@case
def hints_for_a_zone_without_a_name(c):
    c.service("nameless-zone")
    c.slice("nameless-zone", [endpoint("10.244.2.1", zones=[""], ready=True),
                              endpoint("10.244.2.2", zones=["zone-b"], ready=True)])


# -- changes --

@case
def an_endpoint_begins_to_terminate(c):
    c.replace_slice("sorted", [endpoint("10.244.2.1", ready=False, serving=True, terminating=True),
                               endpoint("10.244.2.11", ready=True)])


@case
def the_last_endpoint_begins_to_terminate(c):
    c.replace_slice("sorted", [endpoint("10.244.2.11", ready=False, serving=True,
                                        terminating=True)])


@case
def the_last_endpoint_goes(c):
    c.replace_slice("sorted", [])


@case
def endpoints_come_back(c):
    c.replace_slice("sorted", list(TWO))


@case
def a_slice_goes(c):
    c.delete_slice("slices", "b")


@case
def all_slices_go(c):
    c.delete_slice("dual", "a")
    c.delete_slice("dual", "b")


@case
def a_service_goes(c):
    c.delete("lb-ranges-dual")


@case
def a_port_gets_another_number_and_name(c):
    c.change("several", ports=[port(80), port(8443, "tls")])


@case
def from_cluster_ip_to_node_port(c):
    c.change("one", type="NodePort", ports=[port(80, node_port=30020)])


@case
def from_node_port_to_cluster_ip(c):
    c.change("np", type="ClusterIP", externalTrafficPolicy=None)


@case
def from_cluster_ip_to_external_name(c):
    c.change("twice", type="ExternalName", externalName="example.org", clusterIP=None,
             clusterIPs=None)


@case
def policies_change(c):
    c.change("np-elsewhere", externalTrafficPolicy="Cluster")
    c.change("in-local", internalTrafficPolicy="Cluster")


@case
def affinity_begins_and_ends(c):
    c.change("fifty", sessionAffinity="ClientIP",
             sessionAffinityConfig={"clientIP": {"timeoutSeconds": 7200}})
    c.change("sticky", sessionAffinity="None", sessionAffinityConfig=None)


@case
def source_ranges_change(c):
    c.change("lb-ranges", loadBalancerSourceRanges=["192.0.2.128/25"])
    c.change("lb-node", loadBalancerSourceRanges=None)


@case
def a_balancer_gets_its_address(c):
    c.api.patch("Service", NAMESPACE, "lb-pending",
                {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.30"}]}}}, "status")


@case
def a_second_family_is_added(c):
    c.change("one", ipFamilyPolicy="PreferDualStack")
    c.slice("one", list(TWO_V6), suffix="b")


@case
def given_to_another_proxy(c):
    c.label("udp", {"service.kubernetes.io/service-proxy-name": "other"})


@case
def taken_from_another_proxy(c):
    c.label("foreign", {"service.kubernetes.io/service-proxy-name": None})


@case
def the_node_moves_to_another_zone(c):
    c.node_labels({"topology.kubernetes.io/zone": "zone-b"})


@case
def the_node_has_no_zone(c):
    c.node_labels({"topology.kubernetes.io/zone": None})


@case
def the_node_has_its_zone_again(c):
    c.node_labels({"topology.kubernetes.io/zone": "zone-a"})


@case
def the_node_has_an_address_that_is_none(c):
    addresses = c.api.get("Node", None, NODE)["status"]["addresses"]
    c.api.patch("Node", None, NODE, {"status": {"addresses": [
        {"type": "InternalIP", "address": "none"}, *addresses]}}, "status")
    c.node_labels({"topology.kubernetes.io/zone": "zone-b"})


@case
def the_node_is_tainted(c):
    c.api.patch("Node", None, NODE, {"spec": {"unschedulable": True, "taints": [
        {"key": "example.org/full", "effect": "NoExecute"}]}})
    c.node_labels({"topology.kubernetes.io/zone": "zone-a"})


@case
def the_node_goes(c):
    c.last_node = c.api.get("Node", None, NODE)
    c.api.delete("Node", None, NODE)


@case
def the_node_comes_back(c):
    for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        c.last_node["metadata"].pop(key, None)
    c.api.create({"apiVersion": "v1", "kind": "Node", **c.last_node})
    c.api.patch("Node", None, NODE, {"status": {"addresses": c.last_node["status"]["addresses"]}}, "status")


def many_endpoints(cluster, count=1100):
    """More than kube-proxy writes comments for."""
    for n in range(0, count, 100):
        name = "large-%d" % n
        cluster.service(name)
        cluster.slice(name, [endpoint("10.245.%d.%d" % (n // 100, i), ready=True)
                             for i in range(1, 101)])


