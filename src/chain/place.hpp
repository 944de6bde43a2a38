#pragma once
// Place: where something is counted, as the labels of metrics have it.

#include <compare>
#include <string>

namespace nameplane::chain {

struct Place {
    std::string server;
    std::string zone;
    std::string view;  ///< empty: none
    friend auto operator<=>(const Place&, const Place&) = default;
};

}  // namespace nameplane::chain
