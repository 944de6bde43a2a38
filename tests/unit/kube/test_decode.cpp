// Decoding: every field that is read, and every way to be wrong with the line that it names.
#include "kube/decode.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::kube;
using services::EndpointSlice;
using services::IpMode;
using services::Node;
using services::Pod;
using services::Protocol;
using services::Service;
using services::ServiceType;
using services::TrafficPolicy;

namespace {

Decoded yaml(std::string_view text) {
    return decode_text(text, "f", false);
}

/// The only object of the text, which has no problems.
template <class T> T only(std::string_view text, bool json = false) {
    Decoded decoded = decode_text(text, "f", json);
    REQUIRE(decoded.problems == std::vector<std::string>{});
    REQUIRE(decoded.objects.size() == 1);
    REQUIRE(std::holds_alternative<T>(decoded.objects[0]));
    return std::get<T>(std::move(decoded.objects[0]));
}

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

}  // namespace

TEST_CASE("all fields of a Service") {
    const ServiceSource source = only<ServiceSource>(R"(apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  labels: {app: web}
  managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {}}}]
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.7
  clusterIPs: [10.96.0.7, "fd00::7"]
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: RequireDualStack
  externalIPs: [192.0.2.1]
  loadBalancerSourceRanges: [198.51.100.0/24]
  allocateLoadBalancerNodePorts: false
  publishNotReadyAddresses: true
  selector: {app: web, tier: "1"}
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}
  externalTrafficPolicy: Local
  internalTrafficPolicy: Local
  healthCheckNodePort: 31000
  trafficDistribution: PreferClose
  ports:
  - {name: http, port: 80, targetPort: web, nodePort: 30080}
  - {name: dns, port: 53, protocol: UDP, targetPort: 5353}
  - {name: s, port: 1, protocol: SCTP}
status:
  loadBalancer:
    ingress:
    - {ip: 192.0.2.10}
    - {ip: 192.0.2.11, ipMode: Proxy}
    - {hostname: lb.example}
)");
    Service expected;
    expected.key = {"shop", "web"};
    expected.labels = {{"app", "web"}};
    expected.type = ServiceType::load_balancer;
    expected.cluster_ips = {ip("10.96.0.7"), ip("fd00::7")};
    expected.families = {Family::ipv4, Family::ipv6};
    expected.dual_stack = true;
    expected.external_ips = {ip("192.0.2.1")};
    expected.source_ranges = {*Cidr::parse("198.51.100.0/24")};
    expected.publish_not_ready = true;
    expected.selector = {{"app", "web"}, {"tier", "1"}};
    expected.client_ip_affinity = true;
    expected.affinity_timeout_s = 60;
    expected.external_policy = TrafficPolicy::local;
    expected.internal_policy = TrafficPolicy::local;
    expected.health_check_node_port = 31000;
    expected.traffic_distribution = "PreferClose";
    expected.ports = {{"http", Protocol::tcp, 80, 30080, {0, "web"}},
                      {"dns", Protocol::udp, 53, 0, {5353, ""}},
                      {"s", Protocol::sctp, 1, 0, {}}};
    expected.ingress = {{ip("192.0.2.10"), IpMode::vip}, {ip("192.0.2.11"), IpMode::proxy}};
    expected.ingress_hostnames = {"lb.example"};
    CHECK(source.service == expected);
    CHECK(source.family_policy == FamilyPolicy::require_dual);
    CHECK_FALSE(source.allocate_node_ports);
    CHECK(source.place() == "f:1");
}

TEST_CASE("a Service that says little has the defaults") {
    const ServiceSource source =
        only<ServiceSource>("kind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n");
    Service expected;
    expected.key = {"default", "a"};
    expected.ports = {{.port = 80}};
    CHECK(source.service == expected);
    CHECK(source.service.affinity_timeout_s == 10800);
    CHECK(source.allocate_node_ports);
    CHECK(only<ServiceSource>("kind: Service\nmetadata: {name: a}\nspec: {clusterIP: None}\n")
              .service.headless);
    CHECK(only<ServiceSource>("kind: Service\nmetadata: {name: a}\nspec: {clusterIPs: [None]}\n")
              .service.headless);
    CHECK(only<ServiceSource>("kind: Service\nmetadata: {name: a}\n"
                              "spec: {clusterIP: '', ports: [{port: 1, nodePort: 0}]}\n")
              .service.cluster_ips.empty());
}

