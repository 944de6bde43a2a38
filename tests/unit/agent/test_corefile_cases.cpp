// tests/config/corefile-cases/<directive>.txt: what a server block may say, and whether CoreDNS
// takes it. A directive that is served must agree with its file; one that is not is refused by
// name, all of it. `== accept, we refuse: why` (or the other way round) is a difference that is
// meant.

#include "agent/commands.hpp"
#include "agent/settings.hpp"
#include "chain/registry.hpp"
#include "conf/directives.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace nameplane;
using namespace nameplane::agent;

namespace {

const std::filesystem::path folder = NAMEPLANE_SOURCE_ROOT "/tests/config/corefile-cases";

struct Case {
    std::string directive;
    std::string text;
    bool accepted_there = false;
    bool differs = false;
    unsigned line = 0;
};

std::vector<Case> cases_of(const std::filesystem::path& path) {
    std::ifstream file{path};
    REQUIRE(file.good());
    std::vector<Case> cases;
    unsigned number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (line.starts_with("== ")) {
            const bool accepted = line.starts_with("== accept");
            cases.push_back(
                {path.stem().string(), {}, accepted, line.find(", we ") != line.npos, number});
        } else {
            REQUIRE_FALSE(cases.empty());
            cases.back().text += line + '\n';
        }
    }
    return cases;
}

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        if (entry.path().extension() != ".txt") continue;
        for (Case& one : cases_of(entry.path())) all.push_back(std::move(one));
    }
    return all;
}

// What is wrong with a server block of `text`; empty: nothing.
std::string complaints_about(const std::string& text) {
    const conf::Compiled compiled = compile_text(". {\n" + text + "}\n", "Corefile");
    std::string all;
    for (const conf::Problem& problem : compiled.problems) all += problem.to_string() + '\n';
    if (!all.empty()) return all;
    const Status made = try_plugins(compiled.config);
    return made ? all : made.error().text;
}

bool is_served(std::string_view directive) {
    const auto has = [&](std::span<const conf::OptionTable> tables) {
        return std::ranges::find(tables, directive, &conf::OptionTable::name) != tables.end();
    };
    return has(chain::plugin_tables()) || has(conf::directive_tables());
}

// Cases name files by relative paths.
class InFolderOfFiles {
public:
    InFolderOfFiles() { std::filesystem::current_path(folder / "files"); }
    ~InFolderOfFiles() { std::filesystem::current_path(before_); }
    InFolderOfFiles(const InFolderOfFiles&) = delete;
    InFolderOfFiles& operator=(const InFolderOfFiles&) = delete;

private:
    std::filesystem::path before_ = std::filesystem::current_path();
};

}  // namespace

TEST_CASE("server blocks are taken and refused as by CoreDNS") {
    const InFolderOfFiles here;
    const std::vector<Case> cases = all_cases();
    CHECK(cases.size() > 700);
    std::size_t compared = 0;
    for (const Case& one : cases) {
        INFO(one.directive << ".txt:" << one.line << '\n' << one.text);
        const std::string said = complaints_about(one.text);
        INFO(said);
        if (!is_served(one.directive)) {
            CHECK(said.find(one.directive + ": not served") != said.npos);
            continue;
        }
        ++compared;
        const bool accepted = said.empty();
        CHECK(accepted == (one.accepted_there != one.differs));
    }
    WARN(compared << " of " << cases.size() << " cases are of directives that are served");
}

TEST_CASE("what tls does not take is named, and nothing is missed beside it") {
    const auto problems = [](const std::string& body) {
        std::vector<std::string> all;
        const auto compiled = compile_text("tls://. {\n tls" + body + "\n}\n", "Corefile");
        for (const conf::Problem& each : compiled.problems) all.push_back(each.to_string());
        return all;
    };
    using Lines = std::vector<std::string>;
    CHECK(problems(" {\n  acme dns.example *.example\n }").empty());
    CHECK(problems("") ==
          Lines{"Corefile:2: tls: certificate: missing, expected CERT and KEY, or acme"});
    CHECK(problems(" cert.pem") ==
          Lines{"Corefile:2: tls: key: missing, expected the file of the certificate's key"});
    CHECK(problems(" {\n  email c@d\n }") ==
          Lines{"Corefile:2: tls: certificate: missing, expected CERT and KEY, or acme",
                "Corefile:3: tls: email: not expected with files, only with acme"});
    CHECK(problems(" cert.pem key.pem {\n  acme a.example\n  keylog k\n }") ==
          Lines{"Corefile:2: tls: certificate: not expected with acme",
                "Corefile:2: tls: key: not expected with acme",
                "Corefile:4: tls: keylog: not expected with acme"});
    for (const std::string domain : {"192.0.2.1", "a_b.example", "*", "*.*.example", "-a.example",
                                     "a..example", "a.*.example"}) {
        CHECK(problems(" {\n  acme " + domain + "\n }") ==
              Lines{"Corefile:3: tls: acme: '" + domain +
                    "', expected a domain such as dns.example.org"});
    }
    for (const std::string url :
         {"ca.example/dir", "ftp://ca.example", "https://", "https:///dir"}) {
        CHECK(problems(" {\n  acme a.example\n  ca " + url + "\n }") ==
              Lines{"Corefile:4: tls: ca: '" + url + "', expected a URL of https:// or http://"});
    }
    for (const std::string at : {"192.0.2.1", ":53", "192.0.2.1:0", "192.0.2.1:65536", "::1:53"}) {
        CHECK(problems(" {\n  acme a.example\n  resolver " + at + "\n }") ==
              Lines{"Corefile:4: tls: resolver: '" + at + "', expected HOST:PORT"});
    }
    CHECK(problems(" {\n  acme a.example\n  resolver [::1]:53\n }").empty());
}

TEST_CASE("every directive of CoreDNS is served or refused by name") {
    for (const char* const name :
         {"root",        "metadata",  "geoip",    "cancel",       "proxyproto",  "quic",
          "grpc_server", "https",     "https3",   "timeouts",     "multisocket", "reload",
          "nsid",        "bufsize",   "bind",     "debug",        "trace",       "ready",
          "health",      "pprof",     "shed",     "prometheus",   "errors",      "log",
          "dnstap",      "local",     "dns64",    "any",          "chaos",       "loadbalance",
          "tsig",        "rewrite",   "autopath", "acl",          "cache",       "header",
          "dnssec",      "tls",       "minimal",  "template",     "transfer",    "hosts",
          "route53",     "azure",     "clouddns", "k8s_external", "kubernetes",  "file",
          "auto",        "secondary", "etcd",     "loop",         "forward",     "grpc",
          "erratic",     "whoami",    "on",       "sign",         "view",        "nomad"}) {
        INFO(name);
        const bool is_known = is_served(name) || !conf::why_not_served(name).empty();
        CHECK(is_known);
    }
}
