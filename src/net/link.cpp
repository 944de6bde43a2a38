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
#include <vector>

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

    // The errno with which the kernel answers `request`; 0: done.
    int ask(Message request) {
        request.header().nlmsg_flags |= std::uint16_t{NLM_F_ACK};
        std::vector<std::byte> answer;
        return ask_for(request, answer);
    }
    // The same where the kernel sends a message if it has one: `answer` has it.
    int ask_for(Message& request, std::vector<std::byte>& answer) {
        if (::send(fd_.get(), &request.header(), request.header().nlmsg_len, 0) < 0) return errno;
        // An interface may have more names than any fixed size holds.
        const ssize_t size = receive({}, MSG_PEEK | MSG_TRUNC);
        if (size < 0) return errno;
        answer.resize(static_cast<std::size_t>(size));
        if (receive(answer, 0) < 0) return errno;
        if (answer.size() < sizeof(nlmsghdr)) return EPROTO;
        const auto& head = *reinterpret_cast<const nlmsghdr*>(answer.data());
        if (head.nlmsg_type != NLMSG_ERROR) return 0;
        if (answer.size() < NLMSG_LENGTH(sizeof(nlmsgerr))) return EPROTO;
        return -static_cast<const nlmsgerr*>(NLMSG_DATA(&head))->error;
    }

private:
    explicit RouteSocket(UniqueFd fd) : fd_{std::move(fd)} {}
    ssize_t receive(std::span<std::byte> octets, int flags) {
        for (;;) {
            const ssize_t size = ::recv(fd_.get(), octets.data(), octets.size(), flags);
            if (size >= 0 || errno != EINTR) return size;
        }
    }
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

// What the first attribute of a type holds; nothing without one.
std::span<const std::byte> find(std::span<const std::byte> attributes, std::uint16_t wanted) {
    while (attributes.size() >= sizeof(rtattr)) {
        rtattr head{};
        std::memcpy(&head, attributes.data(), sizeof head);
        if (head.rta_len < sizeof head || head.rta_len > attributes.size()) return {};
        if ((head.rta_type & NLA_TYPE_MASK) == wanted)
            return attributes.subspan(sizeof head, head.rta_len - sizeof head);
        attributes =
            attributes.subspan(std::min<std::size_t>(RTA_ALIGN(head.rta_len), attributes.size()));
    }
    return {};
}

Result<std::string> kind_of(RouteSocket& socket, const std::string& name, unsigned index) {
    ifinfomsg head{};
    head.ifi_index = static_cast<int>(index);
    Message request{RTM_GETLINK, 0, head};
    std::vector<std::byte> answer;
    if (const int number = socket.ask_for(request, answer); number != 0) {
        return errno_error(number, "read interface " + name);
    }
    return link_kind(answer);
}

}  // namespace

std::string link_kind(std::span<const std::byte> answer) {
    nlmsghdr head{};
    constexpr std::size_t heads = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(ifinfomsg)));
    if (answer.size() < heads) return {};
    std::memcpy(&head, answer.data(), sizeof head);
    if (head.nlmsg_len < heads || head.nlmsg_len > answer.size()) return {};
    const auto kind =
        find(find(answer.subspan(heads, head.nlmsg_len - heads), IFLA_LINKINFO), IFLA_INFO_KIND);
    const auto* text = reinterpret_cast<const char*>(kind.data());
    return kind.empty() ? std::string{} : std::string{text, ::strnlen(text, kind.size())};
}

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
