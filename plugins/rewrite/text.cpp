// hot path
#include "plugins/rewrite/text.hpp"

namespace nameplane::plugins::rewriting {

bool Match::matches(std::string_view name) const noexcept {
    switch (kind) {
    case Kind::exact: return name == text;
    case Kind::prefix: return name.starts_with(text);
    case Kind::suffix: return name.ends_with(text);
    case Kind::substring: return name.find(text) != std::string_view::npos;
    case Kind::regex: return pattern->matches(name);
    }
    return false;
}

void add_replacement(NameText& text, const Replacement& to,
                     std::span<const std::string_view> groups) noexcept {
    for (const Replacement::Part& part : to.parts) {
        text.add(part.text);
        if (part.group < 0) continue;
        const auto group = static_cast<std::size_t>(part.group);
        if (group < groups.size()) text.add(groups[group]);
    }
}

namespace {

void replace_all(NameText& text, std::string_view name, std::string_view from,
                 std::string_view to) noexcept {
    while (!name.empty()) {
        const std::size_t at = name.find(from);
        text.add(name.substr(0, at));
        if (at == std::string_view::npos) return;
        text.add(to);
        name.remove_prefix(at + from.size());
    }
}

}  // namespace

std::optional<NameText> replaced(const Match& match, const Replacement& to,
                                 std::string_view name) noexcept {
    NameText text;
    if (match.kind == Match::Kind::regex) {
        std::array<std::string_view, Pattern::groups_max> groups;
        const std::size_t count = match.pattern->group_count() + 1;
        if (!match.pattern->match(name, std::span{groups}.first(count))) return std::nullopt;
        add_replacement(text, to, std::span{groups}.first(count));
        return text;
    }
    if (!match.matches(name)) return std::nullopt;
    switch (match.kind) {
    case Match::Kind::regex:
    case Match::Kind::exact: text.add(to.whole); break;
    case Match::Kind::prefix:
        text.add(to.whole);
        text.add(name.substr(match.text.size()));
        break;
    case Match::Kind::suffix:
        text.add(name.substr(0, name.size() - match.text.size()));
        text.add(to.whole);
        break;
    case Match::Kind::substring: replace_all(text, name, match.text, to.whole); break;
    }
    return text;
}

}  // namespace nameplane::plugins::rewriting
