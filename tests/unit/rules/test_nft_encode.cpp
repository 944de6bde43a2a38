// What nft is told about our sets and maps, as octets on their way to the kernel.

#include "rules/nftables/encode.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstdint>

using namespace nameplane;
using namespace nameplane::rules::nftables;

namespace {

/// The number that the one message of a batch has in attribute `wanted`.
std::uint32_t number_in(const Batch& batch, int wanted) {
    REQUIRE(batch.parts().size() == 1);
    const auto* header = reinterpret_cast<const nlmsghdr*>(batch.parts()[0].data());
    const auto* end = reinterpret_cast<const char*>(header) + header->nlmsg_len;
    const auto* at =
        static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(header, sizeof(nfgenmsg)));
    for (; mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at)));
         at = mnl_attr_next(at)) {
        if (mnl_attr_get_type(at) == wanted) return ntohl(mnl_attr_get_u32(at));
    }
    FAIL("no attribute " << wanted);
    return 0;
}

/// The octets that nft gives a type, by its number (nft's datatype.h): 0 for one without a size.
unsigned octets_of(std::uint32_t type) {
    switch (type) {
    case 7: return 4;   // ipv4_addr
    case 8: return 16;  // ipv6_addr
    case 12: return 4;  // inet_proto, in a register
    case 13: return 4;  // inet_service, in a register
    case 23: return 4;  // classid
    case 24: return 4;  // uid
    default: return 0;
    }
}

}  // namespace

TEST_CASE("every field of a key has a type with a size: nft 1.0.1 ends when it lists another") {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        for (const MapInfo& map : all_maps()) {
            CAPTURE(to_string(family), map.name);
            Batch batch;
            add_map(batch, family, map);
            std::size_t octets = 0;
            for (auto type = number_in(batch, NFTA_SET_KEY_TYPE); type != 0; type >>= 6) {
                CAPTURE(type & 63);
                CHECK(octets_of(type & 63) != 0);
                octets += octets_of(type & 63);
            }
            CHECK(octets == number_in(batch, NFTA_SET_KEY_LEN));
        }
    }
}
