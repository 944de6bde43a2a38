#pragma once
// zone_files: what tests of zone files that are read again need.

#include "support/temporary_folder.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

namespace nameplane::test {

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