TEST_CASE("all fields of an EndpointSlice") {
    const auto slice = only<EndpointSlice>(R"(apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  namespace: shop
  labels: {kubernetes.io/service-name: web}
  annotations: {endpoints.kubernetes.io/last-change-trigger-time: "2024-05-01T10:00:00.25Z"}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}, {name: none}]
endpoints:
- addresses: [10.1.0.1, 10.1.0.2]
  conditions: {ready: false, serving: true, terminating: true}
  hostname: h
  nodeName: n
  zone: z
  targetRef: {kind: Pod, name: p}
  hints: {forZones: [{name: z1}], forNodes: [{name: n1}]}
- addresses: [10.1.0.3]
  targetRef: {kind: Other, name: o}
)");
    EndpointSlice expected;
    expected.key = {"shop", "web-1"};
    expected.labels = {{"kubernetes.io/service-name", "web"}};
    expected.service = "web";
    expected.change_trigger_ns = 1714557600'250'000'000;
    expected.ports = {{"http", Protocol::tcp, 8080}, {"none", Protocol::tcp, 0}};
    expected.endpoints = {{.addresses = {ip("10.1.0.1"), ip("10.1.0.2")},
                           .hostname = "h",
                           .node_name = "n",
                           .zone = "z",
                           .pod_name = "p",
                           .ready = false,
                           .serving = true,
                           .terminating = true,
                           .hint_zones = {"z1"},
                           .hint_nodes = {"n1"}},
                          {.addresses = {ip("10.1.0.3")}}};
    CHECK(slice == expected);
    CHECK(yaml("kind: EndpointSlice\nmetadata: {name: a}\naddressType: FQDN\n"
               "endpoints: [{addresses: [a.example]}]\n")
              .objects.empty());
}

TEST_CASE("all fields of a Pod, and when it is ready") {
    const PodSource source = only<PodSource>(R"(kind: Pod
metadata: {name: p, namespace: n, labels: {a: b}, deletionTimestamp: "2024-05-01T10:00:00Z"}
spec:
  hostname: h
  subdomain: s
  nodeName: n1
  hostNetwork: true
  containers: [{ports: [{name: web, containerPort: 80}, {containerPort: 53, protocol: UDP}]}, {}]
  initContainers:
  - {ports: [{name: gone, containerPort: 1}]}
  - {restartPolicy: Always, ports: [{name: side, containerPort: 2}]}
status:
  phase: Running
  podIP: 10.1.0.1
  podIPs: [{ip: 10.1.0.1}, {ip: "fd00::1"}]
  conditions: [{type: Initialized, status: "False"}, {type: Ready, status: "True"}]
)");
    Pod expected;
    expected.key = {"n", "p"};
    expected.labels = {{"a", "b"}};
    expected.ips = {ip("10.1.0.1"), ip("fd00::1")};
    expected.hostname = "h";
    expected.subdomain = "s";
    expected.node_name = "n1";
    expected.host_network = true;
    expected.ready = true;
    expected.terminating = true;
    expected.ports = {
        {"web", Protocol::tcp, 80}, {"", Protocol::udp, 53}, {"side", Protocol::tcp, 2}};
    CHECK(source.pod == expected);
    CHECK_FALSE(source.assumed_ready);

    struct Case {
        const char* status;
        bool ready, assumed, finished;
    };
    for (const Case& row : std::vector<Case>{
             {"{podIP: 10.1.0.1}", true, true, false},
             {"{podIP: 10.1.0.1, phase: Running}", true, true, false},
             {"{podIP: 10.1.0.1, phase: Pending}", false, false, false},
             {"{podIP: 10.1.0.1, phase: Failed}", false, false, true},
             {"{podIP: 10.1.0.1, phase: Succeeded}", false, false, true},
             {"{podIP: 10.1.0.1, conditions: [{type: Ready, status: 'False'}]}", false, false,
              false},
             {"{podIP: 10.1.0.1, conditions: [{type: Other, status: 'True'}]}", false, false,
              false},
             {"{podIP: 10.1.0.1, conditions: []}", true, true, false},
             {"{}", false, false, false},
         }) {
        CAPTURE(row.status);
        const PodSource pod = only<PodSource>(
            std::string{"kind: Pod\nmetadata: {name: p}\nstatus: "} + row.status + "\n");
        CHECK(pod.pod.ready == row.ready);
        CHECK(pod.assumed_ready == row.assumed);
        CHECK(pod.pod.finished == row.finished);
    }
}

