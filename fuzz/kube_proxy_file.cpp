// Any octets as kube-proxy's configuration file: settings, or a sentence for each thing wrong.

#include "agent/kube_proxy_file.hpp"

#include "agent/kube_proxy_config.hpp"
#include "conf/compile.hpp"
#include "conf/print.hpp"
#include "conf/toml.hpp"

#include <cstdint>
#include <cstdlib>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    agent::KubeProxyReading reading = agent::read_kube_proxy_file(text, "f");
    const conf::Document document = agent::settings_of(reading.values, reading.problems);
    const conf::Compiled compiled = conf::compile(document, {});
    if (!reading.problems.empty() || !compiled.problems.empty()) return 0;
    // What is right is right as TOML, too, and means the same.
    const conf::TomlReading toml = conf::read_toml(conf::print_settings(document), "t");
    if (!toml.problems.empty()) std::abort();
    if (!(conf::compile(toml.document, {}).config == compiled.config)) std::abort();
    // And so does the whole file that is written of it.
    agent::KubeProxyReading again =
        agent::read_kube_proxy_file(agent::kube_proxy_yaml(reading.values), "w");
    const conf::Document written = agent::settings_of(again.values, again.problems);
    if (!again.problems.empty()) std::abort();
    if (!(conf::compile(written, {}).config == compiled.config)) std::abort();
    return 0;
}
