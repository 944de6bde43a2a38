// Command lines with which distributions start kube-proxy, CoreDNS and node-cache: all are taken as
// they stand, and what is said of them is what somebody who changes the image should know.

#include "agent/command_line.hpp"
#include "agent/settings.hpp"
#include "typed_commands.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::agent;
using nameplane::test::typed;

namespace {

using Texts = std::vector<std::string>;

const std::string files = NAMEPLANE_SOURCE_ROOT "/tests/config/kube-proxy/";

Texts texts(const std::vector<conf::Problem>& problems) {
    Texts all;
    for (const conf::Problem& problem : problems) all.push_back(problem.text);
    return all;
}

struct Proxy {
    const char* where;
    Texts arguments;
    conf::RulesMode mode = conf::RulesMode::iptables;
    Texts warnings = {};
    const char* called = "kube-proxy";
};

using enum conf::RulesMode;
const std::string no_gates =
    "--feature-gates: accepted without effect, since there are no feature gates here";
const std::string a_file = ": accepted without effect, since there is a file";

const std::vector<Proxy> proxies{
    {"kubeadm, k0s, minikube, kind, Talos, Cluster API",
     {"--config=" + files + "kubeadm.yaml", "--hostname-override=node-1"},
     iptables,
     {},
     "/usr/local/bin/kube-proxy"},
    {"k3s, RKE2",
     {"--cluster-cidr=10.42.0.0/16", "--conntrack-max-per-core=0",
      "--conntrack-tcp-timeout-close-wait=0s", "--conntrack-tcp-timeout-established=0s",
      "--healthz-bind-address=127.0.0.1", "--hostname-override=node-1", "--kubeconfig=/k",
      "--proxy-mode=iptables"}},
    {"k3s, both families and a log",
     {"--cluster-cidr=10.42.0.0/16,fd42::/56", "--healthz-bind-address=::1",
      "--proxy-mode=nftables", "--v=2", "--vmodule=proxier=4", "--log_file=/l",
      "--alsologtostderr=true"},
     nftables,
     {"--vmodule: accepted without effect, since the log has one level for all",
      "--log-file: accepted without effect, since the log goes to standard error"}},
    {"RKE",
     {"--cluster-cidr=10.42.0.0/16", "--hostname-override=node-1", "--kubeconfig=/k.yaml", "--v=2",
      "--healthz-bind-address=127.0.0.1"}},
    {"microk8s",
     {"--kubeconfig=/k", "--cluster-cidr=10.1.0.0/16", "--healthz-bind-address=127.0.0.1",
      "--profiling=false"}},
    {"kops",
     {"--cluster-cidr=100.96.0.0/11", "--conntrack-max-per-core=131072", "--kubeconfig=/k",
      "--master=https://127.0.0.1", "--oom-score-adj=-998", "--v=2"},
     iptables,
     {},
     "/usr/local/bin/kube-proxy"},
    {"kops up to Kubernetes 1.22",
     {"--kubeconfig=/k", "--master=https://127.0.0.1", "--logtostderr=false", "--alsologtostderr",
      "--log-file=/var/log/kube-proxy.log"},
     iptables,
     {"--log-file: accepted without effect, since the log goes to standard error"}},
    {"scripts of Kubernetes for GCE, GKE",
     {"--master=https://192.0.2.1", "--kubeconfig=/k", "--cluster-cidr=10.64.0.0/14",
      "--oom-score-adj=-998", "--v=2", "--feature-gates=AllAlpha=false", "--proxy-mode=iptables",
      "--iptables-sync-period=1m", "--iptables-min-sync-period=10s",
      "--detect-local-mode=NodeCIDR"},
     iptables,
     {no_gates, "--iptables-min-sync-period: accepted without effect, since a change is written at "
                "once, and what comes meanwhile together after it"}},
    {"the same with nftables",
     {"--master=https://192.0.2.1", "--kubeconfig=/k", "--cluster-cidr=10.64.0.0/14",
      "--oom-score-adj=-998", "--v=2", "--proxy-mode=nftables", "--conntrack-tcp-be-liberal"},
     nftables},
    {"AKS",
     {"--conntrack-max-per-core=0", "--metrics-bind-address=0.0.0.0:10249", "--kubeconfig=/k",
      "--cluster-cidr=10.244.0.0/16", "--detect-local-mode=ClusterCIDR",
      "--pod-interface-name-prefix=", "--v=3"}},
    {"EKS", {"--v=2", "--config=" + files + "eks.yaml", "--hostname-override=node-1"}},
    {"EKS with Bottlerocket",
     {"--v=2", "--config=" + files + "eks.yaml", "--conntrack-max-per-core=0", "--conntrack-min=0"},
     iptables,
     {"--conntrack-max-per-core" + a_file, "--conntrack-min" + a_file}},
    {"OpenShift",
     {"--config=" + files + "openshift.yaml", "--hostname-override", "node-1"},
     iptables,
     {"iptables.minSyncPeriod: accepted without effect, since a change is written at once, and "
      "what "
      "comes meanwhile together after it"},
     "/usr/bin/kube-proxy"},
    {"underscores, as every program of Kubernetes takes them",
     {"--cluster_cidr=10.0.0.0/8", "--conntrack_max_per_core", "0",
      "--conntrack_tcp_timeout_established=0", "--masquerade_all"}},
    {"what 1.25 knew and 1.26 does not",
     {"--add-dir-header", "--log-backtrace-at=:0", "--log-dir=", "--log-file-max-size=1800",
      "--one-output", "--skip-headers", "--skip-log-headers", "--stderrthreshold", "2",
      "--udp-timeout=250ms", "--proxy-port-range=0-0", "--azure-container-registry-config="},
     iptables,
     {"--udp-timeout: accepted without effect, since kube-proxy itself does not know it any more",
      "--proxy-port-range: accepted without effect, since kube-proxy itself does not know it any "
      "more"}},
};

}  // namespace

