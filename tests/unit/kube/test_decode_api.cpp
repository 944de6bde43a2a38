// Decoding what an API server says: every field that is read, every way to be wrong, and that
// nothing of it stops the rest.
#include "kube/decode.hpp"
#include "kube/decode_api.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

using namespace nameplane;
using namespace nameplane::kube;
using services::EndpointSlice;
using services::IpMode;
using services::Kind;
using services::Namespace;
using services::Node;
using services::Pod;
using services::Protocol;
using services::Service;
using services::ServiceType;
using services::TrafficPolicy;
using State = ApiObject::State;

namespace {

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

/// Decodes from a block of its own, so that a sanitizer sees reads outside of it.
ApiObject item(Kind kind, std::string_view text) {
    const std::string block{text};
    ApiDecoder decoder;
    return decoder.item(kind, block);
}
ApiEvent event(Kind kind, std::string_view text) {
    const std::string block{text};
    ApiDecoder decoder;
    return decoder.event(kind, block);
}
template <class T> T read(Kind kind, std::string_view text) {
    const ApiObject object = item(kind, text);
    CAPTURE(object.reason);
    REQUIRE(object.state == State::read);
    REQUIRE(std::holds_alternative<T>(*object.put));
    return std::get<T>(*object.put);
}

// As kube-apiserver 1.35 prints them, with managedFields.

constexpr std::string_view service_text = R"({
"kind":"Service","apiVersion":"v1",
"metadata":{"name":"front","namespace":"shop","uid":"0d1","resourceVersion":"512","generation":1,
 "creationTimestamp":"2026-01-31T12:00:00Z","labels":{"app":"front"},
 "annotations":{"note":"a \"quoted\" }{ note\n"},
 "managedFields":[{"manager":"kubectl","operation":"Update","apiVersion":"v1","time":"2026-01-31T12:00:00Z",
  "fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{}}}}}}]},
"spec":{"ports":[{"name":"http","protocol":"TCP","port":80,"targetPort":"http","nodePort":30080},
                 {"name":"dns","protocol":"UDP","appProtocol":"dns","port":53,"targetPort":5353,"nodePort":30053}],
 "selector":{"app":"front"},"clusterIP":"10.96.0.7","clusterIPs":["10.96.0.7","fd00::7"],"type":"LoadBalancer",
 "externalIPs":["192.0.2.1"],"sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":600}},
 "loadBalancerSourceRanges":[" 198.51.100.7/24 "],"externalTrafficPolicy":"Local","healthCheckNodePort":31000,
 "publishNotReadyAddresses":true,"ipFamilies":["IPv4","IPv6"],"ipFamilyPolicy":"RequireDualStack",
 "allocateLoadBalancerNodePorts":true,"internalTrafficPolicy":"Local","trafficDistribution":"PreferSameZone",
 "aFieldOfTomorrow":{"x":[1,2.5,null]}},
"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.9","ipMode":"Proxy"},{"hostname":"lb.example"}]},"conditions":[]}})";

constexpr std::string_view slice_text = R"({
"metadata":{"name":"front-abcde","generateName":"front-","namespace":"shop","resourceVersion":"520",
 "labels":{"endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io","kubernetes.io/service-name":"front"},
 "annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"2026-01-31T12:00:00.5Z"},
 "ownerReferences":[{"apiVersion":"v1","kind":"Service","name":"front","uid":"0d1","controller":true,"blockOwnerDeletion":true}],
 "managedFields":[{"manager":"kube-controller-manager","fieldsV1":{"f:endpoints":{}}}]},
"addressType":"IPv4",
"endpoints":[{"addresses":["10.244.0.5"],"conditions":{"ready":true,"serving":true,"terminating":false},"hostname":"web-0",
  "targetRef":{"kind":"Pod","namespace":"shop","name":"front-5d","uid":"9"},"nodeName":"node-1","zone":"zone-a",
  "hints":{"forZones":[{"name":"zone-a"}],"forNodes":[{"name":"node-1"}]}},
 {"addresses":["10.244.0.6"],"conditions":{"ready":false,"serving":true,"terminating":true}},
 {"addresses":["10.244.0.7"],"conditions":{}}],
"ports":[{"name":"http","protocol":"TCP","port":8080},{"name":"","protocol":"SCTP","port":null}]})";

