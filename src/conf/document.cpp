#include "conf/document.hpp"

#include <algorithm>
#include <tuple>

namespace nameplane::conf {

Statement statement_of(const Directive& directive) {
    Statement statement{directive.words, {}, directive.where};
    for (const Directive& line : directive.body) {
        statement.body.push_back(statement_of(line));
        std::vector<std::string>& words = statement.body.back().words;
        words.insert(words.begin(), line.name);
    }
    return statement;
}

std::string Problem::to_string() const {
    return where.to_string() + ": " + text;
}

void sort_by_place(std::vector<Problem>& problems) {
    std::ranges::stable_sort(problems, [](const Problem& a, const Problem& b) {
        return std::tie(a.where.file, a.where.line) < std::tie(b.where.file, b.where.line);
    });
}

}  // namespace nameplane::conf
