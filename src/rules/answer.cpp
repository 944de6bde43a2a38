#include "rules/answer.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace nameplane::rules {
namespace {

/// What the kernel calls failure is a negative errno.
int errno_of(std::int32_t said) {
    return said > 0 || said == INT_MIN ? EPROTO : -said;
}

}  // namespace

bool for_each_message(std::span<const std::uint8_t> datagram,
                      const std::function<void(const nlmsghdr&)>& visit) {
    // By hand: mnl_nlmsg_ok() takes a length of more than 2^31 for one below zero.
    while (datagram.size() >= sizeof(nlmsghdr)) {
        const auto& message = *reinterpret_cast<const nlmsghdr*>(datagram.data());
        if (message.nlmsg_len < sizeof message || message.nlmsg_len > datagram.size()) return false;
        visit(message);
        datagram = datagram.subspan(
            std::min<std::size_t>(NLMSG_ALIGN(std::size_t{message.nlmsg_len}), datagram.size()));
    }
    return datagram.empty();
}

std::span<const std::uint8_t> attributes_of(const nlmsghdr& message) {
    constexpr std::size_t heads = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(nfgenmsg)));
    if (message.nlmsg_len < heads) return {};
    return {reinterpret_cast<const std::uint8_t*>(&message) + heads, message.nlmsg_len - heads};
}

std::optional<std::span<const std::uint8_t>> attribute(std::span<const std::uint8_t> attributes,
                                                       std::uint16_t type) {
    while (attributes.size() >= sizeof(nlattr)) {
        nlattr head{};
        std::memcpy(&head, attributes.data(), sizeof head);
        if (head.nla_len < sizeof head || head.nla_len > attributes.size()) break;
        if ((head.nla_type & NLA_TYPE_MASK) == type)
            return attributes.subspan(sizeof head, head.nla_len - sizeof head);
        attributes =
            attributes.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
    }
    return std::nullopt;
}

std::string_view attribute_text(std::span<const std::uint8_t> attributes, std::uint16_t type) {
    const auto octets = attribute(attributes, type);
    if (!octets) return {};
    const auto* text = reinterpret_cast<const char*>(octets->data());
    return {text, ::strnlen(text, octets->size())};
}

std::optional<std::uint32_t> attribute_number(std::span<const std::uint8_t> attributes,
                                              std::uint16_t type) {
    const auto octets = attribute(attributes, type);
    std::uint32_t number = 0;
    if (!octets || octets->size() != sizeof number) return std::nullopt;
    std::memcpy(&number, octets->data(), sizeof number);
    return ntohl(number);
}

int error_number(const nlmsghdr& message) {
    if (message.nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return EPROTO;
    return errno_of(static_cast<const nlmsgerr*>(NLMSG_DATA(&message))->error);
}

Result<bool> Answer::take(std::span<const std::uint8_t> datagram,
                          const std::function<void(const nlmsghdr*)>& visit) {
    bool complete = false;
    Status status;
    const bool whole = for_each_message(datagram, [&](const nlmsghdr& message) {
        if (complete || message.nlmsg_seq != sequence_) return;
        torn_ = torn_ || (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (message.nlmsg_type == NLMSG_ERROR) {
            complete = true;
            const int error = error_number(message);
            if (error != 0) status = errno_error(error, doing_);
        } else if (message.nlmsg_type == NLMSG_DONE) {
            complete = true;
            status = end_of_list(message);
        } else if (message.nlmsg_len >= NLMSG_LENGTH(sizeof(nfgenmsg))) {
            visit(&message);
        }
    });
    if (!status) return std::move(status).error();
    if (!whole && !complete) return Error{Errc::io, "an answer is cut"}.within(doing_);
    return complete;
}

/// A list that failed half-way, because its set went, ends like any other but for an errno.
Status Answer::end_of_list(const nlmsghdr& message) const {
    std::int32_t said = 0;
    if (message.nlmsg_len >= NLMSG_LENGTH(sizeof said))
        std::memcpy(&said, NLMSG_DATA(&message), sizeof said);
    if (said < 0) return errno_error(errno_of(said), doing_);
    if (torn_) return Error{Errc::again, "it changed meanwhile"}.within(doing_);
    return {};
}

}  // namespace nameplane::rules