constexpr std::string_view pod_text = R"({
"metadata":{"name":"front-5d","namespace":"shop","resourceVersion":"500","labels":{"app":"front"},"managedFields":[{}]},
"spec":{"volumes":[{"name":"kube-api-access","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607}}]}}],
 "containers":[{"name":"main","image":"none","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"resources":{}}],
 "restartPolicy":"Always","terminationGracePeriodSeconds":0,"nodeName":"node-1","hostNetwork":true,"hostname":"web-0","subdomain":"front"},
"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastProbeTime":null}],"podIP":"10.244.0.5",
 "podIPs":[{"ip":"10.244.0.5"},{"ip":"fd00:10:244::5"}],"qosClass":"BestEffort"}})";

constexpr std::string_view node_text = R"({
"metadata":{"name":"node-1","resourceVersion":"99","labels":{"topology.kubernetes.io/zone":"zone-a"},"managedFields":[{}]},
"spec":{"podCIDR":"10.244.0.0/24","podCIDRs":["10.244.0.0/24","fd00:10:244::/64"]},
"status":{"capacity":{"cpu":"2"},"addresses":[{"type":"ExternalIP","address":"203.0.113.1"},
 {"type":"InternalIP","address":"192.168.77.1"},{"type":"Hostname","address":"node-1"}],
 "images":[{"names":["a"],"sizeBytes":123456789012}]}})";

}  // namespace

TEST_CASE("a Service of the API") {
    const Service service = read<Service>(Kind::service, service_text);
    CHECK(service.key == services::ObjectKey{"shop", "front"});
    CHECK(service.type == ServiceType::load_balancer);
    CHECK(service.cluster_ips == std::vector{ip("10.96.0.7"), ip("fd00::7")});
    CHECK(service.external_ips == std::vector{ip("192.0.2.1")});
    REQUIRE(service.ingress.size() == 1);
    CHECK(service.ingress[0].address == ip("203.0.113.9"));
    CHECK(service.ingress[0].mode == IpMode::proxy);
    CHECK(service.ingress_hostnames == std::vector<std::string>{"lb.example"});
    CHECK(service.source_ranges == std::vector{*Cidr::parse("198.51.100.7/24")});
    REQUIRE(service.ports.size() == 2);
    CHECK(service.ports[0] ==
          services::ServicePort{
              .name = "http", .port = 80, .node_port = 30080, .target = {.name = "http"}});
    CHECK(service.ports[1] == services::ServicePort{.name = "dns",
                                                    .protocol = Protocol::udp,
                                                    .port = 53,
                                                    .node_port = 30053,
                                                    .target = {.number = 5353}});
    CHECK(service.client_ip_affinity);
    CHECK(service.affinity_timeout_s == 600);
    CHECK(service.external_policy == TrafficPolicy::local);
    CHECK(service.internal_policy == TrafficPolicy::local);
    CHECK(service.health_check_node_port == 31000);
    CHECK_FALSE(service.headless);
    CHECK_FALSE(service.foreign_proxy);
    CHECK(item(Kind::service, service_text).resource_version == "512");
}

TEST_CASE("an object means the same in a manifest and in the API") {
    struct Case {
        Kind kind;
        std::string_view head;
        std::string_view text;
    };
    const auto [kind, head, text] = GENERATE(values<Case>({
        {Kind::service, R"({"kind":"Service","apiVersion":"v1",)", service_text},
        {Kind::endpoint_slice, R"({"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1",)",
         slice_text},
        {Kind::pod, R"({"kind":"Pod","apiVersion":"v1",)", pod_text},
        {Kind::node, R"({"kind":"Node","apiVersion":"v1",)", node_text},
    }));
    // A list's items do not say what they are; a Service's text here does.
    const std::size_t metadata = text.find("\"metadata\"");
    const std::string whole = std::string{head} + std::string{text.substr(metadata)};
    const Decoded decoded = decode_text(whole, "f", true);
    REQUIRE(decoded.problems.empty());
    REQUIRE(decoded.objects.size() == 1);
    struct Plain {
        services::Event operator()(const ServiceSource& s) const { return s.service; }
        services::Event operator()(const PodSource& p) const { return p.pod; }
        services::Event operator()(const EndpointSlice& s) const { return s; }
        services::Event operator()(const Node& n) const { return n; }
        services::Event operator()(const Namespace& n) const { return n; }
        services::Event operator()(const services::ServiceImport& i) const { return i; }
        services::Event operator()(const services::ServiceCidr& c) const { return c; }
    };
    const services::Event of_manifest = std::visit(Plain{}, decoded.objects[0]);
    const ApiObject of_api = item(kind, text);
    REQUIRE(of_api.put);
    REQUIRE(of_manifest.index() == of_api.put->index());
    const auto same = [&]<class T>(const T* object) {
        return object != nullptr && *object == std::get<T>(*of_api.put);
    };
    CHECK((same(std::get_if<Service>(&of_manifest)) ||
           same(std::get_if<EndpointSlice>(&of_manifest)) || same(std::get_if<Pod>(&of_manifest)) ||
           same(std::get_if<Node>(&of_manifest))));
}

