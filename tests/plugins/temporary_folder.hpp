#pragma once
// A folder of a test's own that goes with the object.

#include <catch2/catch.hpp>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace nameplane::test {

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "nameplane-zones-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    /// In one step, as editors do; the path.
    std::string write(const std::string& name, std::string_view text) const {
        const std::filesystem::path at = path_ / name;
        std::filesystem::create_directories(at.parent_path());
        const std::string next = at.string() + ".next~";
        std::ofstream{next} << text;
        std::filesystem::rename(next, at);
        return at.string();
    }
    std::string at(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

}  // namespace nameplane::test
