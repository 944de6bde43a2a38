// The directives to rules.

#include "plugins/rewrite/rewrite.hpp"

#include <algorithm>

namespace nameplane::plugins {

namespace {

using rewriting::Field;
using rewriting::Rule;

/// The words behind the directive; where they are too few, those of its block, too.
std::vector<std::string> words_of(const Statement& statement) {
    std::vector<std::string> words = statement.words;
    if (words.size() >= 2) return words;
    for (const Statement& line : statement.body) {
        words.insert(words.end(), line.words.begin(), line.words.end());
    }
    return words;
}

}  // namespace

Rewrite::Rewrite(std::vector<Rule> rules) : rules_{std::move(rules)} {
    for (const Rule& rule : rules_) {
        const bool subnet = rule.data.source == rewriting::OptionData::Source::subnet;
        if (rule.field == Field::edns0 && !subnet) shown_codes_.push_back(rule.code);
    }
    std::ranges::sort(shown_codes_);
}

Result<PluginPtr> Rewrite::make(const Options& given, Setup&) {
    std::vector<Rule> rules;
    Mistakes mistakes;
    for (const Statement& statement : given.statements()) {
        if (statement.words.size() >= 2 && !statement.body.empty()) {
            mistakes.add(statement.body.front().where,
                         "rewrite: a block behind a rule, expected one of both");
            continue;
        }
        Result<Rule> rule = rewriting::read_rule(words_of(statement));
        if (rule) {
            rules.push_back(std::move(*rule));
        } else {
            mistakes.add(statement.where, "rewrite: " + rule.error().text);
        }
    }
    if (mistakes.any()) return mistakes.to_error();
    return PluginPtr{new Rewrite{std::move(rules)}};
}

}  // namespace nameplane::plugins