TEST_CASE("an EndpointSlice of the API") {
    const EndpointSlice slice = read<EndpointSlice>(Kind::endpoint_slice, slice_text);
    CHECK(slice.key == services::ObjectKey{"shop", "front-abcde"});
    CHECK(slice.service == "front");
    CHECK(slice.change_trigger_ns == 1769860800500000000);
    CHECK(slice.ports == std::vector<services::EndpointPort>{{"http", Protocol::tcp, 8080},
                                                             {"", Protocol::sctp, 0}});
    REQUIRE(slice.endpoints.size() == 3);
    CHECK(slice.endpoints[0] == services::Endpoint{.addresses = {ip("10.244.0.5")},
                                                   .hostname = "web-0",
                                                   .node_name = "node-1",
                                                   .zone = "zone-a",
                                                   .pod_name = "front-5d",
                                                   .hint_zones = {"zone-a"},
                                                   .hint_nodes = {"node-1"}});
    CHECK_FALSE(slice.endpoints[1].ready);
    CHECK(slice.endpoints[1].terminating);
    CHECK(slice.endpoints[2].ready);
    CHECK(slice.endpoints[2].serving);
}

TEST_CASE("a Pod, a Node and a Namespace of the API") {
    const Pod pod = read<Pod>(Kind::pod, pod_text);
    CHECK(pod.ips == std::vector{ip("10.244.0.5"), ip("fd00:10:244::5")});
    CHECK(pod.ready);
    CHECK(pod.host_network);
    CHECK_FALSE(pod.finished);
    CHECK(pod.hostname == "web-0");
    const Node node = read<Node>(Kind::node, node_text);
    CHECK(node.key == services::ObjectKey{"", "node-1"});
    CHECK(node.labels.at("topology.kubernetes.io/zone") == "zone-a");
    CHECK(node.addresses == std::vector{ip("192.168.77.1"), ip("203.0.113.1")});
    CHECK(node.pod_cidrs.size() == 2);
    const Namespace ns = read<Namespace>(
        Kind::namespace_,
        R"({"metadata":{"name":"shop","labels":{"a":"b"}},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}})");
    CHECK(ns.key == services::ObjectKey{"", "shop"});
}

TEST_CASE("a ServiceCIDR of the API") {
    const auto cidr = read<services::ServiceCidr>(
        Kind::service_cidr,
        R"({"apiVersion":"networking.k8s.io/v1","kind":"ServiceCIDR","metadata":{"name":"kubernetes"},)"
        R"("spec":{"cidrs":["10.96.0.0/16","fd00:10:96::/112"]},)"
        R"("status":{"conditions":[{"type":"Ready","status":"True"}]}})");
    CHECK(cidr.key == services::ObjectKey{"", "kubernetes"});
    CHECK(cidr.cidrs ==
          std::vector{*Cidr::parse("10.96.0.0/16"), *Cidr::parse("fd00:10:96::/112")});
    CHECK(read<services::ServiceCidr>(Kind::service_cidr, R"({"metadata":{"name":"a"}})")
              .cidrs.empty());
    CHECK(item(Kind::service_cidr, R"({"metadata":{"name":"a"},"spec":{"cidrs":["10.96.0.0/33"]}})")
              .reason.starts_with("spec.cidrs[0] is the text '10.96.0.0/33', expected"));
}

