#pragma once
// compare: the elements that are wanted against those that the kernel has. Two ways lead to the
// same difference. Listing a map costs the kernel a time that grows with the square of its size,
// but little where it is small. Asking for each element by its key costs the same for each, and
// tells nothing of elements that nobody asks for; it needs a kernel that counts them.

#include "rules/nftables/content.hpp"
#include "rules/nftables/kernel_table.hpp"
#include "rules/nftables/netlink.hpp"
#include "rules/plan.hpp"
#include <nameplane/base/result.hpp>

#include <cstddef>

namespace nameplane::rules::nftables {

class Update;

/// Lists all maps and puts the difference into `update`.
Status compare_by_listing(Netlink& netlink, Update& update, const Plan& plan, Content& content,
                          const KernelTable& table);

/// A map with more elements is better asked than listed.
inline constexpr std::size_t listed_elements_max = 30'000;
/// From this many differences on, nobody asks on.
inline constexpr std::size_t asked_differences_max = 1'000;

/// Asks for the elements of large maps, lists the others. False, and `update` as it was: the kernel
/// does not count, has elements that are not wanted, or more differs than is worth asking for.
Result<bool> compare_by_asking(Netlink& netlink, Update& update, const Plan& plan, Content& content,
                               const KernelTable& table);

}  // namespace nameplane::rules::nftables
