#include "net/link.hpp"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace nameplane::net {
namespace {

// A netlink message under construction. It holds what the few requests here need, with room to
// spare.
class Message {
public:
    template <class Head> Message(std::uint16_t type, std::uint16_t flags, const Head& head) {
        header().nlmsg_type = type;
        header().nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        header().nlmsg_len = NLMSG_HDRLEN;
        append(&head, sizeof head);
    }
    void put(std::uint16_t type, const void* data, std::size_t size) {
        const rtattr head{static_cast<std::uint16_t>(RTA_LENGTH(size)), type};
        append(&head, sizeof head);
        append(data, size);
    }
    void put(std::uint16_t type, std::string_view text) { put(type, text.data(), text.size()); }
    // The attributes until close() stand inside this one.
    std::size_t open(std::uint16_t type) {
        const std::size_t start = header().nlmsg_len;
        put(type, nullptr, 0);
        return start;
    }
    void close(std::size_t start) {
        const auto size = static_cast<std::uint16_t>(header().nlmsg_len - start);
        std::memcpy(&octets_[start + offsetof(rtattr, rta_len)], &size, sizeof size);
    }
    nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(octets_.data()); }

private:
    void append(const void* data, std::size_t size) {
        const std::size_t at = header().nlmsg_len;
        NP_CHECK(at + NLMSG_ALIGN(size) <= octets_.size(), "a request of ours is small");
        if (size != 0) std::memcpy(&octets_[at], data, size);
        header().nlmsg_len = static_cast<std::uint32_t>(at + NLMSG_ALIGN(size));
    }

    alignas(nlmsghdr) std::array<std::byte, 512> octets_{};
};

class RouteSocket {
public:
    static Result<RouteSocket> open() {
        UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
        if (!fd) return errno_error(errno, "netlink socket");
        return RouteSocket{std::move(fd)};
    }

    // The errno with which the kernel answers `request`; 0: done. `answer` gets the message that it
    // sends, if it sends one instead.
    int ask(Message request, std::span<std::byte> answer) {
        if (answer.empty()) request.header().nlmsg_flags |= std::uint16_t{NLM_F_ACK};
        if (::send(fd_.get(), &request.header(), request.header().nlmsg_len, 0) < 0) return errno;
        alignas(nlmsghdr) std::array<std::byte, 16'384> octets{};
        ssize_t size = 0;
        do {
            size = ::recv(fd_.get(), octets.data(), octets.size(), 0);
        } while (size < 0 && errno == EINTR);
        if (size < 0) return errno;
        if (static_cast<std::size_t>(size) < sizeof(nlmsghdr)) return EPROTO;
        const auto& head = *reinterpret_cast<const nlmsghdr*>(octets.data());
        if (head.nlmsg_type == NLMSG_ERROR) {
            const auto* said = static_cast<const nlmsgerr*>(NLMSG_DATA(&head));
            return -said->error;
        }
        std::memcpy(answer.data(), octets.data(),
                    std::min(answer.size(), static_cast<std::size_t>(size)));
        return 0;
    }
    int ask(const Message& request) { return ask(request, {}); }

private:
    explicit RouteSocket(UniqueFd fd) : fd_{std::move(fd)} {}
    UniqueFd fd_;
};

Status check_name(const std::string& name) {
    if (!name.empty() && name.size() < IFNAMSIZ) return {};
    return Error{Errc::invalid, "interface name '" + name + "', expected 1 to 15 characters"};
}

Result<Link> make_tun(const std::string& name) {
    UniqueFd fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    if (!fd) return errno_error(errno, "open /dev/net/tun");
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL);
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
        const int number = errno == EBUSY ? EEXIST : errno;
        return errno_error(number, "make tun interface " + name);
    }
    return Link{LinkLife::descriptor, std::move(fd)};
}

int make_kind(RouteSocket& socket, const std::string& name, std::string_view kind) {
    Message request{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{}};
    request.put(IFLA_IFNAME, {name.c_str(), name.size() + 1});
    const std::size_t info = request.open(IFLA_LINKINFO);
    request.put(IFLA_INFO_KIND, kind);
    request.close(info);
    return socket.ask(request);
}

