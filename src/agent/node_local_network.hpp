#pragma once
// NodeLocalNetwork: the interface and the rules of the NodeLocal role, as one thing: made, looked
// after, removed. What goes wrong is logged and counted; nothing of it ends the agent.

#include "agent/node_local_flags.hpp"
#include "agent/setup_errors.hpp"
#include "net/link.hpp"
#include "rules/iptables/node_local.hpp"

#include <string>

namespace nameplane::agent {

/// One thread.
class NodeLocalNetwork {
public:
    NodeLocalNetwork(const NodeLocal& role, std::uint16_t dns_port, SetupErrors& errors);

    /// Before anybody listens: takes away what an agent left that was killed, and makes the
    /// interface, so that the agent can bind to its addresses.
    void begin();
    /// Puts back what is missing of interface and rules.
    void ensure();
    void remove_rules();
    /// Removes the interface and the rules; clients are led to the cluster DNS again as early as
    /// possible.
    void tear_down();
    /// In a child: the interface is the parent's.
    void let_go() { link_.held.reset(); }

private:
    void make_interface();
    void ensure_interface();
    void remove_interface();
    void choose_iptables();
    void count_rules(const Error& error);

    const NodeLocal& role_;
    SetupErrors& errors_;
    rules::iptables::NodeLocalOptions rules_;
    bool chosen_ = false;  ///< which of the two iptables gets the rules
    net::Link link_;
};

}  // namespace nameplane::agent