TEST_CASE("a ServiceImport of the API, and a slice of it") {
    const auto import = read<services::ServiceImport>(
        Kind::service_import,
        R"({"apiVersion":"multicluster.x-k8s.io/v1alpha1","kind":"ServiceImport",)"
        R"("metadata":{"name":"db","namespace":"shop"},"spec":{"type":"ClusterSetIP",)"
        R"("ips":["10.96.0.7","fd00::7"],"ports":[{"name":"pg","port":5432},)"
        R"({"protocol":"UDP","port":53}],"sessionAffinity":"None"},"status":{"clusters":[]}})");
    CHECK(import.key == services::ObjectKey{"shop", "db"});
    CHECK_FALSE(import.headless);
    CHECK(import.ips == std::vector{ip("10.96.0.7"), ip("fd00::7")});
    CHECK(import.ports ==
          std::vector<services::ServicePort>{{.name = "pg", .port = 5432},
                                             {.protocol = Protocol::udp, .port = 53}});
    CHECK(read<services::ServiceImport>(
              Kind::service_import,
              R"({"metadata":{"name":"a","namespace":"b"},"spec":{"type":"Headless"}})")
              .headless);
    const auto reason = [](const char* spec) {
        return item(Kind::service_import,
                    R"({"metadata":{"name":"a","namespace":"b"},"spec":)" + std::string{spec} + "}")
            .reason;
    };
    CHECK(reason(R"({"type":"Other"})") ==
          "spec.type is the text 'Other', expected one of ClusterSetIP, Headless");
    CHECK(reason(R"({"ips":["x"]})").starts_with("spec.ips[0] is the text 'x', expected"));
    CHECK(reason(R"({"ports":[{}]})") == "spec.ports[0].port is missing, expected a port number");
    CHECK(reason(R"({"ports":[{"name":"A b","port":1}]})") ==
          "spec.ports[0].name is the text 'A b', expected a DNS label");

    const auto slice = read<EndpointSlice>(
        Kind::endpoint_slice,
        R"({"metadata":{"name":"a","namespace":"b","labels":{"app":"web",)"
        R"("multicluster.kubernetes.io/service-name":"db",)"
        R"("multicluster.kubernetes.io/source-cluster":"c1"}},"addressType":"IPv4",)"
        R"("endpoints":[]})");
    CHECK(slice.service.empty());
    CHECK(slice.import == "db");
    CHECK(slice.cluster == "c1");
    CHECK(slice.labels.at("app") == "web");
    CHECK(slice.selected == services::not_judged);
}

TEST_CASE("what carries a label that no proxy of ours is meant says so, whatever its value") {
    const auto labelled = [](const std::string& label, const std::string& rest) {
        return R"({"metadata":{"name":"a","namespace":"b","labels":{)" + label + "}}," + rest;
    };
    const std::string service_rest = R"("spec":{"clusterIP":"None"}})";
    const std::string slice_rest = R"("addressType":"IPv4","endpoints":[]})";
    for (const std::string label : {R"("service.kubernetes.io/service-proxy-name":"x")",
                                    R"("service.kubernetes.io/service-proxy-name":"")",
                                    R"("service.kubernetes.io/headless":"")"}) {
        CAPTURE(label);
        const std::string text = labelled(label, service_rest);
        CHECK(read<Service>(Kind::service, text).foreign_proxy);
        const Decoded decoded = decode_text("{\"kind\":\"Service\"," + text.substr(1), "f", true);
        REQUIRE(decoded.objects.size() == 1);
        CHECK(std::get<ServiceSource>(decoded.objects[0]).service.foreign_proxy);
        CHECK(read<EndpointSlice>(Kind::endpoint_slice, labelled(label, slice_rest)).foreign_proxy);
    }
    const std::string other = R"("app":"x")";
    CHECK_FALSE(read<Service>(Kind::service, labelled(other, service_rest)).foreign_proxy);
    CHECK_FALSE(
        read<EndpointSlice>(Kind::endpoint_slice, labelled(other, slice_rest)).foreign_proxy);
}

TEST_CASE("an endpoint serves unless it says that it does not, ready or not") {
    const auto serving = [](const std::string& conditions) {
        const EndpointSlice slice = read<EndpointSlice>(
            Kind::endpoint_slice,
            R"({"metadata":{"name":"a","namespace":"b"},"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"],"conditions":)" +
                conditions + "}]}");
        return slice.endpoints.at(0).serving;
    };
    CHECK(serving(R"({"ready":false,"terminating":true})"));
    CHECK(serving(R"({"ready":false,"serving":null})"));
    CHECK_FALSE(serving(R"({"ready":true,"serving":false})"));
}

TEST_CASE("addresses may have the forms that API servers still take for old fields") {
    const Service service = read<Service>(
        Kind::service,
        R"({"metadata":{"name":"a","namespace":"b"},"spec":{"type":"LoadBalancer","clusterIP":"010.096.000.007",)"
        R"("clusterIPs":["010.096.000.007","FD00:10:96:0:000::ab"],"ipFamilies":["IPv4","IPv6"],"ports":[{"port":80}],)"
        R"("externalIPs":["::ffff:203.0.113.8","2001:0db8::0a00"],"loadBalancerSourceRanges":)"
        R"(["192.000.002.000/24","::ffff:198.18.0.0/111","::ffff:198.18.0.0/80","00ff::/016"]},)"
        R"("status":{"loadBalancer":{"ingress":[{"ip":"203.000.113.060"}]}}})");
    CHECK(service.cluster_ips == std::vector{ip("10.96.0.7"), ip("fd00:10:96::ab")});
    CHECK(service.external_ips == std::vector{ip("203.0.113.8"), ip("2001:db8::a00")});
    CHECK(service.source_ranges == std::vector{*Cidr::parse("192.0.2.0/24"),
                                               *Cidr::parse("198.18.0.0/15"), *Cidr::parse("::/80"),
                                               *Cidr::parse("ff::/16")});
    REQUIRE(service.ingress.size() == 1);
    CHECK(service.ingress[0].address == ip("203.0.113.60"));
    const EndpointSlice slice = read<EndpointSlice>(
        Kind::endpoint_slice,
        R"({"metadata":{"name":"a","namespace":"b"},"addressType":"IPv4","endpoints":[)"
        R"({"addresses":["010.244.002.001"]},{"addresses":["::ffff:10.244.2.2"]}]})");
    REQUIRE(slice.endpoints.size() == 2);
    CHECK(slice.endpoints[0].addresses == std::vector{ip("10.244.2.1")});
    CHECK(slice.endpoints[1].addresses == std::vector{ip("10.244.2.2")});
}

