// The kind of an interface in what the kernel says of it.

#include "net/link.hpp"

#include <catch2/catch.hpp>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

using namespace nameplane;

namespace {

using Octets = std::vector<std::byte>;

Octets attribute(std::uint16_t type, const Octets& data) {
    const rtattr head{static_cast<std::uint16_t>(RTA_LENGTH(data.size())), type};
    Octets all(RTA_SPACE(data.size()));
    std::memcpy(all.data(), &head, sizeof head);
    if (!data.empty()) std::memcpy(all.data() + sizeof head, data.data(), data.size());
    return all;
}

Octets octets_of(std::string_view text) {
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}

Octets link_of(std::string_view kind) {
    return attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, octets_of(kind)));
}

Octets answer(const std::vector<Octets>& attributes) {
    Octets all(NLMSG_SPACE(sizeof(ifinfomsg)));
    for (const Octets& each : attributes) all.insert(all.end(), each.begin(), each.end());
    nlmsghdr head{};
    head.nlmsg_len = static_cast<std::uint32_t>(all.size());
    head.nlmsg_type = RTM_NEWLINK;
    std::memcpy(all.data(), &head, sizeof head);
    return all;
}

}  // namespace

TEST_CASE("link kind: as it stands there, or none") {
    using namespace std::string_view_literals;
    const Octets name = attribute(IFLA_IFNAME, octets_of("nl\0"sv));
    CHECK(net::link_kind(answer({name, link_of("dummy\0"sv)})) == "dummy");
    CHECK(net::link_kind(answer({name, link_of("tun"sv)})) == "tun");
    CHECK(net::link_kind(answer({name})).empty());
    CHECK(net::link_kind(answer({attribute(IFLA_LINKINFO, {})})).empty());
}

TEST_CASE("link kind: nothing is read behind the end of an answer") {
    const Octets whole = answer({attribute(IFLA_PROP_LIST, Octets(200)), link_of("dummy")});
    REQUIRE(net::link_kind(whole) == "dummy");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(net::link_kind(std::span{whole}.first(size)).empty());
    }
    Octets longer = answer({attribute(IFLA_PROP_LIST, Octets(8))});
    longer[NLMSG_SPACE(sizeof(ifinfomsg))] = std::byte{64};  // the attribute's length
    CHECK(net::link_kind(longer).empty());
    Octets shorter = whole;
    shorter[0] = std::byte{4};
    shorter[1] = std::byte{0};
    CHECK(net::link_kind(shorter).empty());
}