TEST_CASE("all fields of a Node and a Namespace") {
    const auto node = only<Node>(R"(kind: Node
metadata: {name: n1, labels: {z: a}, deletionTimestamp: "2024-05-01T10:00:00Z"}
spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24, "fd00::/64"]}
status:
  addresses:
  - {type: Hostname, address: n1}
  - {type: ExternalIP, address: 198.51.100.1}
  - {type: InternalIP, address: 192.0.2.1}
)");
    CHECK(node == Node{.key = {"", "n1"},
                       .labels = {{"z", "a"}},
                       .pod_cidrs = {*Cidr::parse("10.1.0.0/24"), *Cidr::parse("fd00::/64")},
                       .addresses = {ip("192.0.2.1"), ip("198.51.100.1")},
                       .deleting = true});
    const auto tainted = [](std::string_view key) {
        return only<Node>("kind: Node\nmetadata: {name: n}\nspec: {taints: [{key: other, effect: "
                          "NoSchedule}, {key: " +
                          std::string{key} + ", effect: NoSchedule}]}\n")
            .deleting;
    };
    CHECK(tainted("ToBeDeletedByClusterAutoscaler"));
    CHECK_FALSE(tainted("DeletionCandidateOfClusterAutoscaler"));
    CHECK(only<Node>("kind: Node\nmetadata: {name: n}\nspec: {podCIDR: 10.1.0.0/24}\n").pod_cidrs ==
          std::vector{*Cidr::parse("10.1.0.0/24")});
    CHECK(only<services::Namespace>("kind: Namespace\nmetadata: {name: n, labels: {a: b}}\n") ==
          services::Namespace{.key = {"", "n"}, .labels = {{"a", "b"}}});
}

TEST_CASE("lists, several documents, other kinds and JSON") {
    const std::string_view service = "metadata: {name: a}, spec: {ports: [{port: 1}]}";
    const auto count = [](std::string_view text, bool json = false) {
        const Decoded decoded = decode_text(text, "f", json);
        CHECK(decoded.problems == std::vector<std::string>{});
        return decoded.objects.size();
    };
    const std::string item = "{kind: Service, " + std::string{service} + "}";
    CHECK(count("kind: List\nitems: [" + item + ", {kind: Pod, metadata: {name: p}}]\n") == 2);
    CHECK(count("kind: ServiceList\napiVersion: v1\nitems: [{" + std::string{service} + "}]\n") ==
          1);
    CHECK(count("kind: PodList\nitems: []\n") == 0);
    CHECK(count("kind: List\nitems: [{kind: List, items: [" + item + "]}]\n") == 1);
    CHECK(count("kind: Deployment\nmetadata: {name: 5}\n") == 0);
    CHECK(count("kind: Service\napiVersion: serving.knative.dev/v1\nmetadata: {name: k}\n") == 0);
    CHECK(count("kind: Namespace\nmetadata: {name: a}\n---\n# none\n---\nkind: Node\n"
                "metadata: {name: b}\n") == 2);
    CHECK(count(R"({"kind":"List","items":[{"kind":"Node","metadata":{"name":"n"}}]})", true) == 1);
    CHECK(count("") == 0);
}

TEST_CASE("UTF-16 is refused by its name") {
    for (const bool json : {false, true}) {
        for (const std::string_view text : {"\xFF\xFEk\0i\0", "\xFE\xFF\0k\0i"}) {
            const Decoded decoded = decode_text(text, "f", json);
            CHECK(decoded.problems ==
                  std::vector<std::string>{"f:1: text in UTF-16, expected UTF-8"});
            CHECK(decoded.objects.empty());
        }
    }
}

