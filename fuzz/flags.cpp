// Arguments of a program that is called nameplane, kube-proxy or node-cache, one a line: a command
// comes of them, or a sentence.

#include "agent/command_line.hpp"
#include "agent/corefile_flags.hpp"
#include "agent/kube_proxy_flags.hpp"
#include "agent/node_local_flags.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace nameplane;
using namespace nameplane::agent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    std::vector<std::string> arguments;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        // An argument ends where C ends it.
        arguments.emplace_back(line.substr(0, line.find('\0')));
    }
    for (const char* called : {"nameplane", "/usr/bin/kube-proxy", "coredns"}) {
        const Command command = parse_command_line(arguments, called);
        const auto* said = std::get_if<SayCommand>(&command);
        if (said != nullptr && said->text.empty()) std::abort();
    }
    if (with_our_flags(arguments).size() != arguments.size()) std::abort();
    const auto proxy = take_kube_proxy_flags(arguments, "kube-proxy");
    if (proxy ? !proxy->role : proxy.error().text.empty()) std::abort();
    const auto local = take_node_local_flags(arguments);
    if (!local && local.error().text.empty()) std::abort();
    if (local && local->role && local->role->addresses.empty()) std::abort();
    return 0;
}