TEST_CASE("command lines of kube-proxy are taken as they stand") {
    for (const Proxy& proxy : proxies) {
        INFO(proxy.where);
        const conf::Compiled read =
            load_settings(typed<RunCommand>(proxy.arguments, proxy.called).overrides);
        CHECK(texts(read.problems) == Texts{});
        CHECK(texts(read.warnings) == proxy.warnings);
        CHECK(read.config.start.rules.mode == proxy.mode);
        CHECK(read.config.start.dns.listen.empty());
        // And written out, they are a file that means the same.
        Texts write = proxy.arguments;
        write.emplace_back("--write-config-to=/f");
        typed<WriteConfigCommand>(write, proxy.called);
    }
}

TEST_CASE("underscores mean what dashes mean") {
    const auto start = [](const Texts& arguments) {
        return load_settings(typed<RunCommand>(arguments, "nameplane").overrides).config.start;
    };
    const conf::StartConfig read =
        start({"--cluster_cidr=10.0.0.0/8", "--conntrack_min", "5", "--hostname_override=node_1"});
    CHECK(read.rules.cluster_cidrs == start({"--cluster-cidr=10.0.0.0/8"}).rules.cluster_cidrs);
    CHECK(read.conntrack.min == 5);
    CHECK(read.node.name == "node_1");
}

TEST_CASE("flags of a log alone make nobody kube-proxy") {
    for (const char* const flag : {"--logtostderr=true", "--log_file=/l", "--skip-headers"}) {
        CHECK(typed<SayCommand>({flag}, "nameplane").code == exit_usage);
    }
    CHECK(typed<RunCommand>({"--proxy-port-range=0-0"}, "nameplane").overrides.kube_proxy);
}

TEST_CASE("kube-proxy's clean-up takes the flags beside it") {
    typed<CleanupCommand>(
        {"--v=2", "--cleanup", "--config=/var/lib/kube-proxy-config/config", "--proxy-mode=ipvs"},
        "/usr/local/bin/kube-proxy");
    typed<CleanupCommand>({"--cleanup", "--cleanup-ipvs=true"}, "kube-proxy");
}

