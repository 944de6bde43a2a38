// config/nameplane.toml is the printed schema of all options. It must name each of them, and what
// it says about defaults must be true.

#include "agent/settings.hpp"
#include "chain/registry.hpp"
#include "conf/directives.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace nameplane;
using namespace nameplane::agent;

namespace {

std::vector<std::string> lines_of_file() {
    std::ifstream file{NAMEPLANE_SOURCE_ROOT "/config/nameplane.toml"};
    REQUIRE(file.good());
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

// Whether `line` behind its marks is TOML and no sentence: they have a blank behind the mark.
bool is_setting(std::string_view line, std::string_view marks) {
    return line.starts_with(marks) && line.size() > marks.size() && line[marks.size()] != ' ' &&
           line[marks.size()] != '#';
}

std::string without_marks(std::initializer_list<std::string_view> all_marks) {
    std::string text;
    for (std::string line : lines_of_file()) {
        for (const std::string_view marks : all_marks) {
            if (is_setting(line, marks)) line.erase(0, marks.size());
        }
        text += line + '\n';
    }
    return text;
}

conf::Config compiled(std::string_view text) {
    const conf::Compiled result = compile_text(text, "nameplane.toml");
    for (const conf::Problem& problem : result.problems) FAIL_CHECK(problem.to_string());
    return result.config;
}

// Whether it has options without a default; what the file says of them is an example.
bool has_required(const conf::OptionTable& table) {
    const auto is_required = [&](std::string_view text) {
        return !text.empty() && !Positional::of(text).optional;
    };
    const auto needs_words = [](const Option& option) {
        const Words* const words = std::get_if<Words>(&option.type);
        return words != nullptr && words->from > 0;
    };
    return std::ranges::any_of(table.syntax.positional, is_required) ||
           std::ranges::any_of(table.options, needs_words);
}

// Options by table, as they stand in the file, whatever their marks.
std::map<std::string, std::set<std::string>> options_in_file() {
    std::map<std::string, std::set<std::string>> options;
    std::string table;
    for (const std::string& line : lines_of_file()) {
        const std::size_t start = std::min(line.find_first_not_of('#'), line.size());
        const std::string_view bare = std::string_view{line}.substr(start);
        if (bare.starts_with('[') && bare.ends_with(']')) {
            const std::size_t first = bare.find_first_not_of('[');
            table = bare.substr(first, bare.find(']') - first);
        } else if (!bare.empty() && bare.front() != ' ' && bare.find(" = ") != bare.npos) {
            options[table].insert(std::string{bare.substr(0, bare.find(" = "))});
        }
    }
    return options;
}

}  // namespace

TEST_CASE("the configuration file as it is shipped is the default configuration") {
    CHECK(compiled(without_marks({})) == compiled(""));
}

TEST_CASE("every option of the configuration file is set to its default") {
    CHECK(compiled(without_marks({"#"})) == compiled(""));
}

TEST_CASE("what is not in use by default has its options' defaults, too") {
    const conf::Config config = compiled(without_marks({"#", "##"}));
    const std::vector<conf::OptionTable> tables = chain::plugin_tables();
    REQUIRE(config.runtime.servers.size() == 1);
    std::set<std::string> names;
    for (const conf::PluginConfig& plugin : config.runtime.servers[0].plugins) {
        names.insert(plugin.name);
    }
    CHECK(names.size() == tables.size());
    for (const conf::PluginConfig& plugin : config.runtime.servers[0].plugins) {
        INFO(plugin.name);
        const auto table = std::ranges::find(tables, plugin.name, &conf::OptionTable::name);
        REQUIRE(table != tables.end());
        if (table->syntax.free_body) continue;
        for (const Option& option : table->options) CHECK(plugin.options.given(option.name));
        if (!has_required(*table)) CHECK(plugin.options == Options{table->options});
    }
}

TEST_CASE("the configuration file names every option and no other") {
    std::map<std::string, std::set<std::string>> in_file = options_in_file();
    std::map<std::string, std::set<std::string>> known;
    for (const conf::OptionTable& table : conf::agent_tables()) {
        for (const Option& option : table.options) {
            known[std::string{table.name}].insert(std::string{option.name});
        }
    }
    for (const conf::OptionTable& table : chain::plugin_tables()) {
        std::set<std::string>& of_table = known["server." + std::string{table.name}];
        for (const Option& option : table.options) of_table.emplace(option.name);
        // With a grammar of its own it has the keys that every plugin has.
        std::set<std::string>& in_table = in_file["server." + std::string{table.name}];
        if (!table.syntax.free_body) continue;
        CHECK_FALSE(in_table.empty());
        in_table.erase("line");
        in_table.erase("body");
    }
    // Of the directives that are no plugins, those that say how a block is served.
    for (const conf::OptionTable& table : conf::directive_tables()) {
        static constexpr std::string_view shown[] = {"cancel", "https", "timeouts", "tls"};
        if (!std::ranges::count(shown, table.name)) continue;
        std::set<std::string>& of_table = known["server." + std::string{table.name}];
        for (const Option& option : table.options) of_table.emplace(option.name);
    }
    known["server"].insert("zones");
    CHECK(in_file == known);
}
