#include "zone/origin_table.hpp"

#include "zone/origin_node.hpp"

#include <algorithm>
#include <utility>

namespace nameplane::zone {

namespace {

// An end of more becomes a branch; the hash has bits for so many levels of branches.
constexpr std::size_t slots_max = 8;
constexpr unsigned levels_max = 6;

}  // namespace

void OriginTree::put(std::shared_ptr<const OfOrigin> thing) {
    const std::uint32_t hash = Suffixes::hash_of(thing->origin);
    if (at(hash, thing->origin) == nullptr) ++size_;
    root_ = with(root_, 0, {hash, std::move(thing)});
}

bool OriginTree::remove(dns::NameView lower) {
    const std::uint32_t hash = Suffixes::hash_of(lower);
    if (at(hash, lower) == nullptr) return false;
    --size_;
    root_ = without(*root_, 0, hash, lower);
    return true;
}

OriginTree::NodePtr OriginTree::with(const NodePtr& node, unsigned level, Slot slot) {
    if (node != nullptr && node->is_branch) {
        auto branch = std::make_shared<Branch>(branch_of(*node));
        NodePtr& below = branch->below[slot.hash >> level * Branch::bits & Branch::mask];
        below = with(below, level + 1, std::move(slot));
        return branch;
    }
    auto end = node == nullptr ? std::make_shared<End>() : std::make_shared<End>(end_of(*node));
    std::erase_if(end->slots, [&](const Slot& old) {
        return old.hash == slot.hash && old.thing->origin == slot.thing->origin;
    });
    end->slots.push_back(std::move(slot));
    if (end->slots.size() > slots_max && level < levels_max) return split(*end, level);
    return end;
}

OriginTree::NodePtr OriginTree::split(const End& end, unsigned level) {
    NodePtr branch = std::make_shared<const Branch>();
    for (const Slot& slot : end.slots) branch = with(branch, level, slot);
    return branch;
}

OriginTree::NodePtr OriginTree::without(const Node& node, unsigned level, std::uint32_t hash,
                                        dns::NameView lower) {
    if (node.is_branch) {
        auto branch = std::make_shared<Branch>(branch_of(node));
        NodePtr& below = branch->below[hash >> level * Branch::bits & Branch::mask];
        below = without(*below, level + 1, hash, lower);
        const bool is_empty =
            std::ranges::all_of(branch->below, [](const NodePtr& each) { return each == nullptr; });
        return is_empty ? nullptr : branch;
    }
    auto end = std::make_shared<End>(end_of(node));
    std::erase_if(end->slots, [&](const Slot& slot) {
        return slot.hash == hash && slot.thing->origin.view().equals(lower);
    });
    return end->slots.empty() ? nullptr : end;
}

void OriginTree::for_each(const std::function<void(const OfOrigin&)>& visit) const {
    visit_all(root_.get(), visit);
}

void OriginTree::visit_all(const Node* node, const std::function<void(const OfOrigin&)>& visit) {
    if (node == nullptr) return;
    if (node->is_branch) {
        for (const NodePtr& below : branch_of(*node).below) visit_all(below.get(), visit);
    } else {
        for (const Slot& slot : end_of(*node).slots) visit(*slot.thing);
    }
}

}  // namespace nameplane::zone
