#include "rules/nftables/netlink.hpp"

#include "rules/answer.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace nameplane::rules::nftables {
namespace {

constexpr std::size_t receive_size = 262'144;
/// A refused batch may bring an answer for each of its messages.
constexpr int receive_buffer = 4 * 1024 * 1024;
/// sendmsg() takes no more pieces than this at once.
constexpr std::size_t pieces_max = 1'000;

std::uint16_t nft_type(std::uint16_t type) {
    return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | type);
}

nlmsghdr* put_header(char* at, std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                     std::uint16_t res_id) {
    nlmsghdr* header = mnl_nlmsg_put_header(at);
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    auto* message = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    message->nfgen_family = family;
    message->version = NFNETLINK_V0;
    message->res_id = htons(res_id);
    return header;
}

template <class Visit> void for_each_own_message(std::vector<Batch::Octet>& part, Visit&& visit) {
    for (std::size_t at = 0; at < part.size();) {
        auto* header = reinterpret_cast<nlmsghdr*>(part.data() + at);
        visit(*header);
        at += MNL_ALIGN(header->nlmsg_len);
    }
}

/// "add element in service-ips" for one of our own messages.
std::string describe(const nlmsghdr& header) {
    const auto with = [&](std::string what, std::uint16_t name) {
        return what.append(attribute_text(attributes_of(header), name));
    };
    switch (header.nlmsg_type & 0xff) {
    case NFT_MSG_NEWTABLE: return "add table";
    case NFT_MSG_DELTABLE: return "delete table";
    case NFT_MSG_NEWCHAIN: return with("add chain ", NFTA_CHAIN_NAME);
    case NFT_MSG_DELCHAIN: return with("delete chain ", NFTA_CHAIN_NAME);
    case NFT_MSG_NEWRULE: return with("add rule in ", NFTA_RULE_CHAIN);
    case NFT_MSG_DELRULE: return with("delete rules in ", NFTA_RULE_CHAIN);
    case NFT_MSG_NEWSET: return with("add set ", NFTA_SET_NAME);
    case NFT_MSG_DELSET: return with("delete set ", NFTA_SET_NAME);
    case NFT_MSG_NEWSETELEM: return with("add elements in ", NFTA_SET_ELEM_LIST_SET);
    case NFT_MSG_DELSETELEM: return with("delete elements in ", NFTA_SET_ELEM_LIST_SET);
    default: return "commit";
    }
}

}  // namespace

std::uint8_t family_number(Family family) noexcept {
    return family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

void Batch::add(Family family, std::uint16_t type, std::uint16_t flags,
                const std::function<void(nlmsghdr*)>& build) {
    std::array<char, message_size_max> buffer;
    nlmsghdr* header = put_header(buffer.data(), nft_type(type), flags, family_number(family), 0);
    build(header);
    const auto* begin = reinterpret_cast<const Octet*>(buffer.data());
    // Small ones share a part.
    if (sealed_ || parts_.empty() || parts_.back().size() + header->nlmsg_len > message_size_max) {
        parts_.emplace_back();
        sealed_ = false;
    }
    parts_.back().insert(parts_.back().end(), begin, begin + MNL_ALIGN(header->nlmsg_len));
}

void Batch::add(std::vector<Octet> messages) {
    if (!messages.empty()) parts_.push_back(std::move(messages));
}

std::size_t Batch::seal() {
    sealed_ = true;
    return parts_.size();
}

std::size_t Batch::size() const noexcept {
    std::size_t size = 0;
    for (const auto& part : parts_) size += part.size();
    return size;
}

Result<Netlink> Netlink::open() {
    UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
    if (!fd) return errno_error(errno, "open a netlink socket to nf_tables");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    socklen_t size = sizeof address;
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return errno_error(errno, "bind the netlink socket");
    }
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    // A batch of which every message is refused is answered without the messages.
    const int on = 1;
    ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return Netlink{std::move(fd), address.nl_pid};
}

Status Netlink::send(std::span<const std::span<const Batch::Octet>> parts, std::size_t size) {
    const auto buffer = static_cast<int>(size + 65'536);
    int has = 0;
    socklen_t length = sizeof has;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &has, &length);
    if (has < buffer &&
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0) {
        // Not root of the first user namespace: as much as net.core.wmem_max lets us.
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    }
    std::vector<iovec> pieces;
    pieces.reserve(parts.size());
    for (const auto& part : parts) {
        pieces.push_back({const_cast<Batch::Octet*>(part.data()), part.size()});
    }
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    msghdr message{};
    message.msg_name = &kernel;
    message.msg_namelen = sizeof kernel;
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    if (::sendmsg(fd_.get(), &message, 0) >= 0) return {};
    if (errno != EMSGSIZE) return errno_error(errno, "send rules to the kernel");
    return Error{Errc::io, "send rules to the kernel: " + std::to_string(size) +
                               " octets in one transaction, more than a user namespace may send: "
                               "net.core.wmem_max of the host must be half of that at least"};
}