TEST_CASE("what an API server does not look at spoils nothing else") {
    const EndpointSlice slice = read<EndpointSlice>(
        Kind::endpoint_slice,
        R"({"metadata":{"name":"a","namespace":"b"},"addressType":"IPv4","ports":[{"name":"a","port":70000},)"
        R"({"name":"b","port":-1},{"name":"c","port":0},{"name":"d","port":65535}]})");
    CHECK(slice.ports == std::vector<services::EndpointPort>{{"a", Protocol::tcp, 0},
                                                             {"b", Protocol::tcp, 0},
                                                             {"c", Protocol::tcp, 0},
                                                             {"d", Protocol::tcp, 65535}});
    const Node node = read<Node>(
        Kind::node,
        R"({"metadata":{"name":"a"},"status":{"addresses":[{"type":"InternalIP","address":"nonsense"},)"
        R"({"type":"InternalIP","address":"192.168.077.001"}]}})");
    CHECK(node.addresses == std::vector{ip("192.168.77.1")});
}

TEST_CASE("a slice of host names is no slice of ours") {
    const ApiObject object = item(
        Kind::endpoint_slice,
        R"({"metadata":{"name":"a","namespace":"b"},"addressType":"FQDN","endpoints":[{"addresses":["x.example"]}]})");
    CHECK(object.state == State::ignored);
    CHECK_FALSE(object.put);
}

