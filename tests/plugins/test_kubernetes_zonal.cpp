// zonal: the endpoints of one topology zone.

#include "cluster.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::services;

namespace {

class Zonal {
public:
    Zonal() {
        cluster_.ns("ns");
        cluster_.put(service("ns/db", {"None"}, {"pg/tcp/5432"}));
        EndpointSlice made = slice(
            "ns/db", "-1", {"10.0.0.1=a", "10.0.0.2=b", "10.0.0.3=c", "!10.0.0.4=d", "10.0.0.5=e"},
            {"pg/tcp/5432"});
        const char* const zones[] = {"us-1a", "us-1b", "corp.example.com", "us-1c", ""};
        for (std::size_t i = 0; i < made.endpoints.size(); ++i) made.endpoints[i].zone = zones[i];
        cluster_.put(made);
        cluster_.put(service("ns/web", {"10.96.0.1"}, {"http/tcp/80"}));
        cluster_.put(service("ns/empty", {"None"}, {"http/tcp/80"}));
        cluster_.put(external_name("ns/ext", "ext.test."));
        cluster_.synced();
    }
    Stage stage(const std::string& body = "zonal") {
        return Stage{"kubernetes cluster.local set.test {\n" + body + "\n}",
                     {.snapshot = cluster_.snapshot()}};
    }

private:
    Cluster cluster_{{}};
};

std::string said(Stage& stage, const std::string& name, const std::string& type = "A") {
    const StageAnswer answer = stage.ask(name, type);
    return answer.message.answers.empty() ? answer.rcode : answer.answers();
}

std::size_t count(Stage& stage, const std::string& name) {
    return stage.ask(name, "A").message.answers.size();
}

const std::string db = "_zone.db.ns.svc.cluster.local.";

}  // namespace

TEST_CASE("kubernetes: pin answers from one zone, prefer from all where it has none") {
    Zonal zonal;
    Stage stage = zonal.stage();
    CHECK(said(stage, "us-1a.pin." + db) == "us-1a.pin." + db + " 5 IN A 10.0.0.1");
    CHECK(said(stage, "US-1A.Pin." + db) == "US-1A.Pin." + db + " 5 IN A 10.0.0.1");
    CHECK(said(stage, "us-1b.prefer." + db) == "us-1b.prefer." + db + " 5 IN A 10.0.0.2");
    CHECK(said(stage, "corp.example.com.pin." + db) ==
          "corp.example.com.pin." + db + " 5 IN A 10.0.0.3");
    // Nobody ready there, and nobody there at all.
    for (const std::string none :
         {"us-1c", "nowhere", "example.com", "corp", "corp.example.com.x", "us-1"}) {
        INFO(none);
        CHECK(said(stage, none + ".pin." + db) == "NOERROR");
        CHECK(count(stage, none + ".prefer." + db) == 4);
    }
    CHECK(said(stage, "us-1a.pin." + db, "SRV") ==
          "us-1a.pin." + db + " 5 IN SRV 0 100 5432 a.db.ns.svc.cluster.local.");
    CHECK(stage.ask("us-1a.pin." + db, "SRV").message.additionals ==
          std::vector<std::string>{"a.db.ns.svc.cluster.local. 5 IN A 10.0.0.1"});
    CHECK(said(stage, "us-1a.pin." + db, "TXT") == "NOERROR");
    CHECK(said(stage, "us-1a.pin." + db, "AAAA") == "NOERROR");
    CHECK(said(stage, "a.pin._zone.empty.ns.svc.cluster.local.") == "NOERROR");
    CHECK(said(stage, "a.prefer._zone.empty.ns.svc.cluster.local.") == "NOERROR");
}

TEST_CASE("kubernetes: zonal names are those of headless Services, and only with the option") {
    Zonal zonal;
    Stage stage = zonal.stage();
    for (const std::string name :
         {"us-1a.pin._zone.web.ns.svc.cluster.local.", "us-1a.pin._zone.ext.ns.svc.cluster.local.",
          "us-1a.pin._zone.gone.ns.svc.cluster.local.",
          "us-1a.other._zone.db.ns.svc.cluster.local.", "us-1a.pin._zones.db.ns.svc.cluster.local.",
          "pin._zone.db.ns.svc.cluster.local.", "us-1a.pin._zone.db.ns.pod.cluster.local.",
          "a.b.c.d.e.f.g.h.db.ns.svc.cluster.local."}) {
        INFO(name);
        CHECK(said(stage, name) == "NXDOMAIN");
    }
    Stage without = zonal.stage("ttl 5");
    CHECK(said(without, "us-1a.pin." + db) == "NXDOMAIN");
    Stage clusters = zonal.stage("zonal\nmulticluster set.test");
    CHECK(said(clusters, "us-1a.pin." + db) != "NXDOMAIN");
    CHECK(said(clusters, "us-1a.pin._zone.db.ns.svc.set.test.") == "NXDOMAIN");
    CHECK(mistakes_in("kubernetes a.test {\nzonal\nnoendpoints\n}").find("noendpoints") !=
          std::string::npos);
    CHECK_FALSE(mistakes_in("kubernetes a.test {\nzonal us-1a\n}").empty());
}
