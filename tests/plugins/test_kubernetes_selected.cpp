// labels and namespace_labels: what they let see.

#include "cluster.hpp"
#include "stage.hpp"

#include <catch2/catch.hpp>

using namespace nameplane;
using namespace nameplane::test;
using namespace nameplane::services;

namespace {

template <class Object> Object labelled(Object object, Labels labels) {
    object.labels = std::move(labels);
    return object;
}

Selections known() {
    Selections all;
    all.objects.add(*Selector::parse("app=web"));
    all.namespaces.add(*Selector::parse("team"));
    return all;
}

/// In "blue", which has a team, and "red", which has none: Services that match and that do not.
class Chosen {
public:
    Chosen() {
        cluster_.put(Namespace{.key = {"", "blue"}, .labels = {{"team", "a"}}}).ns("red");
        for (const std::string ns : {"blue", "red"}) {
            const std::string net = ns == "blue" ? "10.0.1." : "10.0.2.";
            const Labels web{{"app", "web"}};
            cluster_.put(labelled(service(ns + "/web", {net + "1"}, {"http/tcp/80"}), web));
            cluster_.put(labelled(service(ns + "/db", {"None"}, {"http/tcp/80"}), web));
            cluster_.put(labelled(slice(ns + "/db", "-1", {net + "11=a"}, {"http/tcp/80"}), web));
            cluster_.put(slice(ns + "/db", "-2", {net + "12=b"}, {"http/tcp/80"}));
            cluster_.put(service(ns + "/api", {net + "2"}, {"http/tcp/80"}));
            cluster_.put(slice(ns + "/web", "-1", {net + "13"}, {"http/tcp/80"}));
            cluster_.put(labelled(pod(ns + "/p", {net + "21"}), web));
            cluster_.put(pod(ns + "/q", {net + "22"}));
        }
        cluster_.synced();
    }
    Stage stage(const std::string& body) {
        return Stage{"kubernetes cluster.local in-addr.arpa {\n" + body + "\n}",
                     {.snapshot = cluster_.snapshot(), .selections = &selections_}};
    }
    Cluster& cluster() { return cluster_; }
    const Selections& selections() const { return selections_; }

private:
    Selections selections_ = known();
    Cluster cluster_{{.keep_pods = true, .selections = known()}};
};

/// The answers, or the rcode where there are none.
std::string said(Stage& stage, const std::string& name, const std::string& type = "A") {
    const StageAnswer answer = stage.ask(name, type);
    return answer.message.answers.empty() ? answer.rcode : answer.answers();
}

}  // namespace

TEST_CASE("kubernetes: labels choose Services, slices and pods") {
    Chosen chosen;
    Stage stage = chosen.stage("labels app=web\npods verified");
    CHECK(said(stage, "web.blue.svc.cluster.local.") ==
          "web.blue.svc.cluster.local. 5 IN A 10.0.1.1");
    CHECK(said(stage, "api.blue.svc.cluster.local.") == "NXDOMAIN");
    CHECK(said(stage, "db.red.svc.cluster.local.") == "db.red.svc.cluster.local. 5 IN A 10.0.2.11");
    CHECK(said(stage, "a.db.red.svc.cluster.local.") != "NXDOMAIN");
    CHECK(said(stage, "b.db.red.svc.cluster.local.") == "NXDOMAIN");
    CHECK(said(stage, "db.red.svc.cluster.local.", "SRV") ==
          "db.red.svc.cluster.local. 5 IN SRV 0 100 80 a.db.red.svc.cluster.local.");
    CHECK(said(stage, "10-0-1-21.blue.pod.cluster.local.") != "NXDOMAIN");
    CHECK(said(stage, "10-0-1-22.blue.pod.cluster.local.") == "NXDOMAIN");
    CHECK(said(stage, "1.1.0.10.in-addr.arpa.", "PTR") != "NXDOMAIN");
    CHECK(said(stage, "2.1.0.10.in-addr.arpa.", "PTR") == "NXDOMAIN");
    CHECK(said(stage, "11.1.0.10.in-addr.arpa.", "PTR") ==
          "11.1.0.10.in-addr.arpa. 5 IN PTR a.db.blue.svc.cluster.local.");
    CHECK(said(stage, "12.1.0.10.in-addr.arpa.", "PTR") == "NXDOMAIN");
    // A Service whose ready endpoints are all of slices that do not match is empty.
    Stage strict = chosen.stage("labels app=web\nignore empty_service");
    CHECK(said(strict, "web.blue.svc.cluster.local.") == "NXDOMAIN");
}

TEST_CASE("kubernetes: namespace_labels choose namespaces, also when their labels change") {
    Chosen chosen;
    const std::string body = "namespace_labels team\npods insecure";
    Stage stage = chosen.stage(body);
    CHECK(said(stage, "web.blue.svc.cluster.local.") != "NXDOMAIN");
    CHECK(said(stage, "web.red.svc.cluster.local.") == "NXDOMAIN");
    CHECK(said(stage, "blue.svc.cluster.local.") == "NOERROR");
    CHECK(said(stage, "red.svc.cluster.local.") == "NXDOMAIN");
    CHECK(said(stage, "1-2-3-4.red.pod.cluster.local.") == "NXDOMAIN");
    CHECK(said(stage, "1.2.0.10.in-addr.arpa.", "PTR") == "NXDOMAIN");
    CHECK(said(stage, "12.2.0.10.in-addr.arpa.", "PTR") == "NXDOMAIN");
    CHECK(said(stage, "12.1.0.10.in-addr.arpa.", "PTR") != "NXDOMAIN");

    chosen.cluster()
        .put(Namespace{.key = {"", "red"}, .labels = {{"team", "b"}}})
        .put(Namespace{.key = {"", "blue"}, .labels = {}});
    Stage after = chosen.stage(body);
    CHECK(said(after, "web.blue.svc.cluster.local.") == "NXDOMAIN");
    CHECK(said(after, "web.red.svc.cluster.local.") != "NXDOMAIN");
    CHECK(said(after, "12.2.0.10.in-addr.arpa.", "PTR") != "NXDOMAIN");
}

TEST_CASE("kubernetes: without selectors everything is seen, judged or not") {
    Chosen chosen;
    Stage stage = chosen.stage("pods verified");
    for (const char* name : {"web.blue.svc.cluster.local.", "api.red.svc.cluster.local.",
                             "b.db.red.svc.cluster.local.", "10-0-1-22.blue.pod.cluster.local."}) {
        CHECK(said(stage, name) != "NXDOMAIN");
    }
}

TEST_CASE("kubernetes: what is wrong with selectors is said") {
    Chosen chosen;
    const auto mistakes = [&](const std::string& body) {
        return mistakes_in("kubernetes cluster.local {\n" + body + "\n}",
                           {.selections = &chosen.selections()});
    };
    CHECK(mistakes("labels app == web").empty());
    CHECK(mistakes("labels app=(").find("labels: ") != std::string::npos);
    CHECK(mistakes("labels other").find("expected at most 5 different ones") != std::string::npos);
    CHECK(mistakes("namespaces a\nnamespace_labels team").find("together with namespaces") !=
          std::string::npos);
    // Where there is no cache, every selector is as good.
    CHECK(mistakes_in("kubernetes cluster.local {\nlabels other\n}").empty());
}
