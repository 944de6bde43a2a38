#pragma once
// node_local: the agent in the place of node-cache: a cache on this node at a link-local address
// and at the address of the cluster DNS, with the interface that holds them and the rules that lead
// there.
//
// It is two processes. The guardian, which was started, does what node-cache adds to CoreDNS:
// Corefile, interface, rules, their repair, and their removal. The agent, its child, answers DNS.
// Each sees the other's end, whatever ends it, and takes interface and rules away, so that pods
// reach the cluster DNS again. Against the end of both at once the interface lives by a descriptor
// of the guardian where the machine has /dev/net/tun, and the rules have no effect without it.

#include "agent/command_line.hpp"

namespace nameplane::agent {

/// Runs until the agent ends; its exit code, or 128 and the signal that ended it. `command` has a
/// node_local. Must be called while the process has one thread.
int run_node_local(RunCommand command);

}  // namespace nameplane::agent
