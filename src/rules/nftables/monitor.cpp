#include "rules/nftables/monitor.hpp"

#include "rules/answer.hpp"
#include "rules/nftables/netlink.hpp"
#include "rules/nftables/rule.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace nameplane::rules::nftables {
namespace {

constexpr int receive_buffer = 4 * 1024 * 1024;

/// The table that an event is about: the first attribute of every kind of object.
std::string_view table_of(const nlmsghdr& event) {
    static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
                  NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1 &&
                  NFTA_FLOWTABLE_TABLE == 1);
    return attribute_text(attributes_of(event), NFTA_TABLE_NAME);
}

/// Whether a name of a chain that is not the kubelet's own mark stands anywhere in the event.
bool names_kube_chain(const nlmsghdr& event) {
    const std::string_view octets{reinterpret_cast<const char*>(&event), event.nlmsg_len};
    constexpr std::string_view prefix = "KUBE-";
    constexpr std::array<std::string_view, 2> of_kubelet{"KUBE-KUBELET-", "KUBE-IPTABLES-"};
    for (auto at = octets.find(prefix); at != std::string_view::npos;
         at = octets.find(prefix, at + prefix.size())) {
        if (std::ranges::none_of(of_kubelet, [&](std::string_view theirs) {
                return octets.substr(at).starts_with(theirs);
            })) {
            return true;
        }
    }
    return false;
}

bool is_about_kube_chains(const nlmsghdr& event) {
    const std::string_view table = table_of(event);
    if (table != "filter" && table != "nat" && table != "mangle") return false;
    return (event.nlmsg_type & 0xff) == NFT_MSG_DELTABLE || names_kube_chain(event);
}

bool is_about_us(const nlmsghdr& event, Family family, Watched watched) {
    if (event.nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES) return false;
    if ((event.nlmsg_type & 0xff) == NFT_MSG_NEWGEN) return false;
    if (event.nlmsg_len < NLMSG_LENGTH(sizeof(nfgenmsg))) return false;
    const auto* message = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&event));
    if (message->nfgen_family != family_number(family)) return false;
    switch (watched) {
    case Watched::our_table: return table_of(event) == table_name;
    case Watched::kube_chains: return is_about_kube_chains(event);
    }
    return false;
}

}  // namespace

bool tells_of_change(std::span<const std::uint8_t> datagram, Family family, Watched watched,
                     std::uint32_t own_port) {
    bool told = false;
    const bool whole = for_each_message(datagram, [&](const nlmsghdr& event) {
        told = told || (event.nlmsg_pid != own_port && is_about_us(event, family, watched));
    });
    return told || !whole;
}

Status Monitor::start() {
    UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
    if (!fd) return errno_error(errno, "open a netlink socket for events");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    const int group = NFNLGRP_NFTABLES;
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
        return errno_error(errno, "listen to nf_tables");
    }
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    fd_ = std::move(fd);
    return {};
}

Heard Monitor::hear(std::uint32_t own_port) {
    if (!fd_) return Heard::nothing;
    Heard heard = Heard::nothing;
    alignas(nlmsghdr) std::array<std::uint8_t, 65'536> buffer;
    for (;;) {
        const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == ENOBUFS) {
            heard = std::max(heard, Heard::too_much);
            continue;
        }
        if (got <= 0) return heard;
        if (heard == Heard::change) continue;
        if (tells_of_change({buffer.data(), static_cast<std::size_t>(got)}, family_, watched_,
                            own_port)) {
            heard = Heard::change;
        }
    }
}

}  // namespace nameplane::rules::nftables
