#pragma once
// Messages as bytes, written by hand so that the server's own encoder is not asked.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::test {

using Octets = std::vector<std::uint8_t>;

/// How a query differs from "id 1, RD, A, IN, no EDNS".
struct Ask {
    std::uint16_t id = 1;
    std::uint16_t flags = 0x0100;
    std::uint16_t questions = 1;
    std::uint16_t type = 1;
    std::uint16_t klass = 1;
    int edns_size = -1;  ///< -1: no OPT
    std::uint8_t edns_version = 0;
};

/// `name` with dots, "" for the root.
Octets query(std::string_view name, const Ask& ask = {});
/// With two octets of length in front.
Octets framed(const Octets& message);
std::uint16_t id_of(const Octets& message);

}  // namespace nameplane::test
