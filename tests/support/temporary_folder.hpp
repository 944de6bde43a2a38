#pragma once
// temporary_folder: a folder of a test's own that goes with the object. What cannot be made or
// written is an exception, which ends the test.

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace nameplane::test {

/// A new folder below the system's temporary one.
class TemporaryFolder {
public:
    TemporaryFolder() : path_{std::filesystem::temp_directory_path() / "nameplane-test-XXXXXX"} {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw std::system_error{errno, std::generic_category(), path_};
        }
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::string& path() const noexcept { return path_; }
    std::string operator/(std::string_view name) const { return path_ + '/' + std::string{name}; }

    /// Writes in place: create or truncate, write, close. Gives the path; makes folders on its way.
    std::string write(std::string_view name, std::string_view text) const {
        const std::string path = *this / name;
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
        std::ofstream out;
        out.exceptions(std::ios::failbit | std::ios::badbit);
        out.open(path, std::ios::trunc | std::ios::binary);
        out << text;
        out.close();
        return path;
    }
    /// Writes beside it and renames over it, as editors do. Gives the path.
    std::string replace(std::string_view name, std::string_view text) const {
        const std::string path = *this / name;
        std::filesystem::rename(write(std::string{name} + ".next~", text), path);
        return path;
    }
    void remove(std::string_view name) const { std::filesystem::remove_all(*this / name); }

private:
    std::string path_;
};

}  // namespace nameplane::test
