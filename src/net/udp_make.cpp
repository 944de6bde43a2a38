// The set-up of UdpSocket; what runs for each batch is in udp.cpp.

#include "net/udp_slots.hpp"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace nameplane::net {

namespace {

// Bursts wait here while a worker is busy; 4 MiB hold some 5,000 queries.
constexpr int receive_buffer_octets = 4 << 20;

void enlarge_receive_buffer(int fd) noexcept {
    // The first needs CAP_NET_ADMIN, the second is cut to net.core.rmem_max.
    if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_octets)) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer_octets);
    }
}

bool ask_for_destination(int fd, bool v6) noexcept {
    return v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
              : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

// Nobody may make us send fragments, or smaller ones, by forged ICMP (as other DNS servers do). A
// kernel that lacks it serves as well.
void ignore_path_mtu(int fd, bool v6) noexcept {
    if (v6) {
        set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
    } else {
        set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    }
}

std::size_t stride_of(std::size_t octets, std::size_t line) noexcept {
    const std::size_t lines = (octets + line - 1) / line;
    return (lines | 1) * line;
}

}  // namespace

UdpSocket::Slots::Slots(std::size_t answer_octets_max, bool control)
    : answer_octets{answer_octets_max}, answer_stride{stride_of(answer_octets_max, line)},
      with_control{control}, messages{std::make_unique<std::uint8_t[]>(batch_max * message_stride)},
      answers{std::make_unique<std::uint8_t[]>(batch_max * answer_stride)} {
    for (std::size_t i = 0; i < batch_max; ++i) {
        in_vectors[i] = {messages.get() + i * message_stride, message_octets_max};
        msghdr& header = in[i].msg_hdr;
        header.msg_name = &peers[i];
        header.msg_namelen = sizeof peers[i];
        header.msg_iov = &in_vectors[i];
        header.msg_iovlen = 1;
        if (with_control) {
            header.msg_control = controls[i].octets.data();
            header.msg_controllen = control_octets;
        }
        out[i].msg_hdr.msg_iov = &out_vectors[i];
        out[i].msg_hdr.msg_iovlen = 1;
    }
}

UdpSocket::Late::Late(std::size_t answer_stride)
    : stride{answer_stride}, answers{std::make_unique<std::uint8_t[]>(batch_max * answer_stride)} {
    for (std::size_t i = 0; i < batch_max; ++i) {
        vectors[i].iov_base = answers.get() + i * stride;
        out[i].msg_hdr.msg_iov = &vectors[i];
        out[i].msg_hdr.msg_iovlen = 1;
    }
}

void UdpSocket::answer_late(const WayBack& way, std::span<const std::uint8_t> answer) {
    if (late_ == nullptr) late_ = std::make_unique<Late>(slots_->answer_stride);
    Late& late = *late_;
    const std::size_t i = late.count++;
    const std::size_t octets = std::min(answer.size(), late.stride);
    std::ranges::copy(answer.first(octets), static_cast<std::uint8_t*>(late.vectors[i].iov_base));
    late.vectors[i].iov_len = octets;
    late.ways[i] = way;
    msghdr& header = late.out[i].msg_hdr;
    header.msg_name = way.peer_octets == 0 ? nullptr : &late.ways[i].peer;
    header.msg_namelen = way.peer_octets;
    header.msg_control = way.control_octets == 0 ? nullptr : late.ways[i].control.data();
    header.msg_controllen = way.control_octets;
    if (late.count == batch_max) send_late();
}

UdpSocket::UdpSocket(UniqueFd fd, std::size_t answer_octets_max)
    : fd_{std::move(fd)}, local_{local_address(fd_.get())},
      wildcard_{local_.port != 0 && local_.address.is_unspecified()},
      slots_{std::make_unique<Slots>(answer_octets_max, wildcard_)} {}

UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

Result<UdpSocket> UdpSocket::bind(const SocketAddress& local, Share share,
                                  std::size_t answer_octets_max) {
    Result<UniqueFd> fd = bound_socket(SOCK_DGRAM, local, share);
    if (!fd) return fd.error();
    const bool v6 = local.address.is_v6();
    if (local.address.is_unspecified() && !ask_for_destination(fd->get(), v6)) {
        return errno_error(errno, "bind " + local.to_string() + ": packet information");
    }
    enlarge_receive_buffer(fd->get());
    ignore_path_mtu(fd->get(), v6);
    return UdpSocket{std::move(*fd), answer_octets_max};
}

std::uint32_t UdpSocket::overflowed() const noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> told{};
    socklen_t size = sizeof told;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, told.data(), &size) != 0) return 0;
    return told[SK_MEMINFO_DROPS];
}

UdpSocket UdpSocket::adopt(UniqueFd fd, std::size_t answer_octets_max) {
    return UdpSocket{std::move(fd), answer_octets_max};
}

}  // namespace nameplane::net
