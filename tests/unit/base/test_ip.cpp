#include <nameplane/base/ip.hpp>

#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace nameplane {
namespace {

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}
Cidr cidr(std::string_view text) {
    return Cidr::parse(text).value();
}

TEST_CASE("addresses are read and written in their canonical form", "[base][ip]") {
    struct Row {
        const char* given;
        const char* written;  ///< nullptr: refused
    };
    const std::vector<Row> rows = {
        {"10.0.0.1", "10.0.0.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"FD00:0:0:0:0:0:0:1", "fd00::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"", nullptr},
        {"10.0.0", nullptr},
        {"10.0.0.256", nullptr},
        {"10.0.0.1 ", nullptr},
        {" 10.0.0.1", nullptr},
        {"10.0.0.01", nullptr},
        {"10.0.0.1:53", nullptr},
        {"[::1]", nullptr},
        {"fe80::1%eth0", nullptr},
        {"1::2::3", nullptr},
        {"12345::", nullptr},
        {"kubernetes", nullptr},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255.255", nullptr},
    };
    for (const Row& row : rows) {
        INFO(row.given);
        const auto address = IpAddress::parse(row.given);
        REQUIRE(address.has_value() == (row.written != nullptr));
        if (!address) continue;
        CHECK(address->to_string() == row.written);
        std::array<char, 46> buffer{};
        const std::size_t length = address->write_text(buffer);
        CHECK(std::string(buffer.data(), length) == row.written);
        CHECK(IpAddress::from_bytes(address->bytes()) == address);
    }
    CHECK_FALSE(IpAddress::parse(std::string_view{"10.0.0.1\0x", 10}).has_value());
}

TEST_CASE("an address is made of four or sixteen octets", "[base][ip]") {
    const std::array<std::uint8_t, 16> octets{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
    CHECK(IpAddress::from_bytes(octets) == ip("fd00::9"));
    CHECK(IpAddress::v6(octets) == ip("fd00::9"));
    CHECK(IpAddress::from_bytes(std::span{octets}.first(4)) == ip("253.0.0.0"));
    for (const std::size_t wrong : {0U, 3U, 5U, 15U}) {
        CHECK_FALSE(IpAddress::from_bytes(std::span{octets}.first(wrong)).has_value());
    }
    CHECK(IpAddress::v4(10, 1, 2, 3) == ip("10.1.2.3"));
    CHECK(IpAddress{} == ip("0.0.0.0"));
    CHECK(ip("10.0.0.1").bytes().size() == 4);
    CHECK(ip("::1").bytes().size() == 16);
}

TEST_CASE("addresses sort by family, then by octets", "[base][ip]") {
    const std::vector<std::string> sorted = {
        "0.0.0.0", "9.255.0.0", "10.0.0.0", "10.0.0.10", "192.0.2.1",
        "::",      "::1",       "a00::",    "fd00::1"};
    std::vector<std::string> shuffled = {sorted.rbegin(), sorted.rend()};
    std::ranges::sort(shuffled, {}, ip);
    CHECK(shuffled == sorted);
    // The same octets in another family are another address.
    CHECK(ip("10.0.0.0") != ip("a00::"));
    CHECK(to_string(Family::ipv4) == "ipv4");
    CHECK(to_string(Family::ipv6) == "ipv6");
}

TEST_CASE("link-local addresses are known", "[base][ip]") {
    CHECK(ip("169.254.0.1").is_link_local());
    CHECK(ip("169.254.255.255").is_link_local());
    CHECK(ip("fe80::1").is_link_local());
    CHECK(ip("febf::1").is_link_local());
    CHECK_FALSE(ip("169.253.0.1").is_link_local());
    CHECK_FALSE(ip("169.255.0.1").is_link_local());
    CHECK_FALSE(ip("fec0::1").is_link_local());
    CHECK_FALSE(ip("fd00::1").is_link_local());
}

TEST_CASE("loopback and unspecified addresses are known", "[base][ip]") {
    CHECK(ip("127.0.0.1").is_loopback());
    CHECK(ip("127.255.255.255").is_loopback());
    CHECK(ip("::1").is_loopback());
    CHECK_FALSE(ip("128.0.0.1").is_loopback());
    CHECK_FALSE(ip("::").is_loopback());
    CHECK_FALSE(ip("7f00::1").is_loopback());
    CHECK(ip("0.0.0.0").is_unspecified());
    CHECK(ip("::").is_unspecified());
    CHECK_FALSE(ip("0.0.0.1").is_unspecified());
    CHECK_FALSE(ip("::1").is_unspecified());
}

TEST_CASE("hashes of neighbours differ in high and in low bits", "[base][ip]") {
    std::set<std::size_t> all, high, low;
    for (int i = 0; i < 4096; ++i) {
        const IpAddress address =
            IpAddress::v4(10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i));
        all.insert(address.hash());
        high.insert(address.hash() >> 56);
        low.insert(address.hash() & 0xff);
    }
    CHECK(all.size() == 4096);
    CHECK(high.size() == 256);
    CHECK(low.size() == 256);
    CHECK(ip("10.0.0.0").hash() != ip("a00::").hash());
}

