#include <nameplane/base/ip.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace nameplane {

std::string_view to_string(Family family) noexcept {
    return family == Family::ipv4 ? "ipv4" : "ipv6";
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> octets) noexcept {
    if (octets.size() != 4 && octets.size() != 16) return std::nullopt;
    IpAddress ip;
    ip.family_ = octets.size() == 4 ? Family::ipv4 : Family::ipv6;
    std::ranges::copy(octets, ip.octets_.begin());
    return ip;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& octets) noexcept {
    IpAddress ip;
    ip.family_ = Family::ipv6;
    ip.octets_ = octets;
    return ip;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (text.empty() || text.size() >= buffer.size()) return std::nullopt;
    if (text.find('\0') != std::string_view::npos) return std::nullopt;  // inet_pton() stops there
    std::ranges::copy(text, buffer.begin());
    IpAddress ip;
    ip.family_ = text.find(':') == std::string_view::npos ? Family::ipv4 : Family::ipv6;
    const int family = ip.is_v4() ? AF_INET : AF_INET6;
    if (inet_pton(family, buffer.data(), ip.octets_.data()) != 1) return std::nullopt;
    return ip;
}

bool IpAddress::is_loopback() const noexcept {
    if (is_v4()) return octets_[0] == 127;
    constexpr std::array<std::uint8_t, 16> one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return octets_ == one;
}

bool IpAddress::is_link_local() const noexcept {
    return is_v4() ? octets_[0] == 169 && octets_[1] == 254
                   : octets_[0] == 0xfe && (octets_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_unspecified() const noexcept {
    return std::ranges::all_of(bytes(), [](std::uint8_t octet) { return octet == 0; });
}

std::size_t IpAddress::write_text(std::span<char, 46> out) const noexcept {
    inet_ntop(is_v4() ? AF_INET : AF_INET6, octets_.data(), out.data(), out.size());
    return std::strlen(out.data());
}

std::string IpAddress::to_string() const {
    std::array<char, 46> buffer{};
    return std::string(buffer.data(), write_text(buffer));
}

std::size_t IpAddress::hash() const noexcept {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, octets_.data(), 8);
    std::memcpy(&low, octets_.data() + 8, 8);
    std::uint64_t h = (high ^ (low * 0x9e3779b97f4a7c15ULL)) + static_cast<std::uint64_t>(family_);
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ULL;
    h ^= h >> 32;
    return h;
}

std::optional<Cidr> Cidr::make(const IpAddress& address, unsigned prefix) noexcept {
    const std::span<const std::uint8_t> octets = address.bytes();
    if (prefix > octets.size() * 8) return std::nullopt;
    std::array<std::uint8_t, 16> masked{};
    for (unsigned i = 0; i < octets.size(); ++i) {
        const unsigned bits = prefix > i * 8 ? std::min(8U, prefix - i * 8) : 0;
        masked[i] = static_cast<std::uint8_t>(octets[i] & (0xff00U >> bits));
    }
    Cidr cidr;
    cidr.address_ = *IpAddress::from_bytes(std::span{masked}.first(octets.size()));
    cidr.prefix_ = static_cast<std::uint8_t>(prefix);
    return cidr;
}

std::optional<Cidr> Cidr::parse(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) {
        return make(*address, static_cast<unsigned>(address->bytes().size() * 8));
    }
    const std::string_view digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return make(*address, prefix);
}

bool Cidr::contains(const IpAddress& address) const noexcept {
    if (address.family() != family()) return false;
    return make(address, prefix_)->address_ == address_;
}

std::uint64_t Cidr::size() const noexcept {
    const unsigned host_bits = static_cast<unsigned>(address_.bytes().size() * 8) - prefix_;
    return std::uint64_t{1} << std::min(host_bits, 63U);
}

IpAddress Cidr::at(std::uint64_t offset) const noexcept {
    std::array<std::uint8_t, 16> octets{};
    std::ranges::copy(address_.bytes(), octets.begin());
    std::uint64_t carry = offset;
    for (std::size_t i = address_.bytes().size(); i-- > 0 && carry != 0;) {
        carry += octets[i];
        octets[i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    return *IpAddress::from_bytes(std::span{octets}.first(address_.bytes().size()));
}

std::string Cidr::to_string() const {
    return address_.to_string() + '/' + std::to_string(prefix_);
}

unsigned SocketAddress::to_sockaddr(sockaddr_storage& out) const noexcept {
    std::memset(&out, 0, sizeof out);
    if (address.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(out);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, address.bytes().data(), 4);
        return sizeof v4;
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
    return sizeof v6;
}

SocketAddress SocketAddress::from_sockaddr(const sockaddr& in) noexcept {
    SocketAddress out;
    if (in.sa_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(in);
        out.port = ntohs(v4.sin_port);
        std::array<std::uint8_t, 4> octets{};
        std::memcpy(octets.data(), &v4.sin_addr, 4);
        out.address = *IpAddress::from_bytes(octets);
    } else if (in.sa_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(in);
        out.port = ntohs(v6.sin6_port);
        std::array<std::uint8_t, 16> octets{};
        std::memcpy(octets.data(), &v6.sin6_addr, 16);
        out.address = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)
                          ? *IpAddress::from_bytes(std::span{octets}.last(4))
                          : IpAddress::v6(octets);
    }
    return out;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const std::optional<IpAddress> address = IpAddress::parse(host);
    if (!address || address->is_v6() != bracketed) return std::nullopt;
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return SocketAddress{*address, port};
}

std::string SocketAddress::to_string() const {
    const std::string host = address.to_string();
    return (address.is_v4() ? host : '[' + host + ']') + ':' + std::to_string(port);
}

}  // namespace nameplane
