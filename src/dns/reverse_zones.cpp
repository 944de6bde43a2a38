#include "dns/reverse.hpp"

#include <algorithm>
#include <array>

namespace nameplane::dns {

namespace {

/// The reverse name of `address` without its first `labels` labels.
Name without_front(const IpAddress& address, unsigned labels) {
    const Name whole = reverse_name(address);
    NameView rest = whole;
    for (; labels != 0; --labels) rest = rest.parent();
    return Name{rest};
}

}  // namespace

std::vector<Name> reverse_zones(const Cidr& network) {
    const IpAddress& first = network.address();
    const std::size_t octet_count = first.bytes().size();
    const unsigned bits_a_label = first.is_v4() ? 8 : 4;
    const unsigned fixed_labels = (network.prefix() + bits_a_label - 1) / bits_a_label;
    const unsigned bits = fixed_labels * bits_a_label;  // of each zone
    const auto free_labels = static_cast<unsigned>(octet_count * 8 - bits) / bits_a_label;

    std::vector<Name> zones(std::size_t{1} << (bits - network.prefix()));
    std::array<std::uint8_t, 16> octets{};
    std::ranges::copy(first.bytes(), octets.begin());
    for (Name& zone : zones) {
        zone = without_front(*IpAddress::from_bytes(std::span{octets}.first(octet_count)),
                             free_labels);
        if (bits == 0) break;
        // The zone's last bit is counted up; the network's own bits keep it from overflowing.
        const unsigned step = 1U << (7 - (bits - 1) % 8);
        std::uint8_t& octet = octets[(bits - 1) / 8];
        octet = static_cast<std::uint8_t>(octet + step);
    }
    return zones;
}

}  // namespace nameplane::dns
