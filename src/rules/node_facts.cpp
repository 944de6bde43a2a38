#include "base/fd.hpp"
#include "rules/policy.hpp"

#include <ifaddrs.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace nameplane::rules {

NodeFacts facts_of_this_machine(std::string_view name) {
    NodeFacts facts;
    facts.name = name;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return facts;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
    for (const ifaddrs* item = list; item != nullptr; item = item->ifa_next) {
        if (item->ifa_addr == nullptr) continue;
        const int family = item->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        facts.addresses.push_back(
            {item->ifa_name, SocketAddress::from_sockaddr(*item->ifa_addr).address});
    }
    return facts;
}

bool kernel_has(Family family) {
    const int domain = family == Family::ipv4 ? AF_INET : AF_INET6;
    const UniqueFd socket{::socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    return socket || errno != EAFNOSUPPORT;
}

}  // namespace nameplane::rules
