#include "rules/plan.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace nameplane::rules {

std::size_t PlanEndpoint::write_text(std::span<char, text_max> out) const noexcept {
    std::array<char, 46> ip{};
    const std::size_t length = address.write_text(ip);
    char* end = out.data();
    if (address.is_v6()) *end++ = '[';
    end = std::copy_n(ip.data(), length, end);
    if (address.is_v6()) *end++ = ']';
    *end++ = ':';
    end = std::to_chars(end, out.data() + out.size(), port).ptr;
    return static_cast<std::size_t>(end - out.data());
}

std::string PlanEndpoint::to_string() const {
    std::array<char, text_max> buffer{};
    return std::string(buffer.data(), write_text(buffer));
}

}  // namespace nameplane::rules
