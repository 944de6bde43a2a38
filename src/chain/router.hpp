// hot path
#pragma once
// Router: from a name to the longest zone that it is in. A hash table over the zones' wire form; a
// look-up hashes only those suffixes of the name that have as many labels as some zone has.

#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace nameplane::chain {

class Chain;
class Traffic;

/// A zone, what answers for it and what counts it. The pointers belong to Chains.
struct Zone {
    dns::Name name;  ///< lower case
    const Chain* chain = nullptr;
    const Traffic* traffic = nullptr;
    /// Whom to ask when the chain does not admit a query: the next of the same name, else the next
    /// shorter zone. Set by Router::make() for chains that filter.
    const Zone* next = nullptr;
    /// Whether queries of classes other than IN may enter.
    bool takes_all_classes = false;
};

/// Built once, then read by any thread.
class Router {
public:
    Router() = default;
    /// `conflict` if a zone stands twice, unless the chains of all but the last one filter.
    static Result<Router> make(std::span<const Zone> zones);

    /// The longest zone that `name` (lower case) is equal to or below, or nullptr; of those with
    /// the same name the first. No allocation.
    const Zone* find(dns::NameView name) const noexcept;

private:
    static constexpr std::size_t labels_max = 127;  // (255 - 1) / 2

    /// The slot that holds `zone`, or the empty one where it would go.
    std::size_t slot_of(dns::NameView zone) const noexcept;

    std::unique_ptr<Zone[]> zones_;
    std::unique_ptr<std::uint32_t[]> slots_;  // 1 + index into zones_, 0: empty
    std::size_t slot_mask_ = 0;
    std::bitset<labels_max + 1> label_counts_;  // those that some zone has
};

}  // namespace nameplane::chain
