#include "rules/iptables/packet_counters.hpp"

#include "rules/answer.hpp"
#include "rules/iptables/encode.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_acct.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace nameplane::rules::iptables {
namespace {

using Socket = std::unique_ptr<mnl_socket, int (*)(mnl_socket*)>;

constexpr std::uint32_t sequence = 1;

int read_packets(const nlmsghdr* header, void* packets) {
    const auto number = attribute(attributes_of(*header), NFACCT_PKTS);
    std::uint64_t octets = 0;
    if (!number || number->size() != sizeof octets) return MNL_CB_OK;
    std::memcpy(&octets, number->data(), sizeof octets);
    *static_cast<std::uint64_t*>(packets) = __builtin_bswap64(octets);
    return MNL_CB_OK;
}

/// One request about `counter` and its answer; `packets` is set if the answer has the number.
Status ask(std::uint16_t type, std::uint16_t flags, std::string_view counter,
           std::uint64_t& packets) {
    const Socket socket{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC), &mnl_socket_close};
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return errno_error(errno, "nfnetlink_acct");
    }
    alignas(nlmsghdr) std::array<char, 8192> buffer{};
    nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
    header->nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_ACCT << 8) | type);
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header->nlmsg_seq = sequence;
    auto* message = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    message->nfgen_family = AF_UNSPEC;
    message->version = NFNETLINK_V0;
    mnl_attr_put_strz(header, NFACCT_NAME, std::string{counter}.c_str());
    if (mnl_socket_sendto(socket.get(), header, header->nlmsg_len) < 0) {
        return errno_error(errno, "nfnetlink_acct");
    }
    const unsigned port = mnl_socket_get_portid(socket.get());
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
        const int more = size < 0 ? -1
                                  : mnl_cb_run(buffer.data(), static_cast<std::size_t>(size),
                                               sequence, port, read_packets, &packets);
        if (more < 0) return errno_error(errno, "nfnetlink_acct");
        if (more == MNL_CB_STOP) return {};
    }
}

bool make_one(std::string_view counter) {
    std::uint64_t packets = 0;
    // One that is there keeps its number.
    const Status made = ask(NFNL_MSG_ACCT_NEW, NLM_F_CREATE | NLM_F_EXCL, counter, packets);
    return made || made.error().code == Errc::conflict || counted_packets(counter).has_value();
}

}  // namespace

bool make_packet_counters() {
    return has_counter_match(Family::ipv4) && has_counter_match(Family::ipv6) &&
           make_one(invalid_counter) && make_one(localhost_counter);
}

Result<std::uint64_t> counted_packets(std::string_view counter) {
    std::uint64_t packets = 0;
    if (Status done = ask(NFNL_MSG_ACCT_GET, 0, counter, packets); !done) {
        return std::move(done).error();
    }
    return packets;
}

}  // namespace nameplane::rules::iptables
