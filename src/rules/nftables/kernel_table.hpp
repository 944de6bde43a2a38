#pragma once
// KernelTable: our table as the kernel has it: sets, chains and rules. Elements are compared while
// they are listed (compare_elements), since there may be very many.

#include "rules/nftables/encode.hpp"
#include "rules/nftables/netlink.hpp"
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules::nftables {

struct KernelTable {
    bool exists = false;
    bool dormant = false;  ///< its chains see no packet
    std::map<std::string, KernelSet> sets;
    std::map<std::string, KernelChain> chains;
    /// Elements of each set, where the kernel tells (Linux 6.15).
    std::map<std::string, std::uint32_t> counts;
    std::map<std::string, std::vector<std::string>> rules;  ///< fingerprints, in order, by chain

    /// Reads the table of that family; other tables are passed over unread.
    static Result<KernelTable> read(Netlink& netlink, Family family);
};

/// The chains of all tables of the family.
Status
for_each_chain(Netlink& netlink, Family family,
               const std::function<void(std::string_view table, std::string_view chain)>& visit);
/// How many rules any table has; none if it is not there.
Result<std::size_t> count_rules(Netlink& netlink, Family family, std::string_view table);

struct KernelElement;
/// Lists the elements of one of our maps.
Status list_elements(Netlink& netlink, Family family, MapId map,
                     const std::function<void(const KernelElement&)>& visit);

}  // namespace nameplane::rules::nftables
