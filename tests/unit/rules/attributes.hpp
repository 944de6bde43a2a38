#pragma once
// Attributes of netlink as octets, made by hand, so that they can be wrong.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nameplane::test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes joined(const std::vector<Bytes>& parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

inline Bytes attribute(std::uint16_t type, const Bytes& data) {
    const std::size_t size = 4 + data.size();
    Bytes all{static_cast<std::uint8_t>(size), static_cast<std::uint8_t>(size >> 8U),
              static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(type >> 8U)};
    all.insert(all.end(), data.begin(), data.end());
    while (all.size() % 4 != 0) all.push_back(0);
    return all;
}

inline Bytes text(std::uint16_t type, std::string_view value) {
    Bytes data{value.begin(), value.end()};
    data.push_back(0);
    return attribute(type, data);
}

inline Bytes number(std::uint16_t type, std::uint32_t value) {
    return attribute(
        type, {static_cast<std::uint8_t>(value >> 24U), static_cast<std::uint8_t>(value >> 16U),
               static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)});
}

}  // namespace nameplane::test
