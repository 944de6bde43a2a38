#pragma once
// encode: tables, sets, chains and rules as the messages that nf_tables takes, and back as far as a
// comparison needs. By libnftnl, octet for octet what nft sends for our text, so that nft lists it
// as it would its own.

#include "rules/nftables/netlink.hpp"
#include "rules/nftables/rule.hpp"

#include <optional>
#include <string>
#include <vector>

namespace nameplane::rules::nftables {

/// Of a table that is there, it only ends that it is dormant.
void add_table(Batch& batch, Family family);
void delete_table(Batch& batch, Family family);
void add_map(Batch& batch, Family family, const MapInfo& map);
/// Whether the table in a message is dormant: `flags dormant` takes its chains out of packets' way.
bool is_dormant(const nlmsghdr* message);
/// An empty chain; its rules come when all chains are there.
void add_chain(Batch& batch, Family family, const Chain& chain);
void add_rules(Batch& batch, Family family, const Chain& chain);
void flush_chain(Batch& batch, Family family, const std::string& chain);
void delete_chain(Batch& batch, Family family, const std::string& chain);
void delete_set(Batch& batch, Family family, const std::string& set);

/// One text for each of a chain's rules: equal texts do the same.
std::vector<std::string> fingerprints(const Chain& chain, Family family);

struct KernelRule {
    std::string chain;
    std::string fingerprint;
};
KernelRule read_rule(const nlmsghdr* message);

struct KernelChain {
    std::string table;
    std::string name;
    bool is_base = false;
    bool accepts = true;  ///< policy
    Base base;
};
KernelChain read_chain(const nlmsghdr* message);

/// What a set must have in common with ours to be ours; how nft shall show it is left out.
struct KernelSet {
    std::string name;
    std::uint32_t flags = 0;
    std::uint32_t key_size = 0;
    std::uint32_t key_type = 0;
    std::uint32_t data_type = 0;
    std::uint32_t data_size = 0;
    std::uint32_t size_max = 0;  ///< elements; 0: no limit
    friend bool operator==(const KernelSet&, const KernelSet&) = default;
};
KernelSet read_set(const nlmsghdr* message);
/// How many elements the set in a message has; nothing where the kernel does not tell.
std::optional<std::uint32_t> element_count(const nlmsghdr* message);
KernelSet expected_set(const MapInfo& map, Family family);

/// Octets of a map's key and of what it gives, for endpoints.
std::size_t key_size(const MapInfo& map, Family family);
std::size_t endpoint_size(Family family);

}  // namespace nameplane::rules::nftables
