#include <nameplane/query_format.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace nameplane::query_format {

namespace {

using Field = Format::Field;

constexpr std::array<std::pair<std::string_view, Field>, 16> fields{{
    {"{type}", Field::type},
    {"{class}", Field::klass},
    {"{name}", Field::name},
    {"{proto}", Field::proto},
    {"{size}", Field::size},
    {"{remote}", Field::remote},
    {"{port}", Field::port},
    {"{local}", Field::local},
    {"{>id}", Field::id},
    {"{>opcode}", Field::opcode},
    {"{>do}", Field::dnssec_ok},
    {"{>bufsize}", Field::bufsize},
    {"{rcode}", Field::rcode},
    {"{rsize}", Field::rsize},
    {"{duration}", Field::duration},
    {"{>rflags}", Field::rflags},
}};

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
    return text;
}

}  // namespace

Format::Format(std::string_view text) {
    const std::string whole = replaced(replaced(std::string{text}, "{common}", common_format),
                                       "{combined}", combined_format);
    std::string_view left = whole;
    // A closing brace, then the nearest opening one before it: "{ {type} }" has one placeholder.
    for (std::size_t close = left.find('}'); close != std::string_view::npos;
         close = left.find('}')) {
        const std::size_t open = left.substr(0, close).rfind('{');
        const std::string_view word =
            open == std::string_view::npos ? "" : left.substr(open, close + 1 - open);
        const auto* const found =
            std::ranges::find(fields, word, &std::pair<std::string_view, Field>::first);
        if (found != fields.end()) {
            add(Field::text, left.substr(0, open));
            add(found->second, {});
        } else if (word.starts_with("{/")) {
            add(Field::text, left.substr(0, open));
            add(Field::metadata, word.substr(2, word.size() - 3));
        } else {
            add(Field::text, left.substr(0, close + 1));
        }
        left.remove_prefix(close + 1);
    }
    add(Field::text, left);
}

void Format::add(Field field, std::string_view text) {
    if (field == Field::text && text.empty()) return;
    if (field == Field::text && !nodes_.empty() && nodes_.back().field == Field::text) {
        nodes_.back().text += text;
        return;
    }
    nodes_.push_back({field, std::string{text}});
}

}  // namespace nameplane::query_format
