// What a primary sends: messages behind two octets of length each. Whatever comes of them is a zone
// that can be handed on, or an error.

#include "plugins/secondary/transfer_in.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane;
    using namespace nameplane::plugins::secondary;
    static Arena arena{1 << 20};
    static const dns::Name origin = *dns::Name::parse("example.");
    constexpr Bounds bounds{.octets = 1 << 20, .records = 1000};
    TransferIn in{origin, 0x0102, bounds};
    std::span<const std::uint8_t> left{data, size};
    while (left.size() >= 2) {
        const std::size_t length = static_cast<std::size_t>(left[0]) << 8U | left[1];
        left = left.subspan(2);
        if (left.size() < length) return 0;
        arena.clear();
        const auto went = in.take(left.first(length), arena);
        if (!went) return 0;
        left = left.subspan(length);
        if (*went == TransferIn::Went::more) continue;
        const zone::ZonePtr zone = in.zone();
        if (zone == nullptr || zone->transfer_size() < 2) std::abort();
        for (std::size_t i = 0; i < zone->transfer_size(); ++i) {
            if (!zone->transfer_record(i).owner.is_under(origin)) std::abort();
        }
        return 0;
    }
    return 0;
}