TEST_CASE("an object that is wrong is refused with its name and one reason") {
    struct Case {
        Kind kind;
        std::string_view text;
        std::string_view ns, name;
        std::string_view reason;
    };
    const auto service = [](std::string_view spec) {
        return R"({"metadata":{"name":"a","namespace":"b"},"spec":)" + std::string{spec} + "}";
    };
    static const std::string texts[] = {
        service("7"),
        service(R"({"ports":{}})"),
        service(R"({"ports":[5]})"),
        service(R"({"ports":[{"port":"80"}]})"),
        service(R"({"ports":[{"port":65536}]})"),
        service(R"({"ports":[{"port":0}]})"),
        service(R"({"ports":[{"port":-1}]})"),
        service(R"({"ports":[{"port":80.5}]})"),
        service(R"({"ports":[{"port":80,"protocol":"ICMP"}]})"),
        service(R"({"ports":[{"port":80,"name":5}]})"),
        service(R"({"ports":[{"port":80,"targetPort":"80"}]})"),
        service(R"({"ports":[{"port":80,"targetPort":true}]})"),
        service(R"({"type":"Carrier","ports":[{"port":80}]})"),
        service(R"({"type":3,"ports":[{"port":80}]})"),
        service(R"({"ipFamilyPolicy":{},"ports":[{"port":80}]})"),
        service(R"({"clusterIP":"10.0.0","ports":[{"port":80}]})"),
        service(R"({"clusterIPs":["10.0.0.1",2],"ports":[{"port":80}]})"),
        service(R"({"ports":[{"port":80}],"publishNotReadyAddresses":"true"})"),
        service(R"({"ports":[{"port":80}],"selector":{"a":1}})"),
        service(R"({"ports":[{"port":80}],"loadBalancerSourceRanges":["x"]})"),
        service(R"({"type":"ExternalName"})"),
        service("{}"),
    };
    const auto slice = [](std::string_view rest) {
        return R"({"metadata":{"name":"a","namespace":"b"},)" + std::string{rest} + "}";
    };
    static const std::string slices[] = {
        slice(R"("addressType":7)"),
        slice(R"("ports":[])"),
        slice(R"("addressType":"IPv4","endpoints":[{"addresses":["fd00::1"]}])"),
        slice(R"("addressType":"IPv4","endpoints":[{"addresses":[]}])"),
        slice(
            R"("addressType":"IPv4","endpoints":[{"addresses":["1.2.3.4"],"conditions":{"ready":1}}])"),
        slice(R"("addressType":"IPv4","endpoints":[{"addresses":["1.2.3.4"],"nodeName":[]}])"),
        slice(R"("addressType":"IPv4","endpoints":"no")"),
        slice(R"("addressType":"IPv4","endpoints":[null])"),
    };
    constexpr Kind s = Kind::service;
    constexpr Kind e = Kind::endpoint_slice;
    const Case test = GENERATE(values<Case>({
        {s, texts[0], "b", "a", "spec is '7', expected a map"},
        {s, texts[1], "b", "a", "spec.ports is a map, expected a list"},
        {s, texts[2], "b", "a", "spec.ports[0] is '5', expected a map"},
        {s, texts[3], "b", "a",
         "spec.ports[0].port is the text '80', expected a number from 1 to 65535"},
        {s, texts[4], "b", "a", "spec.ports[0].port is '65536', expected a number from 1 to 65535"},
        {s, texts[5], "b", "a", "spec.ports[0].port is '0', expected a number from 1 to 65535"},
        {s, texts[6], "b", "a", "spec.ports[0].port is '-1', expected a number from 1 to 65535"},
        {s, texts[7], "b", "a", "spec.ports[0].port is '80.5', expected a number from 1 to 65535"},
        {s, texts[8], "b", "a",
         "spec.ports[0].protocol is the text 'ICMP', expected one of TCP, UDP, SCTP"},
        {s, texts[9], "b", "a", "spec.ports[0].name is '5', expected a string (in quotes)"},
        {s, texts[10], "b", "a",
         "spec.ports[0].targetPort is the text '80', expected a port number or the name of a "
         "container port"},
        {s, texts[11], "b", "a",
         "spec.ports[0].targetPort is 'true', expected a port number or the name of a container "
         "port"},
        {s, texts[12], "b", "a",
         "spec.type is the text 'Carrier', expected one of ClusterIP, NodePort, LoadBalancer, "
         "ExternalName"},
        {s, texts[13], "b", "a",
         "spec.type is '3', expected one of ClusterIP, NodePort, LoadBalancer, ExternalName"},
        {s, texts[14], "b", "a",
         "spec.ipFamilyPolicy is a map, expected one of SingleStack, PreferDualStack, "
         "RequireDualStack"},
        {s, texts[15], "b", "a", "spec.clusterIP is the text '10.0.0', expected an IP address"},
        {s, texts[16], "b", "a", "spec.clusterIPs[1] is '2', expected an IP address"},
        {s, texts[17], "b", "a",
         "spec.publishNotReadyAddresses is the text 'true', expected true or false"},
        {s, texts[18], "b", "a", "spec.selector.a is '1', expected a string (in quotes)"},
        {s, texts[19], "b", "a",
         "spec.loadBalancerSourceRanges[0] is the text 'x', expected a network such as 10.0.0.0/8"},
        {s, texts[20], "b", "a",
         "spec.externalName is missing, expected the DNS name that it stands for"},
        {s, texts[21], "b", "a", "spec.ports is missing, expected at least one port"},
        {e, slices[0], "b", "a", "addressType is '7', expected one of IPv4, IPv6, FQDN"},
        {e, slices[1], "b", "a", "addressType is missing, expected IPv4 or IPv6"},
        {e, slices[2], "b", "a",
         "endpoints[0].addresses[0] is the text 'fd00::1', expected an address of addressType"},
        {e, slices[3], "b", "a", "endpoints[0].addresses is a list, expected at least one address"},
        {e, slices[4], "b", "a", "endpoints[0].conditions.ready is '1', expected true or false"},
        {e, slices[5], "b", "a", "endpoints[0].nodeName is a list, expected a string"},
        {e, slices[6], "b", "a", "endpoints is the text 'no', expected a list"},
        {e, slices[7], "b", "a", "endpoints[0] is empty, expected a map"},
        {Kind::pod, R"({"metadata":{"name":"a","namespace":"b"},"status":{"podIPs":[{"ip":"x"}]}})",
         "b", "a", "status.podIPs[0].ip is the text 'x', expected an IP address"},
        {Kind::pod, R"({"metadata":{"name":"a","namespace":"b"},"spec":{"hostNetwork":"no"}})", "b",
         "a", "spec.hostNetwork is the text 'no', expected true or false"},
        {Kind::node, R"({"metadata":{"name":"a"},"spec":{"podCIDRs":["10.0.0.0/40"]}})", "", "a",
         "spec.podCIDRs[0] is the text '10.0.0.0/40', expected a network such as 10.0.0.0/8"},
        {Kind::node, R"({"metadata":{"name":"a","labels":[]}})", "", "a",
         "metadata.labels is a list, expected a map"},
        {Kind::namespace_, R"({"metadata":{"name":"a","labels":{"x":{}}}})", "", "a",
         "metadata.labels.x is a map, expected a string"},
        {Kind::namespace_, R"({"metadata":{"name":"A b"}})", "", "A b",
         "metadata.name is the text 'A b', expected a name of lower-case letters, digits, '-' and "
         "'.'"},
        {Kind::namespace_, R"({"metadata":{}})", "", "", "metadata.name is missing"},
        {Kind::namespace_, R"({"metadata":{"name":["a"]}})", "", "",
         "metadata.name is a list, expected a string"},
        {Kind::namespace_, R"({"metadata":"a"})", "", "",
         "metadata is the text 'a', expected a map"},
        {Kind::namespace_, "{}", "", "", "metadata.name is missing"},
        {s, R"({"metadata":{"name":"a"},"spec":{}})", "", "a",
         "metadata.namespace is missing, expected the namespace it is in"},
        {s, R"({"metadata":{"name":"a.b","namespace":"b"},"spec":{"clusterIP":"None"}})", "b",
         "a.b", "metadata.name is the text 'a.b', expected a DNS label"},
        {s, R"({"kind":"Pod","metadata":{"name":"a","namespace":"b"}})", "b", "a",
         "kind is the text 'Pod', expected Service"},
        // No JSON, but still somebody's.
        {s,
         R"({"metadata":{"name":"a","namespace":"b"},"spec":{"ports":[{"port":99999999999999999999999}]}})",
         "b", "a", "not JSON"},
        {s, R"({"metadata":{"name":"a","namespace":"b"},"spec":tru})", "b", "a", "not JSON"},
        {s, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"},\"spec\":\"\xFF\"}", "b", "a",
         "not JSON"},
    }));
    CAPTURE(test.text);
    const ApiObject object = item(test.kind, test.text);
    CHECK(object.state == State::refused);
    CHECK(object.damaged == object.reason.starts_with("not JSON"));
    CHECK_FALSE(object.put);
    CHECK(object.key == services::ObjectKey{std::string{test.ns}, std::string{test.name}});
    CHECK(object.reason.substr(0, test.reason.size()) == test.reason);
}

