#pragma once
// OriginTable: what there is for each origin, found by the longest origin above a name. A value
// that shares its memory with those that it was copied from: a change copies only what lies on the
// way to it, so that one of many thousands costs little more than one of ten, and who reads a copy
// on another thread never sees a change.
//
// It is a tree by hash: a branch takes five bits of it, an end holds a few origins.

#include "zone/suffixes.hpp"
#include <nameplane/dns/name.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace nameplane::zone {

/// What stands in a table.
struct OfOrigin {
    dns::Name origin;  ///< lower case
};

/// The table for things of any kind. Changed by one thread, read by those that have a copy; a
/// look-up takes no heap and no lock.
class OriginTree {
public:
    /// In place of what the origin had.
    void put(std::shared_ptr<const OfOrigin> thing);
    /// False: there was none.
    bool remove(dns::NameView lower);

    /// That with the longest origin that the name is equal to or below; nullptr: none.
    const OfOrigin* find(const Suffixes& name) const noexcept;
    /// That with exactly this origin, in lower case.
    const OfOrigin* find_exact(dns::NameView lower) const noexcept;
    std::size_t size() const noexcept { return size_; }
    /// In no order.
    void for_each(const std::function<void(const OfOrigin&)>& visit) const;

private:
    struct Node;
    struct End;
    struct Branch;
    struct Slot;
    using NodePtr = std::shared_ptr<const Node>;

    static const Branch& branch_of(const Node& node) noexcept;
    static const End& end_of(const Node& node) noexcept;
    static NodePtr with(const NodePtr& node, unsigned level, Slot slot);
    static NodePtr split(const End& end, unsigned level);
    static NodePtr without(const Node& node, unsigned level, std::uint32_t hash,
                           dns::NameView lower);
    static void visit_all(const Node* node, const std::function<void(const OfOrigin&)>& visit);
    const OfOrigin* at(std::uint32_t hash, dns::NameView lower) const noexcept;

    NodePtr root_;
    std::size_t size_ = 0;
};

/// The table of things of one kind, which begin with their origin.
template <class T> class OriginTable {
public:
    using Entry = T;

    void put(std::shared_ptr<const T> entry) { tree_.put(std::move(entry)); }
    bool remove(dns::NameView lower) { return tree_.remove(lower); }
    const T* find(const Suffixes& name) const noexcept {
        return static_cast<const T*>(tree_.find(name));
    }
    const T* find_exact(dns::NameView lower) const noexcept {
        return static_cast<const T*>(tree_.find_exact(lower));
    }
    std::size_t size() const noexcept { return tree_.size(); }
    template <class Visit> void for_each(const Visit& visit) const {
        tree_.for_each([&](const OfOrigin& thing) { visit(static_cast<const T&>(thing)); });
    }

private:
    OriginTree tree_;
};

}  // namespace nameplane::zone
