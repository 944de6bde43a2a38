#include "agent/node_local_network.hpp"

#include <nameplane/base/log.hpp>

#include <chrono>
#include <utility>

namespace nameplane::agent {

namespace iptables = rules::iptables;
using net::LinkLife;

NodeLocalNetwork::NodeLocalNetwork(const NodeLocal& role, std::uint16_t dns_port,
                                   SetupErrors& errors)
    : role_{role}, errors_{errors} {
    rules_.addresses = role.addresses;
    rules_.dns_port = dns_port;
    rules_.health_port = role.health_port;
    // Nobody looks at signals meanwhile.
    rules_.nft.time_max = std::chrono::seconds{20};
}

void NodeLocalNetwork::begin() {
    // With -skipteardown they were left on purpose.
    if (!role_.skip_teardown) {
        remove_rules();
        if (role_.setup_interface) remove_interface();
    }
    if (role_.setup_interface) ensure_interface();
}

void NodeLocalNetwork::ensure() {
    if (role_.setup_interface) ensure_interface();
    if (!role_.setup_iptables) return;
    choose_iptables();
    const Result<std::size_t> added = iptables::ensure_node_local_rules(rules_);
    if (!added) return count_rules(added.error());
    if (*added != 0) NP_LOG_INFO("nodelocal.rules", "added", *added);
}

// Once: by the first time those of the cluster have theirs.
void NodeLocalNetwork::choose_iptables() {
    if (std::exchange(chosen_, true)) return;
    const iptables::Choice choice = iptables::kind_in_use();
    rules_.kind = choice.kind;
    NP_LOG_INFO("nodelocal.iptables", "kind", choice.kind == iptables::Kind::nft ? "nft" : "legacy",
                "reason", choice.why);
}

void NodeLocalNetwork::make_interface() {
    const std::string& name = role_.interface_name;
    // One that shall stay cannot live by us.
    if (!role_.skip_teardown) {
        Result<net::Link> made = net::make_link(name, LinkLife::descriptor);
        if (made) {
            link_ = std::move(made).value();
            rules_.only_while_local = true;
            NP_LOG_INFO("nodelocal.interface", "name", name, "life", "descriptor");
            return;
        }
        NP_LOG_WARNING("nodelocal.interface_stays", "name", name, "error", made.error());
    }
    Result<net::Link> made = net::make_link(name, LinkLife::permanent);
    rules_.only_while_local = false;
    if (!made) {
        errors_.count(SetupError::interface_add);
        NP_LOG_ERROR("nodelocal.interface_failed", "name", name, "error", made.error());
        return;
    }
    link_ = std::move(made).value();
    NP_LOG_INFO("nodelocal.interface", "name", name, "life", "permanent");
}

void NodeLocalNetwork::ensure_interface() {
    if (!net::has_link(role_.interface_name)) make_interface();
    const Status there = net::add_addresses(role_.interface_name, role_.addresses);
    if (there) return;
    errors_.count(SetupError::interface_check);
    NP_LOG_ERROR("nodelocal.interface_failed", "name", role_.interface_name, "error",
                 there.error());
}

void NodeLocalNetwork::remove_interface() {
    if (const Status gone = net::remove_link(role_.interface_name); !gone) {
        NP_LOG_ERROR("nodelocal.interface_failed", "name", role_.interface_name, "error",
                     gone.error());
    }
}

void NodeLocalNetwork::remove_rules() {
    if (!role_.setup_iptables) return;
    if (const Status gone = iptables::remove_node_local_rules(rules_); !gone) {
        count_rules(gone.error());
    }
}

void NodeLocalNetwork::tear_down() {
    // Without the address the rules have no effect, and that is at once; else they must go first,
    // since they keep packets to an address that is nobody's from being translated.
    const bool at_once = static_cast<bool>(link_.held);
    link_.held.reset();
    remove_rules();
    if (role_.setup_interface && !at_once) remove_interface();
    NP_LOG_INFO("nodelocal.torn_down");
}

void NodeLocalNetwork::count_rules(const Error& error) {
    errors_.count(error.code == Errc::again ? SetupError::iptables_lock : SetupError::iptables);
    NP_LOG_ERROR("nodelocal.rules_failed", "error", error);
}

}  // namespace nameplane::agent
