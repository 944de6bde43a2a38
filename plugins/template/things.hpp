#pragma once
// things: what of a query has fields in templates: the numbers of Value's objects.

#include "plugins/template/go_template.hpp"

#include <cstdint>
#include <string_view>

namespace nameplane::plugins::templating {

enum class Thing : std::uint8_t {
    whole,
    message,
    header,
    asked,     ///< .Question, which Go points to
    question,  ///< of the message, which holds it
    option_record,
    option_header,            ///< .Hdr, which the record holds
    option_header_by_method,  ///< .Header, which points to it
    variables,
};

/// How Go sees one; without a type where nobody can tell what it prints.
Shape shape_of(Thing thing) noexcept;

}  // namespace nameplane::plugins::templating
