#pragma once
// xtables_rules: the rules that iptables-nft keeps in nf_tables, read from the kernel as text in
// the form of `iptables-nft-save`, which itself takes minutes for 100,000 chains. Only what rules
// of Services are made of is known; another rule is "?", with where it jumps to. Rule thread only.

#include "rules/nftables/netlink.hpp"
#include <nameplane/base/ip.hpp>
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nameplane::rules::nftables {

/// filter, nat and mangle of a family: "*nat", ":CHAIN - [0:0]", "-A CHAIN ...". Nothing of a table
/// that is not there. Errc::again: somebody changed it meanwhile.
Result<std::string> xtables_text(Netlink& netlink, Family family);

/// Appends "-A CHAIN ...", one line, of one rule as the kernel tells it; nothing if it is none.
void append_xtables_rule(std::span<const std::uint8_t> attributes, Family family, std::string& out);

/// Appends a comment as iptables-save prints it: quoted where it needs to be.
void append_comment(std::string_view comment, std::string& out);

}  // namespace nameplane::rules::nftables
