#include "plugins/header/header.hpp"

#include <nameplane/text.hpp>

#include <optional>

namespace nameplane::plugins {

namespace {

using Rule = Header::Rule;

std::optional<Header::Flag> flag_of(std::string_view word) noexcept {
    if (same_word(word, "aa")) return Header::Flag::authoritative;
    if (same_word(word, "ra")) return Header::Flag::recursion_available;
    if (same_word(word, "rd")) return Header::Flag::recursion_desired;
    return std::nullopt;
}

/// "query set rd": selector, action, flags.
void read_rule(const Statement& line, std::vector<Rule>& query, std::vector<Rule>& response,
               Mistakes& mistakes) {
    const auto wrong = [&](std::string_view what, std::string_view expected) {
        mistakes.add(line.where,
                     "header: '" + std::string{what} + "', expected " + std::string{expected});
    };
    const std::vector<std::string>& words = line.words;
    const bool is_query = same_word(words[0], "query");
    if (!is_query && !same_word(words[0], "response")) {
        return wrong(words[0], "'query' or 'response'");
    }
    if (words.size() < 3) return wrong(words.back(), "'set' or 'clear', and flags behind it");
    const bool set = same_word(words[1], "set");
    if (!set && !same_word(words[1], "clear")) return wrong(words[1], "'set' or 'clear'");
    for (std::size_t i = 2; i < words.size(); ++i) {
        const auto flag = flag_of(words[i]);
        if (!flag) return wrong(words[i], "'aa', 'ra' or 'rd'");
        (is_query ? query : response).push_back({*flag, set});
    }
}

}  // namespace

Result<PluginPtr> Header::make(const Options& given, Setup&) {
    std::vector<Rule> query;
    std::vector<Rule> response;
    Mistakes mistakes;
    for (const Statement& statement : given.statements()) {
        if (!statement.words.empty()) {
            mistakes.add(statement.where,
                         "header: '" + statement.words[0] + "', expected a block with rules");
        }
        for (const Statement& line : statement.body) read_rule(line, query, response, mistakes);
    }
    if (mistakes.any()) return mistakes.to_error();
    if (query.empty() && response.empty()) {
        return Error{Errc::invalid, "no rules, expected lines such as 'response set ra'"};
    }
    return PluginPtr{new Header{std::move(query), std::move(response)}};
}

Step Header::ask(Query& query, Reply&) const noexcept {
    for (const Rule& rule : query_) {
        // A query's AA and RA mean nothing, to whomever it goes.
        if (rule.flag == Flag::recursion_desired) query.set_recursion_desired(rule.state);
    }
    return Step::next;
}

Step Header::tell(Query& query, Reply& reply) const noexcept {
    // As CoreDNS: a failure that no plugin wrote an answer for is the server's, not ours to change.
    if (reply.failed()) return Step::done;
    if (!query_.empty() && !reply.recursion_desired) {
        // The header that the client sees repeats that of the query as it was changed.
        reply.recursion_desired = query.recursion_desired();
    }
    for (const Rule& rule : response_) {
        switch (rule.flag) {
        case Flag::authoritative: reply.authoritative = rule.state; break;
        case Flag::recursion_available: reply.recursion_available = rule.state; break;
        case Flag::recursion_desired: reply.recursion_desired = rule.state; break;
        }
    }
    return Step::done;
}

}  // namespace nameplane::plugins