TEST_CASE("what is wrong is named with its line, its place and what was expected") {
    struct Case {
        const char* text;
        std::vector<std::string> problems;
    };
    const std::string head = "kind: Service\nmetadata: {name: a}\nspec:\n";
    const std::vector<Case> services{
        {"  ports: [{port: eighty}]",
         {"f:4: spec.ports[0].port is 'eighty', expected a number from 1 to 65535"}},
        {"  ports: [{port: '80'}]",
         {"f:4: spec.ports[0].port is the text '80', expected a number from 1 to 65535"}},
        {"  ports: [{port: 0}]",
         {"f:4: spec.ports[0].port is '0', expected a number from 1 to 65535"}},
        {"  ports:\n  - port: 65536",
         {"f:5: spec.ports[0].port is '65536', expected a number from 1 to 65535"}},
        {"  ports: [{port: 80.5}]",
         {"f:4: spec.ports[0].port is '80.5', expected a number from 1 to 65535"}},
        {"  ports: [{name: x}]", {"f:4: spec.ports[0].port is missing, expected a port number"}},
        {"  ports: {port: 80}", {"f:4: spec.ports is a map, expected a list"}},
        {"  ports: [80]", {"f:4: spec.ports[0] is '80', expected a map"}},
        {"  type: ClusterIP", {"f:4: spec.ports is missing, expected at least one port"}},
        {"  ports: [{port: 1, protocol: tcp}]",
         {"f:4: spec.ports[0].protocol is 'tcp', expected one of TCP, UDP, SCTP"}},
        {"  ports: [{port: 1, nodePort: 70000}]",
         {"f:4: spec.ports[0].nodePort is '70000', expected a number from 0 to 65535"}},
        {"  ports: [{port: 1, targetPort: Web_1}]",
         {"f:4: spec.ports[0].targetPort is 'Web_1', expected a port number or the name of a "
          "container port"}},
        {"  ports: [{port: 1, name: A}]", {"f:4: spec.ports[0].name is 'A', expected a DNS label"}},
        {"  ports: [{port: 1}, {port: 2, name: b}]",
         {"f:4: spec.ports[0].name is missing, expected a name, since there are several ports"}},
        {"  ports: [{port: 1, name: b}, {port: 2, name: b}]",
         {"f:4: spec.ports[1].name is 'b' like another port's, expected a name of its own"}},
        {"  ports: [{port: 1, name: a}, {port: 1, name: b}]",
         {"f:4: spec.ports[1].port is 1 like another port's, expected one of its own"}},
        {"  ports: [{port: 1, name: a, nodePort: 30000}, {port: 2, name: b, nodePort: 30000}]",
         {"f:4: spec.ports[1].nodePort is 30000 like another port's, expected one of its own"}},
        {"  type: clusterip\n  ports: [{port: 1}]",
         {"f:4: spec.type is 'clusterip', expected one of ClusterIP, NodePort, LoadBalancer, "
          "ExternalName"}},
        {"  clusterIP: 10.0.0\n  ports: [{port: 1}]",
         {"f:4: spec.clusterIP is '10.0.0', expected an IP address"}},
        {"  clusterIPs: [10.0.0.1, 10.0.0.2]\n  ports: [{port: 1}]",
         {"f:4: spec.clusterIPs[1] is '10.0.0.2', expected one address of each family"}},
        {"  clusterIP: 10.0.0.2\n  clusterIPs: [10.0.0.1]\n  ports: [{port: 1}]",
         {"f:4: spec.clusterIP is '10.0.0.2', expected the first of clusterIPs, '10.0.0.1'"}},
        {"  clusterIP: 10.0.0.2\n  ipFamilies: [IPv6]\n  ports: [{port: 1}]",
         {"f:5: spec.ipFamilies is a list, expected the families of clusterIPs"}},
        {"  ipFamilies: [IPv4, IPv4]\n  ports: [{port: 1}]",
         {"f:4: spec.ipFamilies[1] is 'IPv4', expected each family once"}},
        {"  ipFamilyPolicy: Both\n  ports: [{port: 1}]",
         {"f:4: spec.ipFamilyPolicy is 'Both', expected one of SingleStack, PreferDualStack, "
          "RequireDualStack"}},
        {"  externalIPs: [x]\n  ports: [{port: 1}]",
         {"f:4: spec.externalIPs[0] is 'x', expected an IP address"}},
        {"  loadBalancerSourceRanges: [10.0.0.0/33]\n  ports: [{port: 1}]",
         {"f:4: spec.loadBalancerSourceRanges[0] is '10.0.0.0/33', expected a network such as "
          "10.0.0.0/8"}},
        {"  type: ExternalName",
         {"f:4: spec.externalName is missing, expected the DNS name that it "
          "stands for"}},
        {"  type: ExternalName\n  externalName: http://x",
         {"f:5: spec.externalName is 'http://x', expected the DNS name that it stands for"}},
        {"  sessionAffinity: Cookie\n  ports: [{port: 1}]",
         {"f:4: spec.sessionAffinity is 'Cookie', expected one of None, ClientIP"}},
        {"  sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}\n  ports: [{port: 1}]",
         {"f:4: spec.sessionAffinityConfig.clientIP.timeoutSeconds is '86401', expected a number "
          "from 1 to 86400"}},
        {"  publishNotReadyAddresses: maybe\n  ports: [{port: 1}]",
         {"f:4: spec.publishNotReadyAddresses is 'maybe', expected true or false"}},
        {"  selector: {app: 1}\n  ports: [{port: 1}]",
         {"f:4: spec.selector.app is '1', expected a string (in quotes)"}},
        {"  selector: {app: yes}\n  ports: [{port: 1}]",
         {"f:4: spec.selector.app is 'yes', expected a string (in quotes)"}},
        {"  selector: [a]\n  ports: [{port: 1}]", {"f:4: spec.selector is a list, expected a map"}},
        {"  ports: [{port: 1, nodePort: -1}]\n  externalIPs: [x]",
         {"f:4: spec.ports[0].nodePort is '-1', expected a number from 0 to 65535",
          "f:5: spec.externalIPs[0] is 'x', expected an IP address"}},
    };
    for (const Case& row : services) {
        CAPTURE(row.text);
        const Decoded decoded = yaml(head + row.text + "\n");
        CHECK(decoded.problems == row.problems);
        CHECK(decoded.objects.empty());
        CHECK(decoded.broken == std::vector<ObjectId>{{services::Kind::service, {"default", "a"}}});
        CHECK_FALSE(decoded.unknown_broken);
    }

    const std::vector<Case> others{
        {"kind: EndpointSlice\nmetadata: {name: a}\n",
         {"f:1: addressType is missing, expected IPv4 or IPv6"}},
        {"kind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv6\n"
         "endpoints:\n- addresses: [10.0.0.1]\n- addresses: []\n- hostname: h\n",
         {"f:5: endpoints[0].addresses[0] is '10.0.0.1', expected an address of addressType",
          "f:6: endpoints[1].addresses is a list, expected at least one address",
          "f:7: endpoints[2].addresses is missing, expected at least one address"}},
        {"kind: Pod\nmetadata: {name: a}\nspec: {containers: [{ports: [{name: x}]}]}\n"
         "status: {podIP: x}\n",
         {"f:3: spec.containers[0].ports[0].containerPort is missing, expected a port number",
          "f:4: status.podIP is 'x', expected an IP address"}},
        {"kind: Pod\nmetadata: {name: a}\nspec: {hostname: A.b}\n",
         {"f:3: spec.hostname is 'A.b', expected a DNS label"}},
        {"kind: Node\nmetadata: {name: a}\nspec: {podCIDRs: [x]}\n",
         {"f:3: spec.podCIDRs[0] is 'x', expected a network such as 10.0.0.0/8"}},
    };
    for (const Case& row : others) {
        CAPTURE(row.text);
        const Decoded decoded = yaml(row.text);
        CHECK(decoded.problems == row.problems);
        CHECK(decoded.broken.size() == 1);
    }
}

