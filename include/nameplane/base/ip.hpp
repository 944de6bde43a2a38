#pragma once
// Internet addresses as values: network order inside, no allocation, totally ordered. Used by the
// names, the rules and the sockets alike.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sockaddr;
struct sockaddr_storage;

namespace nameplane {

enum class Family : std::uint8_t { ipv4, ipv6 };

/// "ipv4" or "ipv6".
std::string_view to_string(Family family) noexcept;

/// An IPv4 or IPv6 address. The default is 0.0.0.0. IPv4 sorts before IPv6, then by octets.
class IpAddress {
public:
    constexpr IpAddress() = default;

    /// From octets in network order; `octets` has 4 or 16 of them, else nothing.
    static std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> octets) noexcept;
    static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                  std::uint8_t d) noexcept {
        IpAddress ip;
        ip.octets_ = {a, b, c, d};
        return ip;
    }
    static IpAddress v6(const std::array<std::uint8_t, 16>& octets) noexcept;
    /// The canonical text forms (inet_pton); no zone, no port, no brackets.
    static std::optional<IpAddress> parse(std::string_view text) noexcept;

    constexpr Family family() const noexcept { return family_; }
    constexpr bool is_v4() const noexcept { return family_ == Family::ipv4; }
    constexpr bool is_v6() const noexcept { return family_ == Family::ipv6; }
    /// 4 or 16 octets in network order, valid as long as this object.
    constexpr std::span<const std::uint8_t> bytes() const noexcept {
        return {octets_.data(), is_v4() ? 4U : 16U};
    }
    bool is_loopback() const noexcept;
    bool is_unspecified() const noexcept;
    /// 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 2.5.6).
    bool is_link_local() const noexcept;

    /// Canonical text (RFC 5952 for IPv6).
    std::string to_string() const;
    /// Writes to_string() without the heap; returns the number of characters (at most 45).
    std::size_t write_text(std::span<char, 46> out) const noexcept;

    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
    std::size_t hash() const noexcept;

private:
    Family family_ = Family::ipv4;
    std::array<std::uint8_t, 16> octets_{};
};

/// A network: address and prefix length, host bits cleared.
class Cidr {
public:
    constexpr Cidr() = default;
    /// Clears host bits; nothing if `prefix` is longer than the address.
    static std::optional<Cidr> make(const IpAddress& address, unsigned prefix) noexcept;
    /// "10.96.0.0/12"; a bare address is a host network.
    static std::optional<Cidr> parse(std::string_view text) noexcept;

    const IpAddress& address() const noexcept { return address_; }
    unsigned prefix() const noexcept { return prefix_; }
    Family family() const noexcept { return address_.family(); }
    bool contains(const IpAddress& address) const noexcept;
    /// Number of addresses, at most 2^63 (a /64 and shorter saturate).
    std::uint64_t size() const noexcept;
    /// The address `offset` places behind the first one; offset < size().
    IpAddress at(std::uint64_t offset) const noexcept;
    std::string to_string() const;

    friend auto operator<=>(const Cidr&, const Cidr&) = default;

private:
    IpAddress address_;
    std::uint8_t prefix_ = 0;
};

/// An address and a port (host order).
struct SocketAddress {
    IpAddress address;
    std::uint16_t port = 0;

    /// Fills `out`; returns the length for bind() and sendto().
    unsigned to_sockaddr(sockaddr_storage& out) const noexcept;
    /// From what recvfrom() filled; an IPv4-mapped IPv6 address becomes IPv4. Unknown families
    /// give 0.0.0.0:0.
    static SocketAddress from_sockaddr(const sockaddr& in) noexcept;
    /// "10.0.0.1:53" or "[fd00::1]:53".
    static std::optional<SocketAddress> parse(std::string_view text) noexcept;
    std::string to_string() const;

    friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

}  // namespace nameplane

template <> struct std::hash<nameplane::IpAddress> {
    std::size_t operator()(const nameplane::IpAddress& ip) const noexcept { return ip.hash(); }
};
