#pragma once
// The parts of an OriginTree.

#include "zone/origin_table.hpp"

#include <array>
#include <vector>

namespace nameplane::zone {

/// A branch or an end.
struct OriginTree::Node {
    bool is_branch = false;
};

struct OriginTree::Slot {
    std::uint32_t hash = 0;
    std::shared_ptr<const OfOrigin> thing;
};

struct OriginTree::End : Node {
    std::vector<Slot> slots;
};

struct OriginTree::Branch : Node {
    static constexpr unsigned bits = 5;
    static constexpr std::uint32_t mask = (1U << bits) - 1;
    Branch() noexcept : Node{.is_branch = true} {}

    /// What is below, by the bits of a hash that belong to its level; nullptr: nothing.
    std::array<NodePtr, mask + 1> below;
};

inline const OriginTree::Branch& OriginTree::branch_of(const Node& node) noexcept {
    return static_cast<const Branch&>(node);
}

inline const OriginTree::End& OriginTree::end_of(const Node& node) noexcept {
    return static_cast<const End&>(node);
}

}  // namespace nameplane::zone
