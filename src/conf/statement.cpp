#include <nameplane/conf/statement.hpp>

namespace nameplane {

std::string Where::to_string() const {
    return line == 0 ? file : file + ':' + std::to_string(line);
}

void Mistakes::add(const Where& where, std::string_view text) {
    if (any()) lines_ += '\n';
    lines_ += where.to_string();
    lines_ += ": ";
    lines_ += text;
}

void Mistakes::add(const Error& error) {
    NP_CHECK(error.code == Errc::mistakes, "only mistakes have their places in the text");
    if (any()) lines_ += '\n';
    lines_ += error.text;
}

}  // namespace nameplane
