#include "conf/lines.hpp"

#include <utility>

namespace nameplane::conf {

namespace {

class LineReader {
public:
    LineReader(std::span<const Word> words, std::vector<Problem>& problems)
        : words_{words}, problems_{problems} {}

    std::vector<Directive> read() {
        std::vector<Directive> lines;
        while (!at_end()) {
            std::vector<Directive> some = block(0);
            std::move(some.begin(), some.end(), std::back_inserter(lines));
            if (at_end()) break;
            problem(words_[at_].where, "'}' without a block, expected '{' before");
            ++at_;
        }
        return lines;
    }

private:
    bool at_end() const noexcept { return at_ == words_.size(); }
    bool at(std::string_view text) const noexcept { return !at_end() && words_[at_].text == text; }
    void problem(const Where& where, std::string text) {
        problems_.push_back({where, std::move(text)});
    }

    // Up to the "}" that closes it, or the end.
    std::vector<Directive> block(std::size_t depth) {
        std::vector<Directive> lines;
        while (!at_end() && !at("}")) lines.push_back(line(depth));
        return lines;
    }

    Directive line(std::size_t depth) {
        const Word& first = words_[at_++];
        Directive line{first.text, {}, {}, first.where, true};
        if (first.text == "{") {
            problem(first.where, "'{' begins a line, expected it behind a directive");
            line.body = body(depth + 1, first.where);
            return line;
        }
        while (!at_end() && !words_[at_].begins_line) {
            const Word& word = words_[at_];
            if (at("}")) {
                problem(word.where, "'}' behind other words, expected it on a line of its own");
                return line;
            }
            ++at_;
            if (word.text != "{") {
                line.words.push_back(word.text);
                continue;
            }
            line.body = body(depth + 1, word.where);
            return line;
        }
        return line;
    }

    std::vector<Directive> body(std::size_t depth, const Where& opened) {
        if (depth > block_depth_max) {
            problem(opened,
                    "blocks inside of blocks, expected at most " + std::to_string(block_depth_max));
            at_ = words_.size();
            return {};
        }
        std::vector<Directive> lines = block(depth);
        if (at_end()) {
            if (depth <= block_depth_max) problem(opened, "'{' is not closed, expected '}'");
            return lines;
        }
        ++at_;
        if (!at_end() && !words_[at_].begins_line && !at("}")) {
            problem(words_[at_].where,
                    "'" + words_[at_].text + "' behind '}', expected a new line");
            while (!at_end() && !words_[at_].begins_line) ++at_;
        }
        return lines;
    }

    std::span<const Word> words_;
    std::vector<Problem>& problems_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<Word> words_of(std::string_view text, const Where& where) {
    std::vector<Word> words;
    unsigned last_line = 0;
    for (Token& token : lex(text)) {
        words.push_back({std::move(token.text),
                         {where.file, where.line + token.line - 1},
                         token.line > last_line});
        last_line = token.end_line;
    }
    return words;
}

std::vector<Directive> lines_of(std::span<const Word> words, std::vector<Problem>& problems) {
    return LineReader{words, problems}.read();
}

}  // namespace nameplane::conf
