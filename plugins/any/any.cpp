#include "plugins/any/any.hpp"

#include <array>

namespace nameplane::plugins {

namespace {

constexpr dns::Ttl ttl = 8482;
// Two character strings, as CoreDNS has them.
constexpr std::array<std::uint8_t, 27> hinfo{13,  'A', 'N', 'Y', ' ', 'o', 'b', 's', 'o',
                                             'l', 'e', 't', 'e', 'd', 12,  'S', 'e', 'e',
                                             ' ', 'R', 'F', 'C', ' ', '8', '4', '8', '2'};

}  // namespace

Result<PluginPtr> Any::make(const Options&, Setup&) {
    return PluginPtr{new Any};
}

Step Any::ask(Query& query, Reply& reply) const noexcept {
    if (query.type() != dns::Type::any) return Step::next;
    reply.rcode = dns::Rcode::no_error;
    reply.answer({.owner = query.name(),
                  .type = dns::Type::hinfo,
                  .klass = dns::Class::in,
                  .ttl = ttl,
                  .data = dns::RawData{hinfo}});
    return Step::done;
}

}  // namespace nameplane::plugins
