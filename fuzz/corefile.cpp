// Corefiles from anybody: reading and compiling ends with a configuration or with problems, every
// problem has a place in the file, and what has none prints as TOML and as a Corefile that mean the
// same.

#include "conf/corefile.hpp"

#include "conf/compile.hpp"
#include "conf/print.hpp"
#include "conf/toml.hpp"
#include <nameplane/base/check.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace nameplane;

namespace {

constexpr std::array kubernetes{
    Option{"zones", Zones{}, "zones"},
    Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL"},
    Option{"pods", OneOf{{"disabled", "verified"}, "disabled"}, "pod names"},
    Option{"noendpoints", Flag{}, "no endpoints"},
    Option{"wait", Milliseconds{0, 9999, 5}, "time"},
    Option{"namespaces", Words{.from = 1}, "namespaces"},
    Option{"limit", Statements{}, "limits"}};
constexpr std::array forward{Option{"from", Text{""}, "zone"},
                             Option{"to", Words{.from = 1}, "upstreams"}};
constexpr std::array<conf::OptionTable, 3> plugins{
    {{"rewrite", {}, {.repeats = true, .free_body = true}},
     {"kubernetes", kubernetes, {.positional = {"zones..."}}},
     {"forward", forward, {.positional = {"from", "to..."}, .repeats = true}}}};

// Files that are only here.
conf::Surroundings surroundings() {
    return {[](const std::string& path) -> Result<std::string> {
                return std::string{path.ends_with("self") ? "import self\n" : "errors\n"};
            },
            [](const std::string& pattern) {
                return std::vector<std::string>(pattern.size() % 3, pattern);
            },
            [](const std::string& name) { return name + name; }};
}

conf::Compiled compiled(std::string_view text) {
    const conf::CorefileReading reading = conf::read_corefile(text, "C", surroundings());
    conf::Compiled result = conf::compile(reading.document, plugins);
    result.problems.insert(result.problems.end(), reading.problems.begin(), reading.problems.end());
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const conf::Compiled first = compiled(text);
    for (const conf::Problem& problem : first.problems) {
        NP_CHECK(problem.where.line > 0, "a problem of a Corefile has a line");
    }
    // TOML is UTF-8, and a quote behind a backslash cannot be written in a Corefile.
    const bool printable = std::ranges::none_of(text, [](char c) {
        return c == '\\' || c == '$' || c == '%' || static_cast<unsigned char>(c) >= 0x80;
    });
    if (!first.problems.empty() || !printable) return 0;
    const conf::TomlReading toml =
        conf::read_toml(conf::print_toml(first.config, plugins).text, "t.toml");
    NP_CHECK(toml.problems.empty(), "what is printed is TOML");
    const conf::Compiled again = conf::compile(toml.document, plugins);
    NP_CHECK(again.config == first.config, "TOML means what the Corefile means");
    const conf::Compiled same = compiled(conf::print_corefile(first.config, plugins).text);
    NP_CHECK(same.config == first.config, "what is printed means what was read");
    return 0;
}
