// Any octets as a query. What parses is answered, and the answer, read as a query, parses too: its
// pointers lead backwards and its counts are true.

#include "dns/encode.hpp"
#include <nameplane/dns/rdata.hpp>

#include <array>
#include <cstdlib>
#include <span>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Arena arena{1 << 16};
    static dns::Question question, again;
    static std::array<std::uint8_t, 1232> out;
    arena.clear();
    const dns::ParseError error = dns::parse_query({data, size}, question);
    if (error != dns::ParseError::none && error != dns::ParseError::edns_version) return 0;
    if (!question.name.equals(question.asked) || !question.asked.is_under({})) std::abort();
    Reply reply{arena};
    const dns::NameView up = question.name.is_root() ? question.name : question.name.parent();
    reply.answer(dns::cname_record(question.name, 1, up));
    reply.answer(dns::srv_record(up, 1, {.target = *question.asked.copy_to(arena)}));
    reply.additional(dns::mx_record(*up.copy_to(arena), 1, {.exchange = question.name}));
    const std::size_t written = dns::encode(question, reply, {}, out);
    if (written < 12 || written > 1232) std::abort();
    out[2] &= 0x7f;  // QR
    if (dns::parse_query({out.data(), written}, again) != dns::ParseError::none) std::abort();
    if (!again.name.equals(question.name) || again.type != question.type) std::abort();
    return 0;
}
