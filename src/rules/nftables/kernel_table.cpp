#include "rules/nftables/kernel_table.hpp"

#include "rules/nftables/elements.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

namespace nameplane::rules::nftables {
namespace {

const std::string table_text{table_name};

/// Adds the name of our table as attribute `type`.
std::function<void(nlmsghdr*)> of_our_table(std::uint16_t type) {
    return [type](nlmsghdr* header) { mnl_attr_put_strz(header, type, table_text.c_str()); };
}

}  // namespace

Result<KernelTable> KernelTable::read(Netlink& netlink, Family family) {
    KernelTable table;
    auto found = netlink.ask(family, NFT_MSG_GETTABLE, false, of_our_table(NFTA_TABLE_NAME),
                             [&](const nlmsghdr* message) { table.dormant = is_dormant(message); });
    if (!found && found.error().code == Errc::not_found) return table;
    if (!found) return std::move(found).error();
    table.exists = true;
    auto sets = netlink.ask(family, NFT_MSG_GETSET, true, of_our_table(NFTA_SET_TABLE),
                            [&](const nlmsghdr* message) {
                                KernelSet set = read_set(message);
                                if (const auto count = element_count(message)) {
                                    table.counts.emplace(set.name, *count);
                                }
                                table.sets.emplace(set.name, std::move(set));
                            });
    if (!sets) return std::move(sets).error();
    // The kernel lists chains of all tables or none; a chain is a name and a hook.
    auto chains = netlink.ask(
        family, NFT_MSG_GETCHAIN, true, [](nlmsghdr*) {},
        [&](const nlmsghdr* message) {
            KernelChain chain = read_chain(message);
            if (chain.table != table_name) return;
            table.chains.emplace(chain.name, std::move(chain));
        });
    if (!chains) return std::move(chains).error();
    auto rules = netlink.ask(family, NFT_MSG_GETRULE, true, of_our_table(NFTA_RULE_TABLE),
                             [&](const nlmsghdr* message) {
                                 KernelRule rule = read_rule(message);
                                 table.rules[rule.chain].push_back(std::move(rule.fingerprint));
                             });
    if (!rules) return std::move(rules).error();
    return table;
}

Status
for_each_chain(Netlink& netlink, Family family,
               const std::function<void(std::string_view table, std::string_view chain)>& visit) {
    return netlink.ask(
        family, NFT_MSG_GETCHAIN, true, [](nlmsghdr*) {},
        [&](const nlmsghdr* message) {
            const KernelChain chain = read_chain(message);
            visit(chain.table, chain.name);
        });
}

Result<std::size_t> count_rules(Netlink& netlink, Family family, std::string_view table) {
    std::size_t count = 0;
    const std::string name{table};
    auto listed = netlink.ask(
        family, NFT_MSG_GETRULE, true,
        [&](nlmsghdr* header) { mnl_attr_put_strz(header, NFTA_RULE_TABLE, name.c_str()); },
        [&](const nlmsghdr*) { ++count; });
    if (!listed && listed.error().code != Errc::not_found) return std::move(listed).error();
    return count;
}

Status list_elements(Netlink& netlink, Family family, MapId map,
                     const std::function<void(const KernelElement&)>& visit) {
    return netlink.ask(
        family, NFT_MSG_GETSETELEM, true,
        [&](nlmsghdr* header) {
            mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table_text.c_str());
            mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, info(map).name.data());
        },
        [&](const nlmsghdr* message) { read_elements(message, visit); });
}

}  // namespace nameplane::rules::nftables
