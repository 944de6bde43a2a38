#include "zone/entries.hpp"

namespace nameplane::zone {

namespace {

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r';
}

bool ends_word(char c) noexcept {
    return is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"';
}

}  // namespace

bool Entries::fail(std::string text) {
    error_ = std::move(text);
    return false;
}

// The word at at_: in quotes, or up to what ends one. Empty: it is wrong.
std::string_view Entries::word() {
    const std::size_t begin = at_;
    const unsigned line = line_;
    const bool quoted = text_[at_] == '"';
    if (quoted) ++at_;
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') {
            at_ += 2;
            continue;
        }
        if (quoted && c == '\n') ++line_;
        if (quoted && c == '"') {
            ++at_;
            return text_.substr(begin, at_ - begin);
        }
        if (!quoted && ends_word(c)) break;
        ++at_;
    }
    if (quoted) {
        line_ = line;
        fail("a quote that nothing closes, expected '\"' behind it");
        return {};
    }
    return text_.substr(begin, at_ - begin);
}

bool Entries::next(Entry& entry) {
    entry = {};
    unsigned depth = 0;
    unsigned opened = 0;  // line of the first parenthesis
    bool at_start = true;
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (at_start && c != '(' && (c != '\n' || depth == 0)) {
            entry.owner_left_out = is_blank(c);
            at_start = false;
        }
        if (c == '\n') {
            ++at_;
            ++line_;
            if (depth != 0) continue;
            if (!entry.words.empty()) return true;
            at_start = true;
        } else if (is_blank(c)) {
            ++at_;
        } else if (c == ';') {
            while (at_ < text_.size() && text_[at_] != '\n') ++at_;
        } else if (c == '(') {
            ++at_;
            if (depth++ == 0) opened = line_;
        } else if (c == ')') {
            ++at_;
            if (depth == 0) return fail("')', expected '(' before it");
            --depth;
        } else {
            if (entry.words.empty()) entry.line = line_;
            const std::string_view read = word();
            if (read.empty()) return false;
            entry.words.push_back(read);
        }
    }
    if (depth != 0) {
        line_ = opened;
        return fail("'(' that nothing closes, expected ')' behind it");
    }
    return !entry.words.empty();
}

}  // namespace nameplane::zone
