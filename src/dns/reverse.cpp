// hot path
#include "dns/reverse.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace nameplane::dns {

namespace {

constexpr std::uint8_t in_addr_arpa_wire[] = "\7in-addr\4arpa";
constexpr std::uint8_t ip6_arpa_wire[] = "\3ip6\4arpa";
constexpr NameView in_addr_arpa = NameView::trusted(in_addr_arpa_wire, sizeof in_addr_arpa_wire);
constexpr NameView ip6_arpa = NameView::trusted(ip6_arpa_wire, sizeof ip6_arpa_wire);

constexpr std::size_t v4_labels = 4;
constexpr std::size_t v6_labels = 32;
constexpr std::size_t v6_reverse_octets = v6_labels * 2 + sizeof ip6_arpa_wire;

/// "0" to "255"; "010" is nothing, since it would be a second name for an address.
std::optional<std::uint8_t> octet_of(std::string_view label) noexcept {
    if (label.empty() || label.size() > 3 || (label.size() > 1 && label[0] == '0'))
        return std::nullopt;
    unsigned value = 0;
    for (const char c : label) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value > 255) return std::nullopt;
    return static_cast<std::uint8_t>(value);
}

std::optional<std::uint8_t> nibble_of(std::string_view label) noexcept {
    if (label.size() != 1) return std::nullopt;
    const char c = label[0];
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

std::optional<IpAddress> v4_of(NameView name) noexcept {
    std::array<std::uint8_t, 4> octets{};
    for (std::size_t i = v4_labels; i-- > 0; name = name.parent()) {
        const std::optional<std::uint8_t> octet = octet_of(name.first_label());
        if (!octet) return std::nullopt;
        octets[i] = *octet;
    }
    if (!name.equals(in_addr_arpa)) return std::nullopt;
    return IpAddress::v4(octets[0], octets[1], octets[2], octets[3]);
}

std::optional<IpAddress> v6_of(NameView name) noexcept {
    if (name.size() != v6_reverse_octets) return std::nullopt;
    std::array<std::uint8_t, 16> octets{};
    for (std::size_t i = v6_labels; i-- > 0; name = name.parent()) {
        const std::optional<std::uint8_t> nibble = nibble_of(name.first_label());
        if (!nibble) return std::nullopt;
        octets[i / 2] |= static_cast<std::uint8_t>(i % 2 == 0 ? *nibble << 4 : *nibble);
    }
    if (!name.equals(ip6_arpa)) return std::nullopt;
    return IpAddress::v6(octets);
}

/// Wire form without the heap.
class Labels {
public:
    void add(std::string_view label) noexcept {
        octets_[used_++] = static_cast<std::uint8_t>(label.size());
        std::memcpy(octets_.data() + used_, label.data(), label.size());
        used_ += label.size();
    }
    NameView close(NameView suffix) noexcept {
        std::memcpy(octets_.data() + used_, suffix.data(), suffix.size());
        return NameView::trusted(octets_.data(), used_ + suffix.size());
    }

private:
    std::array<std::uint8_t, v6_reverse_octets> octets_;
    std::size_t used_ = 0;
};

NameView fill(Labels& labels, const IpAddress& address) noexcept {
    const std::span<const std::uint8_t> octets = address.bytes();
    for (std::size_t i = address.is_v4() ? v4_labels : v6_labels; i-- > 0;) {
        if (address.is_v4()) {
            std::array<char, 3> digits{};
            const auto end = std::to_chars(digits.data(), digits.data() + 3, octets[i]).ptr;
            labels.add({digits.data(), static_cast<std::size_t>(end - digits.data())});
        } else {
            const unsigned nibble = i % 2 == 0 ? octets[i / 2] >> 4U : octets[i / 2] & 0xfU;
            labels.add(std::string_view{"0123456789abcdef"}.substr(nibble, 1));
        }
    }
    return labels.close(address.is_v4() ? in_addr_arpa : ip6_arpa);
}

}  // namespace

std::optional<IpAddress> address_of_reverse(NameView name) noexcept {
    if (name.is_under(in_addr_arpa)) return v4_of(name);
    if (name.is_under(ip6_arpa)) return v6_of(name);
    return std::nullopt;
}

bool is_reverse(NameView name) noexcept {
    return name.is_under(in_addr_arpa) || name.is_under(ip6_arpa);
}

Name reverse_name(const IpAddress& address) noexcept {
    Labels labels;
    return Name{fill(labels, address)};
}

std::optional<NameView> reverse_name(const IpAddress& address, Arena& arena) noexcept {
    Labels labels;
    return fill(labels, address).copy_to(arena);
}

}  // namespace nameplane::dns
