#include "services/selector.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace nameplane::services {

namespace {

constexpr std::size_t name_octets_most = 63;
constexpr std::size_t prefix_octets_most = 253;

constexpr bool is_alphanumeric(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Letters and digits, and between them also '-', '_' and '.'.
bool is_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= name_octets_most && is_alphanumeric(text.front()) &&
           is_alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
               return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
           });
}

/// Lower-case labels joined by dots.
bool is_prefix(std::string_view text) noexcept {
    char before = '.';
    for (const char c : text) {
        const bool inner = is_alphanumeric(c) && !(c >= 'A' && c <= 'Z');
        if (!inner && c != '-' && c != '.') return false;
        if (!inner && before == '.') return false;
        if (c == '.' && before == '-') return false;
        before = c;
    }
    return before != '.' && before != '-' && text.size() <= prefix_octets_most;
}

bool is_key(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return is_name(text);
    return is_prefix(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

bool is_value(std::string_view text) noexcept {
    return text.empty() || is_name(text);
}

}  // namespace

/// Requirements joined by commas: "key", "!key", "key=value", "key==value", "key in (a, b)",
/// "key notin (a, b)".
class Selector::Parser {
public:
    explicit Parser(std::string_view text) : rest_{text} {}

    Result<std::vector<Requirement>> all() {
        std::vector<Requirement> requirements;
        do {
            Result<Requirement> one = requirement();
            if (!one) return std::move(one).error();
            requirements.push_back(std::move(*one));
        } while (take(","));
        if (!rest_.empty()) return wrong("',' or the end");
        std::ranges::sort(requirements);
        const auto repeated = std::ranges::unique(requirements);
        requirements.erase(repeated.begin(), repeated.end());
        return requirements;
    }

private:
    Result<Requirement> requirement() {
        Requirement one;
        const bool denied = take("!");
        one.key = word();
        if (!is_key(one.key)) {
            return Error{Errc::invalid, "'" + one.key + "', expected the key of a label"};
        }
        if (denied) {
            one.verb = Verb::exists_not;
            return one;
        }
        if (take("==") || take("=")) {
            one.verb = Verb::in;
            one.values.push_back(word());
        } else if (at_end() || rest_.starts_with(',')) {
            one.verb = Verb::exists;
            return one;
        } else if (const Status listed = read_list(one); !listed) {
            return listed.error();
        }
        for (const std::string& value : one.values) {
            if (!is_value(value)) {
                return Error{Errc::invalid, "'" + value + "', expected the value of a label"};
            }
        }
        return one;
    }

    Status read_list(Requirement& one) {
        // CoreDNS has no "!=", "<" and ">" either: its selectors are those of objects.
        const std::string_view before = rest_;
        const std::string verb = word();
        if (verb != "in" && verb != "notin") {
            rest_ = before;
            return wrong("'=', 'in', 'notin', ',' or the end");
        }
        one.verb = verb == "in" ? Verb::in : Verb::not_in;
        if (!take("(")) return wrong("'(' and values");
        if (take(")")) return Error{Errc::invalid, "no values between '(' and ')', expected some"};
        do {
            one.values.push_back(word());
        } while (take(","));
        if (!take(")")) return wrong("',' or ')'");
        std::ranges::sort(one.values);
        const auto repeated = std::ranges::unique(one.values);
        one.values.erase(repeated.begin(), repeated.end());
        return {};
    }

    Error wrong(std::string_view expected) const {
        const std::string found = rest_.empty() ? "the end" : "'" + std::string{rest_} + "'";
        return {Errc::invalid, found + ", expected " + std::string{expected}};
    }
    void skip_space() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
    }
    bool at_end() {
        skip_space();
        return rest_.empty();
    }
    bool take(std::string_view sign) {
        skip_space();
        if (!rest_.starts_with(sign)) return false;
        rest_.remove_prefix(sign.size());
        skip_space();
        return true;
    }
    /// What stands in front of the next blank or sign; may be empty.
    std::string word() {
        skip_space();
        const std::size_t end = std::min(rest_.find_first_of(" \t\r\n=!(),<>"), rest_.size());
        std::string found{rest_.substr(0, end)};
        rest_.remove_prefix(end);
        skip_space();
        return found;
    }

    std::string_view rest_;
};

Result<Selector> Selector::parse(std::string_view text) {
    Result<std::vector<Requirement>> all = Parser{text}.all();
    if (!all) return std::move(all).error();
    Selector selector;
    selector.requirements_ = std::move(*all);
    return selector;
}

bool Selector::holds(const Requirement& requirement, const Labels& labels) {
    const auto found = labels.find(requirement.key);
    const bool there = found != labels.end();
    switch (requirement.verb) {
    case Verb::in: return there && std::ranges::binary_search(requirement.values, found->second);
    case Verb::not_in:
        return !there || !std::ranges::binary_search(requirement.values, found->second);
    case Verb::exists: return there;
    case Verb::exists_not: return !there;
    }
    return false;
}

bool Selector::matches(const Labels& labels) const {
    return std::ranges::all_of(
        requirements_, [&](const Requirement& requirement) { return holds(requirement, labels); });
}

std::string Selector::to_string() const {
    std::string text;
    for (const Requirement& requirement : requirements_) {
        if (!text.empty()) text += ',';
        if (requirement.verb == Verb::exists_not) text += '!';
        text += requirement.key;
        if (requirement.verb != Verb::in && requirement.verb != Verb::not_in) continue;
        text += requirement.verb == Verb::in ? " in (" : " notin (";
        for (std::size_t i = 0; i < requirement.values.size(); ++i) {
            text.append(i == 0 ? "" : ",").append(requirement.values[i]);
        }
        // The empty value alone, which "()" would not be.
        if (requirement.values.size() == 1 && requirement.values[0].empty()) text += ',';
        text += ')';
    }
    return text;
}

}  // namespace nameplane::services
