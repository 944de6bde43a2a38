// What kubernetes tells others about a query.

#include "captured_lines.hpp"
#include "cluster.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::services;

namespace {

class Told {
public:
    Told() {
        cluster_.ns("ns");
        Pod one = pod("ns/client-0", {"192.0.2.1", "2001:db8::1"});
        one.labels = {{"app.example/name", "client"}};
        cluster_.put(one).synced();
    }
    /// "label=value", "-" for one that nobody has, of a query for `name`.
    std::string of(const std::string& name, const std::vector<std::string>& labels,
                   const std::string& body = "zonal\npods verified", const StageAsk& how = {}) {
        std::string format;
        for (const std::string& label : labels)
            format += " " + label + "={/kubernetes/" + label + "}";
        CapturedLines lines;
        Stage stage{
            "metadata\nlog . \"" + format.substr(1) +
                "\"\nkubernetes cluster.local in-addr.arpa set.test {\nmulticluster set.test\n" +
                body + "\n}",
            {.line_log = lines.log(), .snapshot = cluster_.snapshot()}};
        stage.ask(name, "A", how);
        return lines.next();
    }

private:
    Cluster cluster_{{.keep_pods = true, .pod_details = true}};
};

const std::vector<std::string> parts{"port-name", "protocol", "endpoint", "service",    "namespace",
                                     "kind",      "cluster",  "zone",     "parse-error"};

}  // namespace

TEST_CASE("kubernetes: metadata of a name's parts") {
    Told told;
    struct Row {
        std::string name;
        std::string says;
    };
    const std::vector<Row> rows{
        {"Web.NS.svc.cluster.local.",
         "port-name= protocol= endpoint= service=web namespace=ns kind=svc cluster=- zone= "
         "parse-error=-"},
        {"_http._tcp.web.ns.svc.cluster.local.",
         "port-name=http protocol=tcp endpoint= service=web namespace=ns kind=svc cluster=- zone= "
         "parse-error=-"},
        {"a.web.ns.svc.cluster.local.",
         "port-name= protocol= endpoint=a service=web namespace=ns kind=svc cluster=- zone= "
         "parse-error=-"},
        {"us.west.pin._zone.web.ns.svc.cluster.local.",
         "port-name= protocol= endpoint= service=web namespace=ns kind=svc cluster=- zone=us.west "
         "parse-error=-"},
        {"a.c1.web.ns.svc.set.test.",
         "port-name= protocol= endpoint=a service=web namespace=ns kind=svc cluster=c1 zone= "
         "parse-error=-"},
        {"1-2-3-4.ns.pod.cluster.local.",
         "port-name= protocol= endpoint= service=1-2-3-4 namespace=ns kind=pod cluster=- zone= "
         "parse-error=-"},
        {"ns.pod.cluster.local.",
         "port-name= protocol= endpoint= service= namespace=ns kind=pod cluster=- zone= "
         "parse-error=-"},
        {"cluster.local.",
         "port-name= protocol= endpoint= service= namespace= kind= cluster=- zone= parse-error=-"},
        {"a.b.c.web.ns.svc.cluster.local.",
         "port-name=- protocol=- endpoint=- service=- namespace=- kind=- cluster=- zone=- "
         "parse-error=invalid query name"},
        {"what.cluster.local.",
         "port-name=- protocol=- endpoint=- service=- namespace=- kind=- cluster=- zone=- "
         "parse-error=invalid query name"},
        {"example.org.",
         "port-name=- protocol=- endpoint=- service=- namespace=- kind=- cluster=- zone=- "
         "parse-error=-"},
    };
    for (const Row& row : rows) {
        INFO(row.name);
        const std::string line = told.of(row.name, parts);
        CHECK(line.substr(line.find("port-name")) == row.says);
    }
    // Without the option there is no zone.
    const std::string line = told.of("web.ns.svc.cluster.local.", {"zone"}, "ttl 5");
    CHECK(line.ends_with("zone=-"));
}

TEST_CASE("kubernetes: metadata of the client's pod") {
    Told told;
    const std::vector<std::string> labels{"client-namespace", "client-pod-name",
                                          "client-label/app.example/name", "client-label/none"};
    const auto line = [&](const std::string& client, const std::string& body) {
        const std::string all = told.of("example.org.", labels, body, {.client = client});
        return all.substr(all.find("client-namespace"));
    };
    const std::string known = "client-namespace=ns client-pod-name=client-0 "
                              "client-label/app.example/name=client client-label/none=-";
    const std::string unknown = "client-namespace=- client-pod-name=- "
                                "client-label/app.example/name=- client-label/none=-";
    CHECK(line("192.0.2.1:4242", "pods verified") == known);
    CHECK(line("[2001:db8::1]:4242", "pods verified") == known);
    CHECK(line("192.0.2.2:4242", "pods verified") == unknown);
    CHECK(line("192.0.2.1:4242", "pods insecure") == unknown);
}