Status Netlink::commit(Batch& batch) {
    // Too many pieces for one call: put neighbours together.
    while (batch.parts_.size() > pieces_max) {
        std::vector<std::vector<Batch::Octet>> fewer;
        for (std::size_t i = 0; i < batch.parts_.size(); i += 2) {
            fewer.push_back(std::move(batch.parts_[i]));
            if (i + 1 == batch.parts_.size()) break;
            const auto& next = batch.parts_[i + 1];
            fewer.back().insert(fewer.back().end(), next.begin(), next.end());
        }
        batch.parts_ = std::move(fewer);
    }
    std::array<char, 64> begin;
    std::array<char, 64> end;
    nlmsghdr* head =
        put_header(begin.data(), NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    const std::uint32_t first = ++sequence_;
    head->nlmsg_seq = first;
    nlmsghdr* last_message = head;
    std::size_t size = 0;
    std::vector<std::span<const Batch::Octet>> parts;
    parts.emplace_back(reinterpret_cast<const Batch::Octet*>(head), MNL_ALIGN(head->nlmsg_len));
    for (auto& part : batch.parts_) {
        for_each_own_message(part, [&](nlmsghdr& header) {
            header.nlmsg_seq = ++sequence_;
            header.nlmsg_flags = static_cast<std::uint16_t>(header.nlmsg_flags & ~NLM_F_ACK);
            last_message = &header;
        });
        parts.emplace_back(part);
        size += part.size();
    }
    // Its answer says that all of it is in.
    last_message->nlmsg_flags |= NLM_F_ACK;
    const std::uint32_t last = sequence_;
    nlmsghdr* tail = put_header(end.data(), NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    tail->nlmsg_seq = ++sequence_;
    parts.emplace_back(reinterpret_cast<const Batch::Octet*>(tail), MNL_ALIGN(tail->nlmsg_len));
    if (auto sent = send(parts, size); !sent) return sent;
    return read_verdict(batch, first, last);
}

/// The kernel has worked through the batch when sendmsg() returns: its answers are there.
Status Netlink::read_verdict(const Batch& batch, std::uint32_t first, std::uint32_t last) {
    std::vector<Batch::Octet> buffer(receive_size);
    bool done = false;
    bool lost = false;
    int refused = 0;
    std::uint32_t refused_at = 0;
    for (;;) {
        const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) break;
        if (got < 0 && errno == ENOBUFS) {
            // Answers were too many; the first of them are still there.
            lost = true;
            continue;
        }
        if (got < 0) return errno_error(errno, "read the kernel's answer to rules");
        for_each_message({buffer.data(), static_cast<std::size_t>(got)}, [&](const auto& header) {
            if (header.nlmsg_type != NLMSG_ERROR) return;
            if (header.nlmsg_seq < first || header.nlmsg_seq > last + 1) return;
            const int error = error_number(header);
            if (error == 0) {
                done = done || header.nlmsg_seq == last;
            } else if (refused == 0) {
                refused = error;
                refused_at = header.nlmsg_seq;
            }
        });
    }
    if (refused == 0 && done) return {};
    if (refused == 0 && lost) refused = ENOBUFS;
    if (refused == 0) return Error{Errc::io, "the kernel did not answer to rules"};
    std::string what = "commit";
    std::uint32_t sequence = first;
    for (const auto& part : batch.parts_) {
        auto& messages = const_cast<std::vector<Batch::Octet>&>(part);
        for_each_own_message(messages, [&](const nlmsghdr& header) {
            if (++sequence == refused_at) what = describe(header);
        });
    }
    if (refused == ERESTART) refused = EAGAIN;
    return errno_error(refused, what);
}

Status Netlink::ask(Family family, std::uint16_t type, bool dump,
                    const std::function<void(nlmsghdr*)>& build,
                    const std::function<void(const nlmsghdr*)>& visit) {
    std::array<char, 4'096> request;
    nlmsghdr* header = put_header(request.data(), nft_type(type), dump ? NLM_F_DUMP : NLM_F_ACK,
                                  family_number(family), 0);
    header->nlmsg_seq = ++sequence_;
    build(header);
    const std::span<const Batch::Octet> part{reinterpret_cast<const Batch::Octet*>(header),
                                             header->nlmsg_len};
    if (auto sent = send({&part, 1}, part.size()); !sent) return sent;
    return read_answers(visit);
}

Status Netlink::ask(std::span<Batch::Octet> message,
                    const std::function<void(const nlmsghdr*)>& visit) {
    auto* header = reinterpret_cast<nlmsghdr*>(message.data());
    header->nlmsg_seq = ++sequence_;
    header->nlmsg_flags |= NLM_F_ACK;
    const std::span<const Batch::Octet> part{message};
    if (auto sent = send({&part, 1}, part.size()); !sent) return sent;
    return read_answers(visit);
}

Status Netlink::read_answers(const std::function<void(const nlmsghdr*)>& visit) {
    std::vector<Batch::Octet> buffer(receive_size);
    Answer answer{sequence_, "read rules from the kernel"};
    for (;;) {
        const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error(errno, "read rules from the kernel");
        auto complete = answer.take({buffer.data(), static_cast<std::size_t>(got)}, visit);
        if (!complete) return std::move(complete).error();
        if (*complete) return {};
    }
}

Result<std::uint32_t> Netlink::generation() {
    std::uint32_t number = 0;
    auto asked = ask(
        Family::ipv4, NFT_MSG_GETGEN, false, [](nlmsghdr*) {},
        [&](const nlmsghdr* answer) {
            number = attribute_number(attributes_of(*answer), NFTA_GEN_ID).value_or(0);
        });
    if (!asked) return std::move(asked).error();
    return number;
}

}  // namespace nameplane::rules::nftables
