#pragma once
// A folder of a test's own that goes with the object, and what tests of files that are read again
// need.

#include <catch2/catch.hpp>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

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

/// The text of a zone with an SOA record and the address of www.
inline std::string small_zone(unsigned serial, std::string_view address) {
    return "@ 60 IN SOA ns admin " + std::to_string(serial) + " 1 2 3 4\nwww 60 IN A " +
           std::string{address} + "\n";
}

/// Asks again and again; false after a minute.
template <class Condition> bool comes_true(Condition condition) {
    using namespace std::chrono_literals;
    const auto end = std::chrono::steady_clock::now() + 1min;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

}  // namespace nameplane::test
