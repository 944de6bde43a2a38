#pragma once
// JsonValue: one place in a parsed JSON document, seen as fields.hpp sees a Value of a Tree. What
// the API server sends is decoded from it without a Tree in between.

#include "kube/tree.hpp"

#include <simdjson.h>

#include <cstdint>
#include <string_view>

namespace nameplane::kube {

/// Valid until the parser that gave the element parses again.
class JsonValue {
public:
    JsonValue() = default;
    explicit JsonValue(simdjson::dom::element element, std::string_view key = {}) noexcept
        : element_{element}, key_{key}, here_{true} {}

    /// Whether something other than null stands here.
    bool present() const noexcept { return here_ && !element_.is_null(); }
    /// Numbers and truth values are plain, strings are text.
    Shape shape() const noexcept;
    /// A string's text; empty for everything else.
    std::string_view text() const noexcept;
    /// The key under which for_each() found it in its map.
    std::string_view key() const noexcept { return key_; }
    /// Not known: answers of the API are of one line.
    std::uint32_t line() const noexcept { return 0; }
    /// The map's value of `key`, or nowhere.
    JsonValue find(std::string_view key) const noexcept;
    /// The first child of a list or map, or nowhere.
    JsonValue first() const noexcept;
    /// Calls `visit(child)` for each child of a list or map.
    template <class F> void for_each(F visit) const {
        simdjson::dom::array list;
        simdjson::dom::object map;
        if (!here_) return;
        if (element_.get(list) == simdjson::SUCCESS) {
            for (const simdjson::dom::element child : list) visit(JsonValue{child});
        } else if (element_.get(map) == simdjson::SUCCESS) {
            for (const simdjson::dom::key_value_pair child : map)
                visit(JsonValue{child.value, child.key});
        }
    }
    /// Whether it is a place at all (null counts).
    explicit operator bool() const noexcept { return here_; }
    simdjson::dom::element element() const noexcept { return element_; }

private:
    simdjson::dom::element element_;  // must not be looked at unless here_
    std::string_view key_;
    bool here_ = false;
};

}  // namespace nameplane::kube
