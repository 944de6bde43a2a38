#include "agent/node_local_flags.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace nameplane::agent {
namespace {

using Taken = std::optional<std::string>;  // what was expected instead, if it was not

std::optional<unsigned> number_of(std::string_view text, unsigned most) {
    unsigned number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || number > most) return std::nullopt;
    return number;
}

Taken take_addresses(std::string_view text, NodeLocal& role) {
    role.addresses.clear();
    for (;;) {
        const std::size_t comma = text.find(',');
        const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, comma));
        if (!address) return "IP addresses with commas between them";
        if (std::ranges::find(role.addresses, *address) == role.addresses.end()) {
            role.addresses.push_back(*address);
        }
        if (comma == text.npos) return std::nullopt;
        text.remove_prefix(comma + 1);
    }
}

Taken take_truth(std::string_view text, bool& truth) {
    // As Go's strconv.ParseBool.
    constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
    constexpr std::array<std::string_view, 6> no{"0", "f", "F", "false", "FALSE", "False"};
    truth = std::ranges::find(yes, text) != yes.end();
    if (truth || std::ranges::find(no, text) != no.end()) return std::nullopt;
    return "true or false";
}

// node-cache reads a duration and multiplies it by a second: its "60ns" is our 60 s, and so is what
// people mean by 60 and by 60s.
Taken take_interval(std::string_view text, std::chrono::seconds& interval) {
    std::string_view digits = text;
    unsigned factor = 1;
    if (digits.ends_with("ns")) {
        digits.remove_suffix(2);
    } else if (digits.ends_with('s')) {
        digits.remove_suffix(1);
    } else if (digits.ends_with('m')) {
        digits.remove_suffix(1);
        factor = 60;
    }
    const std::optional<unsigned> number = number_of(digits, 1'000'000);
    if (!number || *number == 0) return "seconds from 1";
    interval = std::chrono::seconds{*number * factor};
    return std::nullopt;
}

Taken take_port(std::string_view text, std::uint16_t& port) {
    const std::optional<unsigned> number = number_of(text, 65535);
    if (!number) return "a port";
    port = static_cast<std::uint16_t>(*number);
    return std::nullopt;
}

Taken take_listen(std::string_view text, SocketAddress& listen) {
    const std::string full = (text.starts_with(':') ? "0.0.0.0" : "") + std::string{text};
    const std::optional<SocketAddress> address = SocketAddress::parse(full);
    if (!address) return "address:port";
    listen = *address;
    return std::nullopt;
}

Taken take_text(std::string_view text, std::string& place) {
    place = text;
    return std::nullopt;
}

struct Flag {
    std::string_view name;
    bool is_truth;
    Taken (*take)(std::string_view text, NodeLocal& role);
};
using Text = std::string_view;

constexpr std::array flags{
    Flag{"localip", false, take_addresses},
    Flag{"setupinterface", true,
         [](Text text, NodeLocal& role) { return take_truth(text, role.setup_interface); }},
    Flag{"interfacename", false,
         [](Text text, NodeLocal& role) { return take_text(text, role.interface_name); }},
    Flag{"setupiptables", true,
         [](Text text, NodeLocal& role) { return take_truth(text, role.setup_iptables); }},
    Flag{"skipteardown", true,
         [](Text text, NodeLocal& role) { return take_truth(text, role.skip_teardown); }},
    Flag{"reloadwithsignal", true,
         [](Text text, NodeLocal& role) { return take_truth(text, role.reload_with_signal); }},
    Flag{"syncinterval", false,
         [](Text text, NodeLocal& role) { return take_interval(text, role.sync_interval); }},
    Flag{"metrics-listen-address", false,
         [](Text text, NodeLocal& role) { return take_listen(text, role.metrics_listen); }},
    Flag{"prometheus-listen-address", false,
         [](Text text, NodeLocal& role) { return take_text(text, role.prometheus_listen); }},
    Flag{"health-port", false,
         [](Text text, NodeLocal& role) { return take_port(text, role.health_port); }},
    Flag{"basecorefile", false,
         [](Text text, NodeLocal& role) { return take_text(text, role.base_corefile); }},
    Flag{"corefile", false,
         [](Text text, NodeLocal& role) { return take_text(text, role.corefile); }},
    Flag{"kubednscm", false,
         [](Text text, NodeLocal& role) { return take_text(text, role.kube_dns_folder); }},
    Flag{"upstreamsvc", false,
         [](Text text, NodeLocal& role) { return take_text(text, role.upstream_service); }},
    // Old releases had it; ebtables rules were never needed by what we do.
    Flag{"setupebtables", true,
         [](Text text, NodeLocal&) -> Taken {
             bool wanted = false;
             if (take_truth(text, wanted) || wanted) return "false: there are no ebtables rules";
             return std::nullopt;
         }},
};

// A flag with one dash or two, as Go reads them; without its value.
std::string_view name_of(std::string_view argument) {
    if (!argument.starts_with('-')) return {};
    argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
    return argument.substr(0, argument.find('='));
}

}  // namespace

Result<NodeLocalArguments> take_node_local_flags(const std::vector<std::string>& arguments) {
    NodeLocalArguments taken;
    const auto is_role = [](const std::string& argument) { return name_of(argument) == "localip"; };
    if (std::ranges::none_of(arguments, is_role)) {
        taken.rest = arguments;
        return taken;
    }
    NodeLocal& role = taken.role.emplace();
    role.metrics_listen = {IpAddress::v4(0, 0, 0, 0), 9353};
    for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
        const std::string_view name = name_of(*argument);
        const auto flag = std::ranges::find(flags, name, &Flag::name);
        if (flag == flags.end()) {
            taken.rest.push_back(*argument);
            continue;
        }
        const std::string given = "-" + std::string{name};
        std::string value = "true";
        if (const std::size_t equals = argument->find('='); equals != argument->npos) {
            value = argument->substr(equals + 1);
        } else if (!flag->is_truth) {
            if (std::next(argument) == arguments.end()) {
                return Error{Errc::invalid, given + ": no value, expected one"};
            }
            value = *++argument;
        }
        if (const Taken expected = flag->take(value, role)) {
            return Error{Errc::invalid, given + ": '" + value + "', expected " + *expected};
        }
    }
    return taken;
}

}  // namespace nameplane::agent