TEST_CASE("an object that cannot be told apart is broken without a name") {
    const std::vector<std::pair<const char*, const char*>> cases{
        {"kind: Service\nspec: {}\n", "f:1: metadata.name is missing, expected a name of "
                                      "lower-case letters, digits, '-' and '.'"},
        {"kind: Service\nmetadata: {name: 5}\n",
         "f:2: metadata.name is '5', expected a string (in quotes)"},
        {"kind: Service\nmetadata: {name: A}\n",
         "f:2: metadata.name is 'A', expected a name of lower-case letters, digits, '-' and '.'"},
        {"kind: Service\nmetadata: {name: a, namespace: b.c}\n",
         "f:2: metadata.namespace is 'b.c', expected a namespace name of lower-case letters, "
         "digits "
         "and '-'"},
        {"metadata: {name: a}\n", "f:1: kind is missing, expected the kind of object"},
        {"kind: [Service]\n", "f:1: kind is a list, expected a string"},
        {"- a\n", "f:1: document is a list, expected a map with kind and metadata"},
        {"kind: List\nitems: {}\n", "f:2: items is a map, expected a list"},
        {"kind: List\nitems:\n- 5\n",
         "f:3: items[0] is '5', expected a map with kind and metadata"},
        {"kind: List\nitems: [{kind: List, items: [{kind: List, items: []}]}]\n",
         "f:2: List inside a List inside a List, expected the objects"},
        {"kind: Service\nmetadata: {name: a, [\n", nullptr},
    };
    for (const auto& [text, problem] : cases) {
        CAPTURE(text);
        const Decoded decoded = yaml(text);
        REQUIRE(decoded.problems.size() == 1);
        if (problem != nullptr) CHECK(decoded.problems[0] == problem);
        CHECK(decoded.unknown_broken);
        CHECK(decoded.broken.empty());
    }
}

