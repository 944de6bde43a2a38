#include "kernel/sctp_end.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace nameplane::test {
namespace {

constexpr std::size_t header_size = 12;
constexpr std::size_t tag_at = 4;
constexpr std::size_t checksum_at = 8;
constexpr std::size_t own_tag_at = header_size + 4;
constexpr std::size_t init_size = 20;  ///< of INIT and INIT ACK, without parameters
constexpr std::size_t bare_size = 4;   ///< of a chunk with nothing in it

std::uint32_t crc32c(std::span<const std::uint8_t> octets) {
    std::uint32_t crc = ~0U;
    for (const std::uint8_t octet : octets) {
        crc ^= octet;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    }
    return ~crc;
}

void put(std::span<std::uint8_t> at, std::uint32_t value, std::size_t octets) {
    for (std::size_t i = 0; i < octets; ++i) {
        at[i] = static_cast<std::uint8_t>(value >> (8 * (octets - 1 - i)));
    }
}

std::uint32_t get(std::span<const std::uint8_t> at, std::size_t octets) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < octets; ++i) value = value << 8 | at[i];
    return value;
}

bool has_own_tag(SctpChunk chunk) {
    return chunk == SctpChunk::init || chunk == SctpChunk::init_ack;
}

std::vector<std::uint8_t> octets_of(const SctpPacket& packet) {
    const std::size_t size = has_own_tag(packet.chunk) ? init_size : bare_size;
    std::vector<std::uint8_t> octets(header_size + size);
    const std::span<std::uint8_t> all{octets};
    put(all, packet.own_port, 2);
    put(all.subspan(2), packet.peer.port, 2);
    put(all.subspan(tag_at), packet.tag, 4);
    put(all.subspan(header_size), static_cast<std::uint32_t>(packet.chunk), 1);
    put(all.subspan(header_size + 2), static_cast<std::uint32_t>(size), 2);
    if (has_own_tag(packet.chunk)) {
        put(all.subspan(own_tag_at), packet.own_tag, 4);
        put(all.subspan(own_tag_at + 4), 0x10000, 4);     // receive window
        put(all.subspan(own_tag_at + 8), 0x00010001, 4);  // streams out and in
        put(all.subspan(own_tag_at + 12), 1, 4);          // first number
    }
    const std::uint32_t crc = crc32c(octets);
    // The one field whose lowest octet comes first.
    for (std::size_t i = 0; i < 4; ++i) {
        octets[checksum_at + i] = static_cast<std::uint8_t>(crc >> (8 * i));
    }
    return octets;
}

}  // namespace

SctpEnd::SctpEnd(const Netns& netns, Family family)
    : family_{family}, fd_{netns.in([&] {
          const int domain = family == Family::ipv4 ? AF_INET : AF_INET6;
          return ::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_SCTP);
      })} {
    if (!fd_) throw std::runtime_error(std::string{"raw SCTP socket: "} + std::strerror(errno));
}

void SctpEnd::send(const SctpPacket& packet) const {
    const std::vector<std::uint8_t> octets = octets_of(packet);
    sockaddr_storage to{};
    const unsigned size = SocketAddress{packet.peer.address, 0}.to_sockaddr(to);
    if (::sendto(fd_.get(), octets.data(), octets.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                 size) != static_cast<ssize_t>(octets.size())) {
        throw std::runtime_error(std::string{"send SCTP: "} + std::strerror(errno));
    }
}

std::optional<SctpPacket> SctpEnd::receive(int wait_ms) const {
    pollfd wait{fd_.get(), POLLIN, 0};
    if (::poll(&wait, 1, wait_ms) != 1) return std::nullopt;
    std::array<std::uint8_t, 256> buffer{};
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    const ssize_t length = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                      reinterpret_cast<sockaddr*>(&from), &from_size);
    if (length < 0) return std::nullopt;
    std::span<const std::uint8_t> octets{buffer.data(), static_cast<std::size_t>(length)};
    if (family_ == Family::ipv4 && !octets.empty()) {
        octets = octets.subspan(std::min<std::size_t>((octets[0] & 0xfU) * 4, octets.size()));
    }
    if (octets.size() < header_size + bare_size) return std::nullopt;
    SctpPacket packet{
        .peer = {SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(from)).address,
                 static_cast<std::uint16_t>(get(octets, 2))},
        .own_port = static_cast<std::uint16_t>(get(octets.subspan(2), 2)),
        .chunk = static_cast<SctpChunk>(octets[header_size]),
        .tag = get(octets.subspan(tag_at), 4)};
    if (has_own_tag(packet.chunk) && octets.size() >= own_tag_at + 4) {
        packet.own_tag = get(octets.subspan(own_tag_at), 4);
    }
    return packet;
}

}  // namespace nameplane::test
