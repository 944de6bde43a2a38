// Corefiles that clusters run, and pairs of a Corefile and a TOML file that mean the same.

#include "agent/commands.hpp"
#include "agent/settings.hpp"
#include "chain/registry.hpp"
#include "conf/print.hpp"
#include "kube/folder.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

using namespace nameplane;
using namespace nameplane::agent;

namespace {

const std::filesystem::path folder = NAMEPLANE_SOURCE_ROOT "/tests/config";

std::vector<std::filesystem::path> files_in(const char* name) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator{folder / name}) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

conf::Compiled compiled(const std::filesystem::path& path) {
    const Result<std::string> text = kube::read_file(path.string());
    REQUIRE(text);
    return compile_text(*text, path.string());
}

// Plugins that this build does not have are no fault of the file.
std::vector<std::string> faults(const conf::Compiled& settings) {
    std::vector<std::string> all;
    for (const conf::Problem& problem : settings.problems) {
        if (problem.text.find(": not served") == std::string::npos) {
            all.push_back(problem.to_string());
        }
    }
    return all;
}

}  // namespace

TEST_CASE("Corefiles that clusters run are read") {
    const auto files = files_in("corefiles");
    CHECK(files.size() >= 8);
    for (const auto& path : files) {
        INFO(path.string());
        const conf::Compiled settings = compiled(path);
        CHECK(faults(settings) == std::vector<std::string>{});
        CHECK_FALSE(settings.config.runtime.servers.empty());
    }
}

TEST_CASE("a Corefile and a TOML file of a pair mean the same") {
    std::size_t pairs = 0;
    for (const auto& path : files_in("pairs")) {
        if (path.extension() != ".toml") continue;
        INFO(path.string());
        std::filesystem::path other = path;
        const conf::Compiled toml = compiled(path);
        const conf::Compiled corefile = compiled(other.replace_extension(".Corefile"));
        CHECK(faults(toml) == std::vector<std::string>{});
        CHECK(faults(corefile) == std::vector<std::string>{});
        CHECK(toml.problems.size() == corefile.problems.size());
        CHECK(toml.config == corefile.config);
        ++pairs;
    }
    CHECK(pairs >= 5);
}

TEST_CASE("what is printed of a configuration means the same") {
    const std::vector<conf::OptionTable> tables = chain::plugin_tables();
    std::size_t printed = 0;
    for (const char* const name : {"corefiles", "pairs"}) {
        for (const auto& path : files_in(name)) {
            INFO(path.string());
            const conf::Compiled settings = compiled(path);
            if (!settings.problems.empty()) continue;  // a plugin is missing
            ++printed;
            const conf::Printed toml = conf::print_toml(settings.config, tables);
            INFO(toml.text);
            CHECK(faults(compile_text(toml.text, "t.toml")) == std::vector<std::string>{});
            CHECK(compile_text(toml.text, "t.toml").config == settings.config);
            const conf::Printed corefile = conf::print_corefile(settings.config, tables);
            INFO(corefile.text);
            CHECK(corefile.left_out.empty());
            CHECK(faults(compile_text(corefile.text, "Corefile")) == std::vector<std::string>{});
            CHECK(compile_text(corefile.text, "Corefile").config == settings.config);
        }
    }
    CHECK(printed >= 6);
}

TEST_CASE("what a Corefile has no place for is named") {
    const conf::Compiled settings =
        compile_text("[rules]\nmode = \"iptables\"\n[dns]\nthreads = 3\n", "t.toml");
    CHECK(conf::print_corefile(settings.config, chain::plugin_tables()).left_out ==
          std::vector<std::string>{"[dns]", "[rules]"});
}

TEST_CASE("a time that a Corefile does not take is named, and the rest is printed") {
    const auto printed = [](const char* text) {
        return conf::print_corefile(compile_text(text, "t.toml").config, chain::plugin_tables());
    };
    const conf::Printed little = printed("[dns]\ntcp_idle = \"500ms\"\n");
    CHECK(little.left_out == std::vector<std::string>{"[dns] tcp_idle below 1s"});
    INFO(little.text);
    CHECK(faults(compile_text(little.text, "Corefile")) == std::vector<std::string>{});
    const conf::Printed whole = printed("[dns]\ntcp_idle = \"1s\"\n");
    CHECK(whole.left_out.empty());
    CHECK(whole.text.find("idle 1s") != std::string::npos);
}

TEST_CASE("a file is a Corefile by its name, else by how it begins") {
    CHECK(is_corefile("", "/etc/coredns/Corefile"));
    CHECK(is_corefile("", "Corefile.base"));
    CHECK(is_corefile("", "x.corefile"));
    CHECK_FALSE(is_corefile(". {\n}", "x.toml"));
    CHECK(is_corefile(".:53 {\n}", "config"));
    CHECK(is_corefile("# comment\n(snippet) {\n}", "/dev/stdin"));
    CHECK_FALSE(is_corefile("# comment\n[dns]\nport = 1", "config"));
    CHECK_FALSE(is_corefile("dns.port=1", "config"));
    CHECK_FALSE(is_corefile("dns.port = 1", "config"));
    CHECK_FALSE(is_corefile("", "config"));
}
