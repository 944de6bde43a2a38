// hot path
#include "net/udp.hpp"

#include "net/udp_slots.hpp"
#include <nameplane/base/check.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace nameplane::net {

namespace {

/// The address a datagram came to, from what the kernel put beside it.
std::optional<IpAddress> destination_of(const msghdr& header) noexcept {
    if (header.msg_controllen < sizeof(cmsghdr)) return std::nullopt;
    const auto* control = static_cast<const cmsghdr*>(header.msg_control);
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        in_pktinfo info;
        std::memcpy(&info, CMSG_DATA(control), sizeof info);
        return IpAddress::from_bytes(
            {reinterpret_cast<const std::uint8_t*>(&info.ipi_spec_dst), 4});
    }
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info;
        std::memcpy(&info, CMSG_DATA(control), sizeof info);
        return IpAddress::from_bytes({info.ipi6_addr.s6_addr, 16});
    }
    return std::nullopt;
}

/// Makes of what came beside the query what goes beside the answer: the same address as source,
/// but any interface, since the way back may be another (asymmetric routes, addresses on lo).
void turn_control_round(msghdr& header) noexcept {
    if (header.msg_controllen < sizeof(cmsghdr)) return;
    auto* control = static_cast<cmsghdr*>(header.msg_control);
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        in_pktinfo info;
        std::memcpy(&info, CMSG_DATA(control), sizeof info);
        info.ipi_ifindex = 0;
        std::memcpy(CMSG_DATA(control), &info, sizeof info);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info;
        std::memcpy(&info, CMSG_DATA(control), sizeof info);
        // A link-local address means nothing without its interface.
        if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
        std::memcpy(CMSG_DATA(control), &info, sizeof info);
    }
}

}  // namespace

std::size_t UdpSocket::receive() noexcept {
    NP_CHECK(!has_unsent(), "a batch is sent before the next is taken");
    Slots& slots = *slots_;
    for (std::size_t i = 0; i < received_; ++i) {
        slots.in[i].msg_hdr.msg_namelen = sizeof slots.peers[i];
        slots.in[i].msg_hdr.msg_controllen = slots.with_control ? Slots::control_octets : 0;
    }
    received_ = answers_ = sent_ = 0;
    int taken = 0;
    do {
        taken = ::recvmmsg(fd_.get(), slots.in.data(), batch_max, MSG_DONTWAIT, nullptr);
    } while (taken < 0 && errno == EINTR);
    if (taken < 0) {
        if (errno != EAGAIN) ++receive_errors_;
        return 0;
    }
    received_ = static_cast<std::size_t>(taken);
    return received_;
}

std::span<const std::uint8_t> UdpSocket::message(std::size_t i) const noexcept {
    const mmsghdr& in = slots_->in[i];
    return {static_cast<const std::uint8_t*>(in.msg_hdr.msg_iov->iov_base), in.msg_len};
}

UdpSocket::Datagram UdpSocket::datagram(std::size_t i) const noexcept {
    const mmsghdr& in = slots_->in[i];
    Datagram out;
    out.message = message(i);
    out.cut_off = (in.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    if (in.msg_hdr.msg_namelen != 0) {
        out.client =
            SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(slots_->peers[i]));
    }
    out.server = local_;
    if (wildcard_) {
        if (const auto address = destination_of(in.msg_hdr)) out.server.address = *address;
    }
    return out;
}

std::span<std::uint8_t> UdpSocket::answer_room(std::size_t i) noexcept {
    return {slots_->answers.get() + i * slots_->answer_stride, slots_->answer_octets};
}

void UdpSocket::answer(std::size_t i, std::size_t octets) noexcept {
    Slots& slots = *slots_;
    msghdr& in = slots.in[i].msg_hdr;
    turn_control_round(in);
    slots.out_vectors[answers_] = {answer_room(i).data(), octets};
    msghdr& out = slots.out[answers_].msg_hdr;
    out.msg_name = in.msg_namelen == 0 ? nullptr : in.msg_name;
    out.msg_namelen = in.msg_namelen;
    out.msg_control = in.msg_control;
    out.msg_controllen = in.msg_controllen;
    ++answers_;
}

WayBack UdpSocket::way_back(std::size_t i) noexcept {
    msghdr& in = slots_->in[i].msg_hdr;
    turn_control_round(in);
    WayBack way;
    way.peer = slots_->peers[i];
    way.peer_octets = in.msg_namelen;
    way.control_octets = static_cast<std::uint32_t>(in.msg_controllen);
    if (in.msg_controllen != 0) {
        std::memcpy(way.control.data(), in.msg_control, in.msg_controllen);
    }
    return way;
}

bool UdpSocket::send() noexcept {
    while (has_unsent()) {
        const int sent =
            ::sendmmsg(fd_.get(), slots_->out.data() + sent_,
                       static_cast<unsigned>(answers_ - sent_), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            sent_ += static_cast<std::size_t>(sent);
        } else if (errno == EAGAIN) {
            return false;
        } else if (errno != EINTR) {
            // The kernel says this of the first one only: the others may pass.
            ++send_errors_;
            ++sent_;
        }
    }
    return true;
}

void UdpSocket::send_late() noexcept {
    if (late_ == nullptr) return;
    Late& late = *late_;
    std::size_t sent = 0;
    while (sent < late.count) {
        const int taken =
            ::sendmmsg(fd_.get(), late.out.data() + sent, static_cast<unsigned>(late.count - sent),
                       MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken > 0) {
            sent += static_cast<std::size_t>(taken);
        } else if (errno != EINTR) {
            ++send_errors_;
            ++sent;
        }
    }
    late.count = 0;
}

}  // namespace nameplane::net