Message add_address(unsigned index, const IpAddress& address) {
    ifaddrmsg head{};
    head.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
    head.ifa_prefixlen = address.is_v4() ? 32 : 128;
    head.ifa_flags = address.is_v6() ? IFA_F_NODAD : 0;  // nobody else can have it here
    head.ifa_index = index;
    Message request{RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, head};
    const std::span<const std::uint8_t> octets = address.bytes();
    request.put(IFA_LOCAL, octets.data(), octets.size());
    request.put(IFA_ADDRESS, octets.data(), octets.size());
    return request;
}

const rtattr* find(const rtattr* first, std::size_t size, std::uint16_t wanted) {
    auto left = static_cast<int>(size);
    for (const rtattr* one = first; RTA_OK(one, left); one = RTA_NEXT(one, left)) {
        if ((one->rta_type & NLA_TYPE_MASK) == wanted) return one;
    }
    return nullptr;
}

// "dummy", "tun", ...; empty for real interfaces.
Result<std::string> kind_of(RouteSocket& socket, const std::string& name, unsigned index) {
    ifinfomsg head{};
    head.ifi_index = static_cast<int>(index);
    alignas(nlmsghdr) std::array<std::byte, 16'384> answer{};
    if (const int number = socket.ask({RTM_GETLINK, 0, head}, answer); number != 0) {
        return errno_error(number, "read interface " + name);
    }
    const auto& message = *reinterpret_cast<const nlmsghdr*>(answer.data());
    const auto* info = static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
    const auto* first = reinterpret_cast<const rtattr*>(reinterpret_cast<const std::byte*>(info) +
                                                        NLMSG_ALIGN(sizeof *info));
    const std::size_t size = message.nlmsg_len - NLMSG_LENGTH(sizeof *info);
    const rtattr* link = find(first, size, IFLA_LINKINFO);
    if (link == nullptr) return std::string{};
    const rtattr* kind =
        find(static_cast<const rtattr*>(RTA_DATA(link)), RTA_PAYLOAD(link), IFLA_INFO_KIND);
    if (kind == nullptr) return std::string{};
    const auto* text = static_cast<const char*>(RTA_DATA(kind));
    return std::string{text, strnlen(text, RTA_PAYLOAD(kind))};
}

}  // namespace

bool has_link(const std::string& name) noexcept {
    return ::if_nametoindex(name.c_str()) != 0;
}

Result<Link> make_link(const std::string& name, LinkLife life) {
    if (Status good = check_name(name); !good) return std::move(good).error();
    if (life == LinkLife::descriptor) return make_tun(name);
    Result<RouteSocket> socket = RouteSocket::open();
    if (!socket) return std::move(socket).error();
    int number = make_kind(*socket, name, "dummy");
    if (number == EOPNOTSUPP) number = make_kind(*socket, name, "bridge");
    if (number != 0) return errno_error(number, "make interface " + name);
    return Link{};
}

Status add_addresses(const std::string& name, std::span<const IpAddress> addresses) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) return Error{Errc::not_found, "no interface " + name};
    Result<RouteSocket> socket = RouteSocket::open();
    if (!socket) return std::move(socket).error();
    for (const IpAddress& address : addresses) {
        const int number = socket->ask(add_address(index, address));
        if (number == 0 || number == EEXIST) continue;
        return errno_error(number, "add " + address.to_string() + " to " + name);
    }
    return {};
}

Status remove_link(const std::string& name) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) return {};
    Result<RouteSocket> socket = RouteSocket::open();
    if (!socket) return std::move(socket).error();
    const Result<std::string> kind = kind_of(*socket, name, index);
    if (!kind) return kind.error();
    if (*kind != "dummy" && *kind != "bridge" && *kind != "tun") {
        return Error{Errc::conflict, "interface " + name + " is none of ours (kind '" + *kind +
                                         "'), expected a dummy, bridge or tun"};
    }
    ifinfomsg head{};
    head.ifi_index = static_cast<int>(index);
    const int number = socket->ask({RTM_DELLINK, 0, head});
    if (number == 0 || number == ENODEV) return {};
    return errno_error(number, "remove interface " + name);
}

}  // namespace nameplane::net
