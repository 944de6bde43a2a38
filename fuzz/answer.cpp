// What an upstream says: whatever parses is encoded again, within its limits.

#include "dns/encode.hpp"
#include "dns/parse_answer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane;
    static Arena arena{512 << 10};
    static std::array<std::uint8_t, 65535> out;
    arena.clear();
    const std::span<const std::uint8_t> message{data, size};
    const auto head = dns::read_answer_head(message);
    Reply reply{arena};
    if (!dns::read_answer(message, head ? head->name : dns::NameView{}, arena, reply)) return 0;
    if (!head || arena.used() > arena.capacity()) std::abort();
    dns::Question question;
    question.asked = question.name = head->name;
    question.edns.emplace();
    const std::size_t octets = dns::encode(question, reply, {}, out);
    if (octets > 1232) std::abort();
    return 0;
}