TEST_CASE("what is no JSON and nobody's is garbage") {
    for (const std::string_view text :
         {"{tru}", "{\"metadata\":{\"name\":\"a\"},\"x\":tru}", "{\"a\"}"}) {
        CAPTURE(text);
        CHECK(item(Kind::service, text).state == State::garbage);
        CHECK(event(Kind::service, text).object.state == State::garbage);
    }
    CHECK(event(Kind::service, "{}").object.state == State::garbage);
    CHECK(event(Kind::service, R"({"type":7,"object":{}})").object.state == State::garbage);
}

TEST_CASE("limits of size") {
    std::string ports;
    for (int i = 1; i <= 3000; ++i)
        ports += (i == 1 ? "" : ",") + std::string{R"({"name":"p)"} + std::to_string(i) +
                 R"(","port":)" + std::to_string(i) + "}";
    const std::string spec =
        R"({"metadata":{"name":"a","namespace":"b"},"spec":{"ports":[)" + ports + "]}}";
    CHECK(read<Service>(Kind::service, spec).ports.size() == 3000);
    // Lists of allowed networks are long in places.
    std::string ranges;
    for (int i = 0; i < 600; ++i)
        ranges += (i == 0 ? "\"10." : ",\"10.") + std::to_string(i / 250) + "." +
                  std::to_string(i % 250) + ".0/24\"";
    const std::string guarded =
        R"({"metadata":{"name":"a","namespace":"b"},"spec":{"ports":[{"port":1}],"loadBalancerSourceRanges":[)" +
        ranges + "]}}";
    CHECK(read<Service>(Kind::service, guarded).source_ranges.size() == 600);
    std::string endpoints;
    for (int i = 0; i < 1001; ++i)
        endpoints += (i == 0 ? "" : ",") + std::string{R"({"addresses":["10.0.0.1"]})"};
    const ApiObject slice =
        item(Kind::endpoint_slice,
             R"({"metadata":{"name":"a","namespace":"b"},"addressType":"IPv4","endpoints":[)" +
                 endpoints + "]}");
    CHECK(slice.reason == "endpoints has more than 1000 entries, expected at most that many");
    // Deeper than anybody has a reason to go.
    std::string deep = R"({"metadata":{"name":"a","namespace":"b"},"x":)";
    deep += std::string(5000, '[') + std::string(5000, ']') + "}";
    CHECK(item(Kind::service, deep).state == State::refused);
    const std::string long_name =
        R"({"metadata":{"name":")" + std::string(100'000, 'a') + R"(","namespace":"b"}})";
    const ApiObject object = item(Kind::service, long_name);
    CHECK(object.state == State::refused);
    CHECK(object.key.name.size() == 253);
    CHECK(object.reason.size() < 300);
}