TEST_CASE("one wrong item of a List leaves the others") {
    const Decoded decoded =
        yaml("kind: List\nitems:\n"
             "- {kind: Service, metadata: {name: a}, spec: {ports: [{port: x}]}}\n"
             "- {kind: Service, metadata: {name: b}, spec: {ports: [{port: 1}]}}\n");
    CHECK(decoded.problems ==
          std::vector<std::string>{
              "f:3: items[0].spec.ports[0].port is 'x', expected a number from 1 to 65535"});
    REQUIRE(decoded.objects.size() == 1);
    CHECK(id_of(decoded.objects[0]).key.name == "b");
    CHECK(decoded.lines == std::vector<std::uint32_t>{4});
}

TEST_CASE("limits, at the edge and one beyond") {
    struct Case {
        const char* what;
        std::string before, each, after;
        std::size_t most;
    };
    const std::vector<Case> cases{
        {"endpoints", "kind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv4\nendpoints:\n",
         "- {addresses: [10.0.0.1]}\n", "", FieldLimits{}.endpoints_max},
        {"slice ports", "kind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv4\nports:\n",
         "- {port: 1}\n", "", FieldLimits{}.ports_max},
        {"external addresses",
         "kind: Service\nmetadata: {name: a}\nspec:\n  ports: [{port: 1}]\n  externalIPs:\n",
         "  - 192.0.2.1\n", "", FieldLimits{}.addresses_max},
        {"containers", "kind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n", "  - {}\n", "",
         containers_max},
    };
    for (const Case& row : cases) {
        CAPTURE(row.what);
        CHECK(yaml(row.before + repeated(row.each, row.most) + row.after).problems.empty());
        const Decoded over = yaml(row.before + repeated(row.each, row.most + 1) + row.after);
        REQUIRE(over.problems.size() == 1);
        CHECK_THAT(over.problems[0],
                   Catch::Contains("has more than " + std::to_string(row.most) + " entries"));
    }
    std::string ports = "kind: Service\nmetadata: {name: a}\nspec:\n  ports:\n";
    for (std::size_t i = 1; i <= FieldLimits{}.ports_max; ++i)
        ports += "  - {name: p" + std::to_string(i) + ", port: " + std::to_string(i) + "}\n";
    CHECK(yaml(ports).problems.empty());
    CHECK(yaml(ports + "  - {name: x, port: 9999}\n").problems.size() == 1);
    const std::string long_name(63, 'a');
    const auto service = [](const std::string& name) {
        return "kind: Service\nmetadata: {name: " + name + "}\nspec: {ports: [{port: 1}]}\n";
    };
    CHECK(yaml(service(long_name)).problems.empty());
    CHECK(yaml(service(long_name + "a")).problems.size() == 1);
}
