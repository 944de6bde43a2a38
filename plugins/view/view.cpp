#include "plugins/view/view.hpp"

#include <nameplane/query_functions.hpp>

#include <algorithm>

namespace nameplane::plugins {

Result<PluginPtr> View::make(const Options& given, Setup&) {
    const expression::Environment environment{.functions = QueryFunctions::all(), .variables = {}};
    std::vector<expression::Expression> conditions;
    Mistakes mistakes;
    for (const Statement& line : given.statements("expr")) {
        std::string text;
        for (const std::string& word : line.words) text += (text.empty() ? "" : " ") + word;
        auto condition = expression::Expression::parse(text, environment);
        if (condition) {
            conditions.push_back(std::move(*condition));
        } else {
            mistakes.add(line.where, "view: expr: " + condition.error().text);
        }
    }
    if (mistakes.any()) return mistakes.to_error();
    return PluginPtr{new View{given.text("name"), std::move(conditions)}};
}

bool View::admits(Query& query) const noexcept {
    const QueryFunctions functions{query};
    return std::ranges::all_of(conditions_, [&](const expression::Expression& condition) {
        expression::Value value;
        return condition.run(functions, {}, query.arena(), value) &&
               value.type == expression::Type::boolean && value.boolean;
    });
}

std::optional<std::string_view> View::metadata(Query&, std::string_view label) const noexcept {
    if (label != "view/name") return std::nullopt;
    return name_;
}

}  // namespace nameplane::plugins
