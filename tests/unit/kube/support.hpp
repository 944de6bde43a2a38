#pragma once
// What the tests of kube share: a folder of their own, and short ways to look into events.

#include "kube/manifests.hpp"
#include "support/temporary_folder.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube::testing {

/// The objects of one type among `events`.
template <class T> std::vector<T> all(const std::vector<services::Event>& events) {
    std::vector<T> found;
    for (const auto& event : events)
        if (const auto* object = std::get_if<T>(&event)) found.push_back(*object);
    return found;
}

/// The one object of that name; fails the test if there is none.
template <class T>
T one(const std::vector<services::Event>& events, std::string_view ns, std::string_view name);

/// read_manifests of one file with this text, 10.96.0.0/16 (and fd00:96::/112 if `dual`).
ManifestReading reading_of(std::string_view text, bool dual = false,
                           std::string_view file = "a.yaml");

}  // namespace nameplane::kube::testing
