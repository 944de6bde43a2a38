#include "agent/reload.hpp"
#include "agent/settings.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace nameplane;
using namespace nameplane::agent;

namespace {

// A file of its own, gone at the end.
class TempFile {
public:
    explicit TempFile(std::string_view text) { write(text); }
    void write(std::string_view text) const { folder_.write("file", text); }
    std::string path() const { return folder_ / "file"; }

private:
    test::TemporaryFolder folder_;
};

// For each kind a value that is not the default of any option.
std::string other_value(const OptionType& type) {
    struct Other {
        std::string operator()(const Seconds&) const { return "\"1s\""; }
        std::string operator()(const Milliseconds& kind) const {
            return '"' + std::to_string(kind.to) + "ms\"";
        }
        std::string operator()(const Integer& kind) const { return std::to_string(kind.to); }
        std::string operator()(const Flag& kind) const { return kind.unset ? "false" : "true"; }
        std::string operator()(const OneOf& kind) const {
            for (const std::string_view word : kind.words) {
                // Modes that need another option are no use here.
                if (word != kind.unset && !word.empty() && word != "cluster_cidr") {
                    return '"' + std::string{word} + '"';
                }
            }
            return "\"\"";
        }
        std::string operator()(const Text&) const { return "\"127.0.0.1:1\""; }
        std::string operator()(const Words&) const { return "[\"primary\"]"; }
        std::string operator()(const Statements&) const { return "[\"a\"]"; }
        std::string operator()(const Zones&) const { return "[\"z.example\"]"; }
        std::string operator()(const Cidrs&) const { return "[\"192.0.2.0/24\"]"; }
        std::string operator()(const Addresses&) const { return "[\"192.0.2.1\"]"; }
        std::string operator()(const PortRange&) const { return "\"1-2\""; }
    };
    return std::visit(Other{}, type);
}

// Options that mean nothing without another are set alone here.
conf::Config config_of(const std::string& text) {
    const conf::Compiled compiled = compile_text(text, "t.toml");
    for (const conf::Problem& problem : compiled.problems) {
        if (!problem.text.ends_with("to be set as well")) FAIL_CHECK(problem.to_string());
    }
    return compiled.config;
}

}  // namespace

TEST_CASE("a change of any option that needs a restart is named, alone") {
    const conf::Config before = config_of("");
    CHECK(changed_fields(before.start, before.start).empty());
    for (const conf::OptionTable& table : conf::agent_tables()) {
        for (const Option& option : table.options) {
            const std::string name = std::string{table.name} + '.' + std::string{option.name};
            INFO(name);
            const conf::Config after =
                config_of("[" + std::string{table.name} + "]\n" + std::string{option.name} + " = " +
                          (table.name == "admin" && std::holds_alternative<Words>(option.type)
                               ? "[\"127.0.0.1:1\", \":2\"]"
                               : other_value(option.type)) +
                          '\n');
            CHECK_FALSE(before == after);
            const std::vector<std::string_view> changed = changed_fields(before.start, after.start);
            const bool is_runtime = table.name == "log" || table.name == "reload" ||
                                    option.name == "lameduck" ||
                                    option.name == "ready_continuously";
            if (is_runtime || option.name == "tcp_idle") {
                CHECK(changed.empty());
            } else {
                CHECK(changed == std::vector<std::string_view>{name});
            }
        }
    }
}

TEST_CASE("the command line wins over the file") {
    const TempFile file{"[dns]\nport = 1\nthreads = 3\n[node]\nname = \"a\"\n"};
    Overrides overrides;
    overrides.config_path = file.path();
    CHECK(load_settings(overrides).config.start.dns.port == 1);
    overrides.port = 0;
    overrides.listen = {IpAddress::v4(127, 0, 0, 1)};
    overrides.manifests = "/m";
    overrides.log_level = log::Level::error;
    overrides.rules = conf::RulesMode::iptables;
    overrides.node_name = "b";
    const conf::Config config = load_settings(overrides).config;
    CHECK(config.start.dns.port == 0);
    CHECK(config.start.dns.threads == 3);
    CHECK(config.start.dns.listen == overrides.listen);
    CHECK(config.start.services.manifests == "/m");
    CHECK(config.start.rules.mode == conf::RulesMode::iptables);
    CHECK(config.start.node.name == "b");
    CHECK(config.runtime.log_level == log::Level::error);
    overrides.threads = 9;
    CHECK(load_settings(overrides).config.start.dns.threads == 9);
}

