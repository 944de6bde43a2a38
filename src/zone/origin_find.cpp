// hot path
#include "zone/origin_node.hpp"

namespace nameplane::zone {

const OfOrigin* OriginTree::at(std::uint32_t hash, dns::NameView lower) const noexcept {
    const Node* node = root_.get();
    for (std::uint32_t bits = hash; node != nullptr && node->is_branch; bits >>= Branch::bits) {
        node = branch_of(*node).below[bits & Branch::mask].get();
    }
    if (node == nullptr) return nullptr;
    for (const Slot& slot : end_of(*node).slots) {
        if (slot.hash == hash && slot.thing->origin.view().equals(lower)) return slot.thing.get();
    }
    return nullptr;
}

const OfOrigin* OriginTree::find(const Suffixes& name) const noexcept {
    for (std::size_t i = 0; i < name.count(); ++i) {
        if (const OfOrigin* const found = at(name.hash(i), name.name(i))) return found;
    }
    return nullptr;
}

const OfOrigin* OriginTree::find_exact(dns::NameView lower) const noexcept {
    return at(Suffixes::hash_of(lower), lower);
}

}  // namespace nameplane::zone
