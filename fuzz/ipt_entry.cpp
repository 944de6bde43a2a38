// A rule of a legacy table as the kernel has it, whoever wrote it: hashed and compared within the
// length that libiptc gives it.

#include "rules/iptables/encode.hpp"
#include "rules/iptables/entry.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace nameplane;
using namespace nameplane::rules::iptables;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const EntryLayout layout = layout_of(family);
        if (size < layout.entry_size) continue;
        std::uint16_t end = 0;
        std::memcpy(&end, data + layout.next_offset, sizeof end);
        if (end > size) continue;
        std::vector<std::byte> turned(size);
        std::memcpy(turned.data(), data, size);
        turned.back() ^= std::byte{1};
        const RuleView one{.entry = data, .target = "DNAT"};
        const RuleView other{.entry = turned.data(), .target = "DNAT"};
        const RuleView jump{.entry = data, .target = "KUBE-SVC-A", .standard = true};
        if (same_rule(one, jump, family) || !same_rule(jump, jump, family)) std::abort();
        if (!same_rule(one, one, family)) std::abort();
        if (same_rule(one, other, family) && hash_rule(one, family) != hash_rule(other, family))
            std::abort();
    }
    return 0;
}
