// What the kernel tells of an interface: the kind of it lies within.

#include "net/link.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span octets{reinterpret_cast<const std::byte*>(data), size};
    const std::string kind = nameplane::net::link_kind(octets);
    if (kind.size() > size || kind.find('\0') != kind.npos) std::abort();
    return 0;
}