TEST_CASE("events of a watch") {
    const std::string slice{slice_text};
    const ApiEvent added =
        event(Kind::endpoint_slice, R"({"type":"ADDED","object":)" + slice + "}");
    CHECK(added.type == ApiEventType::added);
    CHECK(added.object.state == State::read);
    CHECK(added.object.resource_version == "520");
    const ApiEvent modified =
        event(Kind::endpoint_slice, R"({"object":)" + slice + R"(,"type":"MODIFIED"})");
    CHECK(modified.type == ApiEventType::modified);
    // A removal needs nothing but the name.
    const ApiEvent deleted = event(
        Kind::service,
        R"({"type":"DELETED","object":{"kind":"Service","metadata":{"name":"a","namespace":"b","resourceVersion":"9"},"spec":7}})");
    CHECK(deleted.object.state == State::read);
    CHECK(deleted.object.resource_version == "9");
    REQUIRE(deleted.object.put);
    REQUIRE(std::holds_alternative<services::Remove>(*deleted.object.put));
    CHECK(std::get<services::Remove>(*deleted.object.put).key == services::ObjectKey{"b", "a"});
    const ApiEvent bookmark = event(
        Kind::service,
        R"({"type":"BOOKMARK","object":{"kind":"Service","apiVersion":"v1","metadata":{"resourceVersion":"77","annotations":{"k8s.io/initial-events-end":"true"}},"spec":{},"status":{"loadBalancer":{}}}})");
    CHECK(bookmark.type == ApiEventType::bookmark);
    CHECK(bookmark.initial_events_end);
    CHECK(bookmark.object.resource_version == "77");
    CHECK_FALSE(event(Kind::service,
                      R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"77"}}})")
                    .initial_events_end);
    const ApiEvent error = event(
        Kind::service,
        R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1","reason":"Expired","code":410,"details":{
        "retryAfterSeconds" : 4}
}
})");
    CHECK(error.type == ApiEventType::error);
    CHECK(error.status.code == 410);
    CHECK(error.status.message == "too old resource version: 1");
    CHECK(error.status.retry_after == std::chrono::seconds{4});
    CHECK(event(Kind::service, R"({"type":"ERROR","object":{"code":"x","message":[],"details":3}})")
              .status.code == 0);
}

TEST_CASE("a broken removal with a name is a removal") {
    const ApiEvent broken = event(
        Kind::service,
        R"({"type":"DELETED","object":{"metadata":{"name":"a","namespace":"b","resourceVersion":"9"},"spec":tru}})");
    REQUIRE(broken.object.put);
    CHECK(std::holds_alternative<services::Remove>(*broken.object.put));
    const ApiEvent cut = ApiDecoder::event_over_long(
        Kind::service,
        R"({"type":"DELETED","object":{"metadata":{"name":"a","namespace":"b","x":")");
    REQUIRE(cut.object.put);
    const ApiEvent nameless =
        ApiDecoder::event_over_long(Kind::service, R"({"type":"DELETED","object":{"x":")");
    CHECK(nameless.object.state == State::refused);
    CHECK_FALSE(nameless.object.put);
}

TEST_CASE("the decoder gives back the memory of an absurd object") {
    ApiDecoder decoder;
    const std::string big =
        R"({"metadata":{"name":"a"},"x":")" + std::string(4'000'000, 'x') + "\"}";
    CHECK(decoder.item(Kind::namespace_, big).state == State::read);
    CHECK(decoder.item(Kind::namespace_, R"({"metadata":{"name":"b"}})").key.name == "b");
}

TEST_CASE("the metadata of a list") {
    ApiDecoder decoder;
    const auto metadata = decoder.list_metadata(
        R"({"resourceVersion":"12","continue":"abc","remainingItemCount":3})");
    REQUIRE(metadata);
    CHECK(metadata->resource_version == "12");
    CHECK(metadata->continue_token == "abc");
    CHECK_FALSE(decoder.list_metadata(""));
    CHECK_FALSE(decoder.list_metadata("[]"));
    CHECK(decoder.list_metadata(R"({"resourceVersion":12})")->resource_version.empty());
}
