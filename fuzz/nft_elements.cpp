// What the kernel lists of a map: every element that is read lies within the octets it came in.

#include "rules/nftables/elements.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane::rules::nftables;
    const auto within = [&](const void* begin, std::size_t length) {
        const auto* at = static_cast<const std::uint8_t*>(begin);
        if (length != 0 && (at < data || at + length > data + size)) std::abort();
    };
    read_elements({data, size}, [&](const KernelElement& element) {
        within(element.key.data(), element.key.size());
        within(element.key_end.data(), element.key_end.size());
        within(element.data.data(), element.data.size());
        within(element.chain.data(), element.chain.size());
        within(element.comment.data(), element.comment.size());
        (void)fingerprint(MapId::service_ips, element);
    });
    return 0;
}
