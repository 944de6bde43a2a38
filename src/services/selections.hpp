#pragma once
// Selections: the label selectors that a configuration has, each once. An object is judged by all
// of them when the store takes it, and keeps a bit for each that it matches; its labels are let go.
// So a query costs a comparison of bits, and an object an octet.

#include "services/model.hpp"
#include "services/selector.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::services {

/// The selectors of one sort of object. At most `max`, the bits that an endpoint has room for.
class SelectorSet {
public:
    static constexpr std::size_t max = 5;

    /// False if it is not in the set yet and there is no room.
    bool add(const Selector& selector);
    /// The bit of `selector`, or nothing.
    std::optional<std::uint8_t> bit_of(const Selector& selector) const;
    /// The bits of those that `labels` match.
    std::uint8_t judge(const Labels& labels) const;
    bool empty() const noexcept { return selectors_.empty(); }
    /// The selectors in the order of their bits, a line each.
    std::string to_string() const;

private:
    std::vector<Selector> selectors_;
};

struct Selections {
    SelectorSet objects;     ///< `labels`: Services, EndpointSlices and Pods
    SelectorSet namespaces;  ///< `namespace_labels`
};

}  // namespace nameplane::services
