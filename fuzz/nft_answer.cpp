// What the kernel answers to questions about nf_tables, and tells of changes: every message is read
// as whoever asked for it reads it. Rules are left out: libnftnl reads them, and ends the process
// when an attribute has a size that the kernel never gives it.

#include "rules/answer.hpp"
#include "rules/nftables/elements.hpp"
#include "rules/nftables/encode.hpp"
#include "rules/nftables/monitor.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

using namespace nameplane;
using namespace nameplane::rules;
using namespace nameplane::rules::nftables;

namespace {

void look_at(const nlmsghdr* message) {
    const auto all = attributes_of(*message);
    switch (message->nlmsg_type & 0xff) {
    case NFT_MSG_NEWTABLE: (void)is_dormant(message); return;
    case NFT_MSG_NEWSET:
        if (read_set(message).name != attribute_text(all, NFTA_SET_NAME)) std::abort();
        (void)element_count(message);
        return;
    case NFT_MSG_NEWCHAIN:
        if (read_chain(message).name != attribute_text(all, NFTA_CHAIN_NAME)) std::abort();
        return;
    case NFT_MSG_NEWGEN: (void)attribute_number(all, NFTA_GEN_ID); return;
    case NFT_MSG_NEWSETELEM: read_elements(message, [](const KernelElement&) {}); return;
    default: return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> datagram{data, size};
    nlmsghdr first{};
    if (size != 0) std::memcpy(&first, data, std::min(size, sizeof first));
    (void)Answer{first.nlmsg_seq, "read"}.take(datagram, look_at);
    for (const Watched watched : {Watched::our_table, Watched::kube_chains}) {
        (void)tells_of_change(datagram, Family::ipv4, watched, 1);
    }
    return 0;
}