TEST_CASE("rules of ipvs are refused however they are asked for") {
    for (const Texts& arguments :
         {Texts{"--proxy-mode=ipvs", "--ipvs-scheduler=rr", "--ipvs-strict-arp=true",
                "--ipvs-min-sync-period=10s", "--ipvs-sync-period=1m"},
          Texts{"--proxy_mode=ipvs", "--masquerade-all"}}) {
        const conf::Compiled read =
            load_settings(typed<RunCommand>(arguments, "kube-proxy").overrides);
        CHECK(
            texts(read.problems) ==
            Texts{"--proxy-mode: 'ipvs', expected 'iptables' or 'nftables': there are no rules of "
                  "ipvs here"});
    }
}

TEST_CASE("command lines of CoreDNS are taken as they stand") {
    for (const Texts& arguments :
         {Texts{"-conf", "/etc/coredns/Corefile"}, Texts{"-conf=/etc/coredns/Corefile"},
          Texts{"--conf=/etc/coredns/Corefile", "-quiet"},
          Texts{"-conf", "/etc/coredns/Corefile", "-dns.port=1053"}}) {
        for (const char* const called : {"coredns", "/coredns", "/usr/bin/coredns"}) {
            const auto run = typed<RunCommand>(arguments, called);
            CHECK(run.overrides.config_path == "/etc/coredns/Corefile");
            CHECK_FALSE(run.node_local);
            CHECK_FALSE(run.overrides.kube_proxy);
        }
    }
}

TEST_CASE("command lines of node-cache are taken as they stand") {
    struct Cache {
        const char* where;
        Texts arguments;
        std::size_t addresses;
        const char* corefile;
        bool interface;
        bool iptables;
        bool teardown;
    };
    const std::string local = "169.254.20.10";
    for (const Cache& cache : {
             Cache{"addon of Kubernetes, RKE",
                   {"-localip", local + ",10.96.0.10", "-conf", "/etc/Corefile", "-upstreamsvc",
                    "kube-dns-upstream"},
                   2,
                   "/etc/Corefile",
                   true,
                   true,
                   true},
             Cache{"kops",
                   {"-localip=" + local, "-conf=/etc/Corefile", "-upstreamsvc=kube-dns-upstream",
                    "-setupiptables=false"},
                   1,
                   "/etc/Corefile",
                   true,
                   false,
                   true},
             Cache{"kubespray with a second one",
                   {"-localip", local, "-conf", "/etc/coredns/Corefile", "-upstreamsvc", "coredns",
                    "-skipteardown"},
                   1,
                   "/etc/coredns/Corefile",
                   true,
                   true,
                   false},
             Cache{"RKE2 with Cilium, GKE",
                   {"-localip", local, "-conf", "/etc/Corefile", "-upstreamsvc",
                    "kube-dns-upstream", "-skipteardown=true", "-setupinterface=false",
                    "-setupiptables=false"},
                   1,
                   "/etc/Corefile",
                   false,
                   false,
                   false},
             Cache{"the other order",
                   {"-upstreamsvc", "u", "-localip", local},
                   1,
                   "",
                   true,
                   true,
                   true},
         }) {
        INFO(cache.where);
        const auto run = typed<RunCommand>(cache.arguments, "/node-cache");
        REQUIRE(run.node_local);
        CHECK(run.node_local->addresses.size() == cache.addresses);
        CHECK(run.overrides.config_path == cache.corefile);
        CHECK(run.node_local->setup_interface == cache.interface);
        CHECK(run.node_local->setup_iptables == cache.iptables);
        CHECK(run.node_local->skip_teardown != cache.teardown);
    }
}

TEST_CASE("a plugin of OpenShift's own image is refused by name") {
    const conf::Compiled read = compile_text(
        ".:5353 {\n    errors\n    ocp_dnsnameresolver {\n        namespaces a b \n    }\n}\n",
        "Corefile");
    CHECK(texts(read.problems) ==
          Texts{"ocp_dnsnameresolver: not served, expected another plugin: it serves "
                "OpenShift's own objects"});
}
