// multicluster: names of ServiceImports.

#include "cluster.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::services;

namespace {

ServiceImport import_of(std::string name, const std::vector<std::string>& ips,
                        const std::vector<std::string>& ports = {"http/tcp/80"}) {
    const Service like = service("ns/" + name, ips, ports);
    return {
        .key = like.key, .headless = like.headless, .ips = like.cluster_ips, .ports = like.ports};
}

EndpointSlice slice_of(std::string import, std::string cluster,
                       const std::vector<std::string>& endpoints) {
    EndpointSlice made = slice("ns/" + import, "-" + cluster, endpoints, {"http/tcp/8080"});
    made.service.clear();
    made.import = std::move(import);
    made.cluster = std::move(cluster);
    return made;
}

class Clusters {
public:
    Clusters() {
        cluster_.ns("ns");
        cluster_.put(import_of("web", {"10.96.1.1", "fd00::1"}));
        cluster_.put(slice_of("web", "c1", {"10.1.0.7=one"}));
        cluster_.put(import_of("db", {"None"}));
        cluster_.put(slice_of("db", "c1", {"10.1.0.1=zero", "!10.1.0.9=late"}));
        cluster_.put(slice_of("db", "c2", {"10.2.0.1=zero", "10.2.0.2"}));
        cluster_.put(import_of("bare", {"10.96.1.2"}, {}));
        cluster_.put(import_of("none", {"10.96.1.3"}));
        cluster_.put(service("ns/web", {"10.96.0.1"}, {"http/tcp/80"}));
        ServiceImport elsewhere = import_of("web", {"10.96.1.4"});
        elsewhere.key.ns = "elsewhere";
        cluster_.put(elsewhere);
    }
    Stage stage(const std::string& more = {}) {
        return Stage{"kubernetes cluster.local set.test {\nmulticluster set.test\n" + more + "\n}",
                     {.snapshot = cluster_.snapshot()}};
    }
    Cluster& cluster() { return cluster_; }

private:
    Cluster cluster_{{.keep_imports = true}};
};

std::string said(Stage& stage, const std::string& name, const std::string& type = "A") {
    const StageAnswer answer = stage.ask(name, type);
    return answer.message.answers.empty() ? answer.rcode : answer.answers();
}

}  // namespace

TEST_CASE("kubernetes: a ServiceImport with addresses") {
    Clusters clusters;
    clusters.cluster().synced();
    Stage stage = clusters.stage();
    const std::string web = "web.ns.svc.set.test.";
    CHECK(said(stage, web) == web + " 5 IN A 10.96.1.1");
    CHECK(said(stage, web, "AAAA") == web + " 5 IN AAAA fd00::1");
    CHECK(said(stage, "_http._tcp." + web, "SRV") ==
          "_http._tcp." + web + " 5 IN SRV 0 50 80 " + web);
    CHECK(said(stage, "_none._tcp." + web, "SRV") == "NXDOMAIN");
    CHECK(said(stage, web, "TXT") == "NOERROR");
    // Endpoints behind it have names with their cluster only.
    CHECK(said(stage, "one.c1." + web) == "one.c1." + web + " 5 IN A 10.1.0.7");
    CHECK(said(stage, "ONE.C1." + web) == "ONE.C1." + web + " 5 IN A 10.1.0.7");
    CHECK(said(stage, "one.c2." + web) == "NXDOMAIN");
    CHECK(said(stage, "one." + web) == "NXDOMAIN");
    CHECK(said(stage, "http.tcp." + web) == "NXDOMAIN");
    CHECK(said(stage, "bare.ns.svc.set.test.") == "NXDOMAIN");
    // The Services of this cluster are in the other zone, and imports are not.
    CHECK(said(stage, "web.ns.svc.cluster.local.") == "web.ns.svc.cluster.local. 5 IN A 10.96.0.1");
    CHECK(said(stage, "db.ns.svc.cluster.local.") == "NXDOMAIN");
    // A namespace that this cluster does not have shows nothing.
    CHECK(said(stage, "web.elsewhere.svc.set.test.") == "NXDOMAIN");
    CHECK(said(stage, "ns.svc.set.test.") == "NOERROR");
}

TEST_CASE("kubernetes: a headless ServiceImport") {
    Clusters clusters;
    clusters.cluster().synced();
    Stage stage = clusters.stage();
    const std::string db = "db.ns.svc.set.test.";
    CHECK(said(stage, db) ==
          db + " 5 IN A 10.1.0.1; " + db + " 5 IN A 10.2.0.1; " + db + " 5 IN A 10.2.0.2");
    CHECK(said(stage, "zero.c2." + db) == "zero.c2." + db + " 5 IN A 10.2.0.1");
    CHECK(said(stage, "10-2-0-2.c2." + db) == "10-2-0-2.c2." + db + " 5 IN A 10.2.0.2");
    CHECK(said(stage, "late.c1." + db) == "NXDOMAIN");
    const StageAnswer srv = stage.ask("_http._tcp." + db, "SRV");
    CHECK(srv.answers() == "_http._tcp." + db + " 5 IN SRV 0 33 8080 zero.c1." + db +
                               "; _http._tcp." + db + " 5 IN SRV 0 33 8080 zero.c2." + db +
                               "; _http._tcp." + db + " 5 IN SRV 0 33 8080 10-2-0-2.c2." + db);
    CHECK(srv.message.additionals ==
          std::vector<std::string>{"zero.c1." + db + " 5 IN A 10.1.0.1",
                                   "zero.c2." + db + " 5 IN A 10.2.0.1",
                                   "10-2-0-2.c2." + db + " 5 IN A 10.2.0.2"});
    Stage empty = clusters.stage("ignore empty_service");
    CHECK(said(empty, "none.ns.svc.set.test.") == "NXDOMAIN");
    CHECK(said(empty, "web.ns.svc.set.test.") != "NXDOMAIN");
    Stage without = clusters.stage("noendpoints");
    CHECK(said(without, db) != "NXDOMAIN");
    CHECK(said(without, "db.ns.svc.cluster.local.") == "NXDOMAIN");
}

TEST_CASE("kubernetes: before ServiceImports are known, their absence proves nothing") {
    Clusters clusters;
    clusters.cluster().synced_without_imports();
    Stage stage = clusters.stage();
    CHECK(said(stage, "gone.ns.svc.set.test.") == "SERVFAIL");
    CHECK(said(stage, "web.ns.svc.set.test.") == "web.ns.svc.set.test. 5 IN A 10.96.1.1");
    CHECK(said(stage, "gone.ns.svc.cluster.local.") == "NXDOMAIN");
    clusters.cluster().put(EndList{Kind::service_import});
    Stage later = clusters.stage();
    // The list was empty.
    CHECK(said(later, "gone.ns.svc.set.test.") == "NXDOMAIN");
}

TEST_CASE("kubernetes: multicluster wants zones of the plugin") {
    const auto mistakes = [](const std::string& zones, const std::string& option) {
        return mistakes_in("kubernetes " + zones + " {\n" + option + "\n}");
    };
    CHECK(mistakes("a.test b.test", "multicluster b.test").empty());
    CHECK(mistakes("a.test", "multicluster").empty());
    CHECK(mistakes("a.test", "multicluster b.test")
              .find("'b.test.', expected one of the plugin's "
                    "zones") != std::string::npos);
    CHECK_FALSE(mistakes("a.test b.test", "multicluster b.test c.test").empty());
    CHECK_FALSE(mistakes("a.test", "multicluster b.a.test").empty());
}
