#include "kube/json_value.hpp"

namespace nameplane::kube {

namespace dom = simdjson::dom;

Shape JsonValue::shape() const noexcept {
    if (!here_) return Shape::null;
    switch (element_.type()) {
    case dom::element_type::ARRAY: return Shape::list;
    case dom::element_type::OBJECT: return Shape::map;
    case dom::element_type::STRING: return Shape::text;
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
    case dom::element_type::BOOL: return Shape::plain;
    case dom::element_type::NULL_VALUE: break;
    }
    return Shape::null;
}

std::string_view JsonValue::text() const noexcept {
    std::string_view text;
    if (!here_ || element_.get(text) != simdjson::SUCCESS) return {};
    return text;
}

JsonValue JsonValue::find(std::string_view key) const noexcept {
    dom::object map;
    dom::element value;
    if (!here_ || element_.get(map) != simdjson::SUCCESS ||
        map.at_key(key).get(value) != simdjson::SUCCESS)
        return {};
    return JsonValue{value, key};
}

JsonValue JsonValue::first() const noexcept {
    dom::array list;
    dom::object map;
    if (!here_) return {};
    if (element_.get(list) == simdjson::SUCCESS && list.begin() != list.end())
        return JsonValue{*list.begin()};
    if (element_.get(map) == simdjson::SUCCESS && map.begin() != map.end())
        return JsonValue{map.begin().value(), map.begin().key()};
    return {};
}

}  // namespace nameplane::kube
