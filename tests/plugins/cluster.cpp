#include "cluster.hpp"

#include "plugins/kubernetes/kubernetes.hpp"

#include <catch2/catch.hpp>

#include <charconv>
#include <utility>

namespace nameplane::test {

using namespace nameplane::services;

namespace {

constexpr std::array kinds{Kind::service, Kind::endpoint_slice, Kind::pod, Kind::node,
                           Kind::namespace_};

ObjectKey key_of(std::string_view text) {
    const std::size_t slash = text.find('/');
    REQUIRE(slash != std::string_view::npos);
    return {std::string{text.substr(0, slash)}, std::string{text.substr(slash + 1)}};
}

IpAddress address_of(std::string_view text) {
    INFO(text);
    const auto address = IpAddress::parse(text);
    REQUIRE(address.has_value());
    return *address;
}

struct PortText {
    std::string name;
    Protocol protocol = Protocol::tcp;
    std::uint16_t number = 0;
};

PortText port_of(std::string_view text) {
    const std::size_t first = text.find('/');
    const std::size_t second = text.find('/', first + 1);
    PortText port{.name = std::string{text.substr(0, first)}};
    const std::string_view protocol = text.substr(first + 1, second - first - 1);
    if (protocol == "udp") port.protocol = Protocol::udp;
    if (protocol == "sctp") port.protocol = Protocol::sctp;
    const std::string_view number = text.substr(second + 1);
    std::from_chars(number.data(), number.data() + number.size(), port.number);
    return port;
}

}  // namespace

Cluster::Cluster(StoreOptions options)
    : store_{std::make_unique<Store>(std::move(options), clock_)} {
    for (const Kind kind : kinds) put(BeginList{kind});
    put(BeginList{Kind::service_import});
}

Cluster& Cluster::ns(std::string name) {
    return put(Namespace{.key = {"", std::move(name)}, .labels = {}});
}

Cluster& Cluster::put(Event event) {
    const Status applied = store_->apply(std::move(event));
    REQUIRE(applied.has_value());
    return *this;
}

Cluster& Cluster::synced_without_imports() {
    for (const Kind kind : kinds) put(EndList{kind});
    return *this;
}

Cluster& Cluster::synced() {
    synced_without_imports();
    return put(EndList{Kind::service_import});
}

ServicePort service_port(std::string_view text) {
    PortText port = port_of(text);
    ServicePort out;
    out.name = std::move(port.name);
    out.protocol = port.protocol;
    out.port = port.number;
    return out;
}

EndpointPort endpoint_port(std::string_view text) {
    PortText port = port_of(text);
    return {std::move(port.name), port.protocol, port.number};
}

Service service(std::string_view key, const std::vector<std::string>& ips,
                const std::vector<std::string>& ports) {
    Service out;
    out.key = key_of(key);
    out.headless = ips == std::vector<std::string>{"None"};
    if (!out.headless) {
        for (const std::string& ip : ips) out.cluster_ips.push_back(address_of(ip));
    }
    for (const std::string& port : ports) out.ports.push_back(service_port(port));
    return out;
}

Service external_name(std::string_view key, std::string target) {
    Service out;
    out.key = key_of(key);
    out.type = ServiceType::external_name;
    out.external_name = std::move(target);
    return out;
}

Endpoint endpoint(std::string_view text) {
    Endpoint out;
    if (text.starts_with('!')) {
        out.ready = false;
        text.remove_prefix(1);
    }
    if (const std::size_t at = text.find('~'); at != text.npos) {
        out.pod_name = text.substr(at + 1);
        text = text.substr(0, at);
    }
    if (const std::size_t at = text.find('='); at != text.npos) {
        out.hostname = text.substr(at + 1);
        text = text.substr(0, at);
    }
    out.addresses.push_back(address_of(text));
    return out;
}

EndpointSlice slice(std::string_view key, std::string_view suffix,
                    const std::vector<std::string>& endpoints,
                    const std::vector<std::string>& ports) {
    EndpointSlice out;
    out.key = key_of(key);
    out.service = out.key.name;
    out.key.name += suffix;
    for (const std::string& text : endpoints) out.endpoints.push_back(endpoint(text));
    out.family = out.endpoints.empty() ? Family::ipv4 : out.endpoints[0].addresses[0].family();
    for (const std::string& text : ports) out.ports.push_back(endpoint_port(text));
    return out;
}

Pod pod(std::string_view key, const std::vector<std::string>& ips) {
    Pod out;
    out.key = key_of(key);
    for (const std::string& ip : ips) out.ips.push_back(address_of(ip));
    return out;
}

std::shared_ptr<const Snapshot> example_cluster() {
    // Kept alive with the snapshot's strings: the store outlives what it made.
    static const std::unique_ptr<Cluster> cluster = [] {
        auto made = std::make_unique<Cluster>();
        Cluster& c = *made;
        c.ns("testns").ns("other").ns("pods").ns("kube-system").ns("empty");
        // Services with addresses of their own.
        c.put(service("testns/svc1", {"10.0.0.1"}, {"http/tcp/80"}));
        c.put(slice("testns/svc1", "-a", {"172.0.0.1", "172.0.0.9=named", "!172.0.0.8"},
                    {"http/tcp/8080"}));
        c.put(service("testns/svcmulti", {"10.0.0.2"},
                      {"http/tcp/80", "https/tcp/443", "metrics/tcp/80", "gossip/udp/7946"}));
        c.put(service("testns/svcdual", {"10.0.0.3", "fd00:10::3"}, {"http/tcp/80"}));
        c.put(service("testns/svc6", {"fd00:10::6"}, {"http/tcp/80"}));
        c.put(service("testns/svcunnamed", {"10.0.0.4"}, {"/tcp/5432"}));
        c.put(service("testns/svcnoports", {"10.0.0.5"}, {}));
        c.put(service("testns/dns", {"10.0.0.7"}, {"dns/udp/53", "dns-tcp/tcp/53"}));
        c.put(service("testns/sig", {"10.0.0.8"}, {"ss7/sctp/2905"}));
        Service node_port = service("testns/np", {"10.0.0.9"}, {"http/tcp/80"});
        node_port.type = ServiceType::node_port;
        c.put(node_port);
        Service balanced = service("testns/lb", {"10.0.0.10"}, {"http/tcp/80"});
        balanced.type = ServiceType::load_balancer;
        balanced.ingress.push_back({address_of("192.0.2.10"), IpMode::vip});
        c.put(balanced);
        c.put(service("testns/noip", {}, {"http/tcp/80"}));
        c.put(service("other/svc1", {"10.0.0.11"}, {"http/tcp/80"}));
        // Headless ones.
        c.put(service("testns/hdls1", {"None"}, {"http/tcp/80"}));
        c.put(slice(
            "testns/hdls1", "-a",
            {"172.0.0.2", "172.0.0.3", "172.0.0.4=dup-name", "172.0.0.5=dup-name", "!172.0.0.99"},
            {"http/tcp/80"}));
        c.put(slice("testns/hdls1", "-b", {"172.0.0.3"}, {"http/tcp/80"}));
        c.put(
            slice("testns/hdls1", "-c", {"5678:abcd::1", "5678:abcd::2=v6-name"}, {"http/tcp/80"}));
        c.put(service("testns/hdls6", {"None"}, {"http/tcp/80"}));
        c.put(slice("testns/hdls6", "-a", {"fd00::", "fd00::1"}, {"http/tcp/80"}));
        c.put(service("testns/hdlsnone", {"None"}, {"http/tcp/80"}));
        c.put(service("testns/hdlsnotready", {"None"}, {"http/tcp/80"}));
        c.put(
            slice("testns/hdlsnotready", "-a", {"!172.0.1.1", "!172.0.1.2=gone"}, {"http/tcp/80"}));
        c.put(service("testns/hdlsnoports", {"None"}, {}));
        c.put(slice("testns/hdlsnoports", "-a", {"172.0.2.1"}, {}));
        c.put(service("testns/hdlsports", {"None"}, {"http/tcp/80", "dns/udp/53"}));
        c.put(slice("testns/hdlsports", "-a", {"172.0.3.1=both"},
                    {"http/tcp/8080", "dns/udp/5353", "dns-tcp/tcp/5353", "later/tcp/0"}));
        c.put(slice("testns/hdlsports", "-b", {"172.0.3.2=web"}, {"http/tcp/8081"}));
        c.put(service("testns/hdlsdual", {"None"}, {"http/tcp/80"}));
        c.put(slice("testns/hdlsdual", "-4", {"172.0.4.1=web-0", "172.0.4.2=web-1"},
                    {"http/tcp/80"}));
        c.put(slice("testns/hdlsdual", "-6", {"fd00:4::1=web-0"}, {"http/tcp/80"}));
        c.put(service("testns/hdlspods", {"None"}, {"http/tcp/80"}));
        c.put(slice("testns/hdlspods", "-a", {"172.0.5.1~web-abc", "172.0.5.2=host~web-def"},
                    {"http/tcp/80"}));
        // Names for other names.
        c.put(external_name("testns/external", "ext.interwebs.test"));
        c.put(external_name("testns/external-dot", "Ext.Interwebs.Test."));
        c.put(external_name("testns/to-svc1", "svc1.testns.svc.cluster.local"));
        c.put(external_name("testns/to-upper", "SVC1.testns.svc.Cluster.Local"));
        c.put(external_name("testns/to-dual", "svcdual.testns.svc.cluster.local"));
        c.put(external_name("testns/to-hdls", "hdlsdual.testns.svc.cluster.local"));
        c.put(external_name("testns/to-endpoint", "web-0.hdlsdual.testns.svc.cluster.local"));
        c.put(external_name("testns/to-ns", "ns.dns.cluster.local"));
        c.put(external_name("testns/to-missing", "missing.testns.svc.cluster.local"));
        c.put(external_name("testns/to-to-svc1", "to-svc1.testns.svc.cluster.local"));
        c.put(external_name("testns/to-external", "external.testns.svc.cluster.local"));
        c.put(external_name("testns/to-self", "to-self.testns.svc.cluster.local"));
        c.put(external_name("testns/to-below", "a.to-below.testns.svc.cluster.local"));
        c.put(external_name("testns/loop-a", "loop-b.testns.svc.cluster.local"));
        c.put(external_name("testns/loop-b", "loop-a.testns.svc.cluster.local"));
        c.put(external_name("testns/to-address", "192.0.2.1"));
        c.put(external_name("testns/to-address6", "2001:db8::1"));
        for (int i = 0; i < 12; ++i) {
            c.put(external_name("testns/chain-" + std::to_string(i),
                                (i < 11 ? "chain-" + std::to_string(i + 1) : std::string{"svc1"}) +
                                    ".testns.svc.cluster.local"));
        }
        // Pods.
        c.put(pod("pods/one", {"10.240.0.1", "fd00:240::1"}));
        c.put(pod("pods/six", {"fd00:240::6"}));
        Pod leaving = pod("pods/leaving", {"10.240.0.7"});
        leaving.terminating = true;
        c.put(leaving);
        Pod finished = pod("pods/finished", {"10.240.0.8"});
        finished.finished = true;
        c.put(finished);
        // The DNS Service itself.
        c.put(service("kube-system/dns-service", {"10.0.0.53", "fd00:10::53"}, {"dns/udp/53"}));
        c.put(slice("kube-system/dns-service", "-a", {"10.250.0.1", "10.250.0.2"}, {"dns/udp/53"}));
        c.put(service("kube-system/dns-headless", {"None"}, {"dns/udp/53"}));
        c.put(slice("kube-system/dns-headless", "-a", {"10.250.0.1=dns-0", "10.250.0.3"},
                    {"dns/udp/53"}));
        c.synced();
        return made;
    }();
    return cluster->snapshot();
}

Result<PluginPtr> make_kubernetes(const PluginOptions& given) {
    std::vector<dns::Name> zones;
    for (const std::string& zone : given.zones) zones.push_back(*dns::Name::parse(zone));
    std::vector<IpAddress> own;
    for (const std::string& text : given.own_addresses) own.push_back(address_of(text));
    // Counters outlive the plugins that hold them.
    static metrics::Registry registry{1};
    const bool synced = given.synced;
    Setup setup{.zones = zones,
                .metrics = registry,
                .own_addresses = own,
                .headless_elsewhere = given.headless_elsewhere,
                .services_synced = [synced] { return synced; }};
    Options options{plugins::Kubernetes::options};
    for (const auto& [name, value] : given.values) options.set(name, value);
    return plugins::Kubernetes::make(options, setup);
}

Example::Example(const PluginOptions& given) : Example{given, example_cluster()} {}

Example::Example(const PluginOptions& given, std::shared_ptr<const Snapshot> snapshot) {
    auto plugin = make_kubernetes(given);
    REQUIRE(plugin.has_value());
    plugin_ = std::move(plugin).value();
    asker_ = std::make_unique<Asker>(*plugin_, std::move(snapshot));
}

void Example::check(const std::vector<DnsCase>& rows) const {
    for (const DnsCase& row : rows) asker_->check(row);
}

std::string soa(const std::string& zone, unsigned ttl) {
    const std::string seconds = std::to_string(ttl);
    return zone + " " + seconds + " IN SOA ns.dns." + zone + " hostmaster." + zone +
           " 1502989566 7200 1800 86400 " + seconds;
}

Expected records(Lines answers, Lines additionals) {
    return {
        .answers = std::move(answers), .authorities = {}, .additionals = std::move(additionals)};
}
Expected nodata(std::string zone) {
    return {.answers = {}, .authorities = {soa(zone)}, .additionals = {}};
}
Expected nxdomain(std::string zone) {
    return {.rcode = "NXDOMAIN", .answers = {}, .authorities = {soa(zone)}, .additionals = {}};
}
Expected next() {
    return {.answers = {}, .authorities = {}, .additionals = {}, .next = true};
}

}  // namespace nameplane::test