namespace {

std::vector<std::string> problems_of(const Overrides& overrides) {
    std::vector<std::string> texts;
    for (const conf::Problem& problem : load_settings(overrides).problems) {
        texts.push_back(problem.to_string());
    }
    return texts;
}

}  // namespace

TEST_CASE("the source is what is named, the command line first") {
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    const auto source = [](const Overrides& overrides) {
        CHECK(problems_of(overrides).empty());
        return source_of(load_settings(overrides).config.start);
    };
    const TempFile file{"[services]\nmanifests = \"/m\"\n"};
    Overrides given;
    CHECK(source(given) == Source::none);
    ::setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    CHECK(source(given) == Source::api);
    given.config_path = file.path();
    CHECK(source(given) == Source::manifests);
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    given.kubeconfig = "/k";
    CHECK(source(given) == Source::api);
    given.kubeconfig.reset();
    given.master = "http://127.0.0.1:1";
    CHECK(source(given) == Source::api);
    given.manifests = "/n";
    CHECK(problems_of(given) ==
          std::vector<std::string>{"(command line): two sources of Services, expected either "
                                   "--manifests or --kubeconfig and --master"});
    given.manifests.reset();
    given.context = "c";
    CHECK(problems_of(given) ==
          std::vector<std::string>{"(command line): --context without a kubeconfig, expected "
                                   "--kubeconfig FILE as well"});
    given.kubeconfig = "/k";
    CHECK(source(given) == Source::api);
}

TEST_CASE("a file that cannot be read is a problem like any other") {
    Overrides overrides;
    overrides.config_path = "/does/not/exist.toml";
    const conf::Compiled compiled = load_settings(overrides);
    REQUIRE(compiled.problems.size() == 1);
    CHECK(compiled.problems[0].to_string() == "/does/not/exist.toml: cannot be read: No such "
                                              "file or directory, expected a readable file");
    overrides.config_path = std::filesystem::temp_directory_path().string();
    CHECK(load_settings(overrides).problems.size() == 1);
}

TEST_CASE("a reload gives what may change and refuses the rest by name") {
    const TempFile file{""};
    Overrides overrides;
    overrides.config_path = file.path();
    const conf::Config running = load_settings(overrides).config;
    const StoreNeeds kept = store_needs(running.runtime);

    file.write("[log]\nlevel = \"error\"\n[[server]]\nzones = [\"a\"]\nkubernetes = {ttl = 9}\n");
    const Result<Reload> good = prepare_reload(running, kept, overrides);
    REQUIRE(good.has_value());
    CHECK(good->runtime.log_level == log::Level::error);
    CHECK(good->runtime.servers[0].plugins[0].options.seconds("ttl") == 9);

    file.write("[dns]\nport = 1\nthreads = 9\n");
    const Result<Reload> restart = prepare_reload(running, kept, overrides);
    REQUIRE_FALSE(restart.has_value());
    CHECK(restart.error().text == "a restart is needed to change dns.port, dns.threads");

    file.write("[[server]]\nzones = [\"a\"]\nkubernetes = {pods = \"verified\"}\n");
    const Result<Reload> pods = prepare_reload(running, kept, overrides);
    REQUIRE_FALSE(pods.has_value());
    CHECK(pods.error().text == "a restart is needed to change kubernetes.pods");

    file.write("[dns]\nprot = 1\n[x]\n");
    const Result<Reload> wrong = prepare_reload(running, kept, overrides);
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().text == "2 problems in the configuration");
}

TEST_CASE("what the command line overrides may change in the file") {
    const TempFile file{"[dns]\nport = 1\n"};
    Overrides overrides;
    overrides.config_path = file.path();
    overrides.port = 5;
    const conf::Config running = load_settings(overrides).config;
    const StoreNeeds kept = store_needs(running.runtime);
    file.write("[dns]\nport = 2\n");
    CHECK(prepare_reload(running, kept, overrides).has_value());
}

