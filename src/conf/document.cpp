#include "conf/document.hpp"

#include <algorithm>
#include <tuple>

namespace nameplane::conf {

std::string Where::to_string() const {
    return line == 0 ? file : file + ':' + std::to_string(line);
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
