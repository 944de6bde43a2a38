#pragma once
// Update: what turns the table that the kernel holds into the one that is wanted, as one
// transaction. Made from two plans, or from a plan and what the kernel lists.

#include "rules/nftables/content.hpp"
#include "rules/nftables/elements.hpp"
#include "rules/nftables/kernel_table.hpp"
#include "rules/nftables/netlink.hpp"
#include "rules/writer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nameplane::rules::nftables {

class Update {
public:
    explicit Update(Family family) : family_{family}, gone_{family, false}, come_{family, true} {}

    // In the order in which the kernel gets them.
    Batch& frame() { return frame_; }  ///< table, sets, chains, rules
    void remove(const Element& element) { gone_.put(element); }
    void remove(MapId map, const KernelElement& element) {
        gone_.put(map, element.key, element.key_end);
    }
    void remove_all(MapId map) { gone_.put_all(map); }
    void add(const Element& element) { come_.put(element); }
    void add_chains(const std::vector<Chain>& chains);
    void remove_chain(const std::string& chain);
    void remove_set(const std::string& set);

    std::size_t elements() const { return gone_.count() + come_.count(); }
    bool empty() const;
    /// The first transaction is everything. Kernels before 6.2 may hold a chain busy whose last
    /// element went in the same transaction: then all but the chains' removal is done again.
    Status commit(Netlink& netlink);
    std::uint32_t transactions() const { return transactions_; }
    Applied applied() const;

    /// An endpoint of a Service with session affinity went.
    bool sticky_gone = false;

private:
    Family family_;
    Batch frame_;
    ElementMessages gone_;
    ElementMessages come_;
    std::vector<std::string> chains_gone_;
    std::vector<std::string> sets_gone_;
    std::size_t chains_come_ = 0;
    std::uint32_t transactions_ = 0;
};

/// From `before`, which `content` and `usage` hold, to `after`, which they hold then.
Update update_changes(const Plan& before, const Plan& after, Content& content, Usage& usage);
/// What becomes of the elements that the kernel has.
enum class Listing : std::uint8_t {
    compare,  ///< they are listed, only the difference is written
    /// All are written anew: the kernel lists a map in a time that grows with the square of its
    /// size.
    replace,
};
/// From what the kernel has to `plan`, which `content` holds; `usage` is counted.
Result<Update> update_whole(Netlink& netlink, const Plan& plan, Content& content, Usage& usage,
                            const KernelTable& table, Listing listing);
/// Removes what the affinity maps remember of endpoints that `content` does not have. What times
/// out meanwhile is no error.
Status purge_affinity(Netlink& netlink, Family family, const Content& content);

}  // namespace nameplane::rules::nftables
