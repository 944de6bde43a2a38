// TOML from anybody: reading and compiling ends with a configuration or with problems, never with
// anything else, and every problem has a place in the file.

#include "conf/toml.hpp"

#include "conf/compile.hpp"
#include <nameplane/base/check.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace nameplane;

namespace {

constexpr std::array options{
    Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL"},
    Option{"pods", OneOf{{"disabled", "verified"}, "disabled"}, "pod names"},
    Option{"namespaces", Words{}, "namespaces"}, Option{"zones", Zones{}, "zones"}};
constexpr std::array<conf::OptionTable, 1> plugins{
    {{"kubernetes", options, {.positional = {"zones..."}}}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const conf::TomlReading reading = conf::read_toml(text, "fuzz.toml");
    for (const conf::Problem& problem : reading.problems) {
        NP_CHECK(problem.where.line > 0, "a problem of TOML has a line");
    }
    const conf::Compiled first = conf::compile(reading.document, plugins);
    const conf::Compiled again = conf::compile(reading.document, plugins);
    NP_CHECK(first.config == again.config, "compiling is a function of the document");
    return 0;
}
