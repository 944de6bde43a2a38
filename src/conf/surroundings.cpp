// What a Corefile refers to outside of itself: files and the environment.

#include "conf/corefile.hpp"

#include <glob.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace nameplane::conf {

namespace {

Result<std::string> read(const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        return Error{Errc::invalid, path + ": is a folder"};
    }
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    if (!file) return errno_error(errno, path);
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (file.bad()) return errno_error(errno, path);
    return text;
}

// As Go has it a wildcard stands for a leading dot, too. But a hidden folder is none of the files
// that are meant: "." and "..", and "..data" where a ConfigMap is mounted.
bool is_left_out(const std::filesystem::path& pattern, const std::filesystem::path& path) {
    std::error_code ignored;
    return pattern.filename().string().find_first_of("*?") != std::string::npos &&
           path.filename().string().starts_with('.') &&
           std::filesystem::is_directory(path, ignored);
}

std::vector<std::string> matches(const std::string& pattern) {
    glob_t found{};
    std::vector<std::string> paths;
    if (::glob(pattern.c_str(), GLOB_NOESCAPE | GLOB_PERIOD, nullptr, &found) == 0) {
        paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    std::erase_if(paths, [&](const std::string& path) { return is_left_out(pattern, path); });
    return paths;
}

std::string variable(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::string{} : std::string{value};
}

}  // namespace

Surroundings real_surroundings() {
    return {&read, &matches, &variable};
}

}  // namespace nameplane::conf
