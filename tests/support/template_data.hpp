#pragma once
// template_data: a query for templates of the plugin template, without a query.

#include "plugins/template/go_template.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace nameplane::test {

using plugins::templating::Data;
using plugins::templating::Outcome;
using plugins::templating::Value;

/// Has .Name, .Match, .Group, .Message with .Id, .Messages (two of these), .Empty (none), and the
/// label a/b.
class TemplateData : public Data {
public:
    Outcome field(std::uint8_t object, std::string_view name,
                  Value& value) const noexcept override {
        static constexpr std::array<std::string_view, 3> matches{"ab.c.", "ab", "10"};
        static constexpr std::array<std::string_view, 4> groups{"0", "ab.c.", "hex", "ff"};
        if (object == 1 && name == "Id") {
            value = Value::of(7, Value::Width::u16);
        } else if (object != 0) {
            return Outcome::wrong;
        } else if (name == "Name") {
            value = Value::of(std::string_view{"ab.c."});
        } else if (name == "Match") {
            value = Value::of(std::span<const std::string_view>{matches});
        } else if (name == "Group") {
            value = Value::map_of(groups);
        } else if (name == "Message") {
            value = Value::object_of(1, this);
        } else if (name == "Messages" || name == "Empty") {
            value = Value::objects_of(1, name == "Empty" ? 0 : 2, this, name == "Empty");
        } else {
            return Outcome::wrong;
        }
        return Outcome::good;
    }
    std::string_view meta(std::string_view label) const noexcept override {
        return label == "a/b" ? "known" : "";
    }
};

}  // namespace nameplane::test