TEST_CASE("a reload cannot ask for what the store does not keep") {
    const TempFile file{""};
    Overrides overrides;
    overrides.config_path = file.path();
    const auto with = [&](const std::string& body) {
        file.write("[[server]]\nzones = [\"a\", \"b\"]\nmetadata = {}\n[server.kubernetes]\n" +
                   body);
        return load_settings(overrides).config;
    };
    const auto refusal_of = [&](const conf::Config& running, const StoreNeeds& kept,
                                const std::string& body) {
        with(body);
        const Result<Reload> next = prepare_reload(running, kept, overrides);
        return next ? std::string{} : next.error().text;
    };
    const conf::Config plain = with("ttl = 5\n");
    const StoreNeeds nothing = store_needs(plain.runtime);
    CHECK_FALSE(nothing.pods);
    CHECK_FALSE(nothing.imports);
    CHECK(nothing.to_string() == "no pods\nlabels \nnamespace_labels ");
    const std::string restart = "a restart is needed to change ";
    CHECK(refusal_of(plain, nothing, "labels = [\"app=web\"]\n") == restart + "kubernetes.labels");
    CHECK(refusal_of(plain, nothing, "namespace_labels = [\"app=web\"]\n") ==
          restart + "kubernetes.namespace_labels");
    CHECK(refusal_of(plain, nothing, "multicluster = [\"b\"]\n") ==
          restart + "kubernetes.multicluster");
    CHECK(refusal_of(plain, nothing, "pods = \"insecure\"\n").empty());

    const std::string all = "pods = \"verified\"\nmulticluster = [\"b\"]\n"
                            "labels = [\"app in (web, api)\"]\nnamespace_labels = [\"team\"]\n";
    const conf::Config full = with(all);
    const StoreNeeds kept = store_needs(full.runtime);
    CHECK(kept.pods);
    CHECK(kept.pod_details);
    CHECK(kept.imports);
    CHECK(kept.to_string() == "pods with names and labels, imports\nlabels app in (api,web)\n"
                              "\nnamespace_labels team\n");
    // The same however it is written, and less of it.
    CHECK(refusal_of(full, kept, all).empty());
    CHECK(refusal_of(full, kept, "labels = [\"app in (api,web)\"]\n").empty());
    CHECK(refusal_of(full, kept, "ttl = 5\n").empty());
    CHECK(refusal_of(full, kept, "labels = [\"app=api\"]\n") == restart + "kubernetes.labels");
}

TEST_CASE("the kubernetes plugin of a Corefile names the API server") {
    const auto api_of = [](const std::string& body) {
        const conf::Compiled compiled =
            compile_text("a {\n kubernetes {\n" + body + "\n }\n}\n", "Corefile");
        for (const conf::Problem& problem : compiled.problems) FAIL_CHECK(problem.to_string());
        return compiled.config.start.api;
    };
    conf::ApiConfig expected;
    CHECK(api_of("") == expected);
    expected.kubeconfig = "/k";
    CHECK(api_of("kubeconfig /k") == expected);
    expected.context = "c";
    CHECK(api_of("kubeconfig /k c") == expected);
    expected = {};
    expected.endpoint = "https://a:6443";
    expected.authority = "/ca";
    CHECK(api_of("endpoint https://a:6443 https://b\ntls /ca") == expected);
    expected.certificate = "/cert";
    expected.key = "/key";
    CHECK(api_of("endpoint https://a:6443\ntls /cert /key /ca") == expected);
    CHECK(source_of(
              compile_text("a {\n kubernetes {\n kubeconfig /k\n}\n}", "Corefile").config.start) ==
          Source::api);
}

TEST_CASE("only who asks for objects needs a source of them") {
    const auto needs = [](const char* toml) {
        return needs_services(compile_text(toml, "t.toml").config);
    };
    CHECK(needs(""));
    CHECK(needs("[rules]\nmode = \"iptables\"\n[[server]]\nzones = \".\"\nwhoami = true"));
    CHECK_FALSE(needs("[[server]]\nzones = \".\"\nwhoami = true"));
    CHECK_FALSE(needs("[[server]]\nzones = \".\"\nautopath = \"/etc/resolv.conf\""));
    CHECK(needs("[[server]]\nzones = \".\"\nkubernetes = true"));
}
