#pragma once
// entry: where things stand in the kernel's struct ipt_entry and ip6t_entry, so that the rest can
// treat both families alike. Private to src/rules/iptables.

#include <libiptc/libiptc.h>

#include <climits>
#include <cstddef>

extern "C" {  // libip6tc.h leaves ip6tc_strerror() outside of its own
#include <libiptc/libip6tc.h>
}

#include <nameplane/base/ip.hpp>

namespace nameplane::rules::iptables {

struct EntryLayout {
    std::size_t ip_size;  ///< struct ipt_ip or ip6t_ip6, at offset 0
    std::size_t target_offset;
    std::size_t next_offset;
    std::size_t counters;
    std::size_t entry_size;
};

constexpr EntryLayout layout_of(Family family) noexcept {
    if (family == Family::ipv4) {
        return {sizeof(ipt_ip), offsetof(ipt_entry, target_offset),
                offsetof(ipt_entry, next_offset), offsetof(ipt_entry, counters), sizeof(ipt_entry)};
    }
    return {sizeof(ip6t_ip6), offsetof(ip6t_entry, target_offset),
            offsetof(ip6t_entry, next_offset), offsetof(ip6t_entry, counters), sizeof(ip6t_entry)};
}

}  // namespace nameplane::rules::iptables
