#include "dns/search_domains.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace nameplane::dns {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::string_view take_word(std::string_view& line) noexcept {
    constexpr std::string_view blanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

}  // namespace

std::vector<Name> search_domains(std::string_view text) {
    std::vector<Name> domains;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::string_view first = take_word(line);
        if (first != "search" && first != "domain") continue;
        domains.clear();
        for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
            if (const auto name = Name::parse(word)) domains.push_back(name->lower());
        }
    }
    return domains;
}

Result<std::vector<Name>> read_search_domains(const std::string& path) {
    const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(path.c_str(), "re")};
    if (file == nullptr) return errno_error(errno, "'" + path + "'");
    std::string text;
    std::array<char, 4096> part;
    while (const std::size_t octets = std::fread(part.data(), 1, part.size(), file.get())) {
        text.append(part.data(), octets);
    }
    if (std::ferror(file.get()) != 0) return errno_error(errno, "'" + path + "'");
    return search_domains(text);
}

}  // namespace nameplane::dns