TEST_CASE("networks are read with their host bits cleared", "[base][ip]") {
    struct Row {
        const char* given;
        const char* written;  ///< nullptr: refused
    };
    const std::vector<Row> rows = {
        {"10.96.0.0/12", "10.96.0.0/12"},
        {"10.111.255.255/12", "10.96.0.0/12"},
        {"10.0.0.1", "10.0.0.1/32"},
        {"10.0.0.1/0", "0.0.0.0/0"},
        {"10.0.0.255/25", "10.0.0.128/25"},
        {"fd00::1", "fd00::1/128"},
        {"fd00::ffff/113", "fd00::8000/113"},
        {"fd00:1:2:3::1/64", "fd00:1:2:3::/64"},
        {"10.0.0.0/33", nullptr},
        {"fd00::/129", nullptr},
        {"10.0.0.0/", nullptr},
        {"10.0.0.0/-1", nullptr},
        {"10.0.0.0/8x", nullptr},
        {"10.0.0.0/ 8", nullptr},
        {"10.0.0.0/99999999999", nullptr},
        {"/8", nullptr},
        {"", nullptr},
    };
    for (const Row& row : rows) {
        INFO(row.given);
        const auto network = Cidr::parse(row.given);
        REQUIRE(network.has_value() == (row.written != nullptr));
        if (network) CHECK(network->to_string() == row.written);
    }
}

TEST_CASE("a network contains what lies between its edges", "[base][ip]") {
    const Cidr services = cidr("10.96.0.0/12");
    CHECK(services.contains(ip("10.96.0.0")));
    CHECK(services.contains(ip("10.111.255.255")));
    CHECK_FALSE(services.contains(ip("10.95.255.255")));
    CHECK_FALSE(services.contains(ip("10.112.0.0")));
    CHECK_FALSE(services.contains(ip("a60::")));
    CHECK(cidr("0.0.0.0/0").contains(ip("255.255.255.255")));
    CHECK_FALSE(cidr("0.0.0.0/0").contains(ip("::")));
    CHECK(cidr("fd00::8000/113").contains(ip("fd00::ffff")));
    CHECK_FALSE(cidr("fd00::8000/113").contains(ip("fd00::7fff")));
}

TEST_CASE("a network counts its addresses and gives each", "[base][ip]") {
    CHECK(cidr("10.0.0.0/30").size() == 4);
    CHECK(cidr("10.0.0.1/32").size() == 1);
    CHECK(cidr("0.0.0.0/0").size() == 4'294'967'296);
    CHECK(cidr("fd00::/112").size() == 65'536);
    CHECK(cidr("fd00::/64").size() == 9'223'372'036'854'775'808U);
    CHECK(cidr("10.0.0.0/8").at(0) == ip("10.0.0.0"));
    CHECK(cidr("10.0.0.0/8").at(256) == ip("10.0.1.0"));
    CHECK(cidr("10.0.0.0/8").at(16'777'215) == ip("10.255.255.255"));
    CHECK(cidr("fd00::/64").at(65'536) == ip("fd00::1:0"));
    CHECK(cidr("fd00::/64").at(9'223'372'036'854'775'807U) == ip("fd00::7fff:ffff:ffff:ffff"));
}

TEST_CASE("socket addresses are read and written", "[base][ip]") {
    struct Row {
        const char* text;
        bool good;
    };
    for (const Row& row :
         {Row{"10.0.0.1:53", true}, Row{"[fd00::1]:53", true}, Row{"[::]:0", true},
          Row{"0.0.0.0:65535", true}, Row{"10.0.0.1:65536", false}, Row{"10.0.0.1", false},
          Row{"10.0.0.1:", false}, Row{"fd00::1:53", false}, Row{"[10.0.0.1]:53", false},
          Row{"[fd00::1]", false}, Row{"[fd00::1:53", false}, Row{":53", false}, Row{"", false},
          Row{"10.0.0.1:5x", false}, Row{"10.0.0.1:-1", false}, Row{"[]:53", false}}) {
        INFO(row.text);
        const auto address = SocketAddress::parse(row.text);
        REQUIRE(address.has_value() == row.good);
        if (address) CHECK(address->to_string() == row.text);
    }
}

TEST_CASE("socket addresses go to the kernel's form and back", "[base][ip]") {
    for (const char* text : {"10.1.2.3:53", "[fd00::1]:65535", "0.0.0.0:0"}) {
        INFO(text);
        sockaddr_storage storage{};
        const SocketAddress address = SocketAddress::parse(text).value();
        const unsigned length = address.to_sockaddr(storage);
        CHECK(length == (address.address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
        CHECK(SocketAddress::from_sockaddr(reinterpret_cast<sockaddr&>(storage)) == address);
    }
    sockaddr_storage storage{};
    SocketAddress{ip("10.1.2.3"), 53}.to_sockaddr(storage);
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    CHECK(v4.sin_family == AF_INET);
    CHECK(v4.sin_port == htons(53));
    CHECK(v4.sin_addr.s_addr == htonl(0x0a010203));

    SocketAddress{ip("::ffff:10.1.2.3"), 53}.to_sockaddr(storage);
    CHECK(SocketAddress::from_sockaddr(reinterpret_cast<sockaddr&>(storage)) ==
          SocketAddress{ip("10.1.2.3"), 53});
    storage.ss_family = AF_UNIX;
    CHECK(SocketAddress::from_sockaddr(reinterpret_cast<sockaddr&>(storage)) == SocketAddress{});
}

}  // namespace
}  // namespace nameplane
