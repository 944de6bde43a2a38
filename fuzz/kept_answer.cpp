// What an upstream says, as a cache keeps it: packed and unpacked it is the same answer.

#include "dns/encode.hpp"
#include "dns/parse_answer.hpp"
#include "plugins/cache/pack.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

using namespace nameplane;

namespace {

using Room = std::array<std::uint8_t, 65535>;

std::span<const std::uint8_t> written(const dns::Question& question, const Reply& reply,
                                      Room& room) {
    return std::span{room}.first(dns::encode(question, reply, {.tcp = true}, room));
}

void set_ttl(Section& section, dns::Ttl ttl) {
    for (dns::Record& record : section.records()) record.ttl = ttl;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Arena arena{4 << 20};
    static Room first_room;
    static Room second_room;
    arena.clear();
    const std::span<const std::uint8_t> message{data, size};
    const auto head = dns::read_answer_head(message);
    Reply first{arena};
    if (!head || !dns::read_answer(message, head->name, arena, first)) return 0;
    const auto packed = plugins::caching::pack(first, head->name, arena);
    if (!packed) return 0;
    // A block of its own, so that a read behind it is seen by a sanitizer.
    const std::vector<std::uint8_t> kept(packed->begin(), packed->end());
    constexpr dns::Ttl ttl = 30;
    Reply second{arena};
    // Only records are packed: neither what the head says nor options.
    second.rcode = first.rcode;
    second.authoritative = first.authoritative;
    second.recursion_available = first.recursion_available;
    second.truncated = first.truncated;
    plugins::caching::unpack(kept, head->name, ttl, arena, second);
    if (second.failed()) std::abort();
    for (Section* section : {&first.answers(), &first.authorities(), &first.additionals()}) {
        set_ttl(*section, ttl);
    }
    dns::Question question;
    question.asked = question.name = head->name;
    if (!std::ranges::equal(written(question, first, first_room),
                            written(question, second, second_room))) {
        std::abort();
    }
    return 0;
}
