// hot path
#include "plugins/dns64/dns64.hpp"

#include <nameplane/reply_kind.hpp>

#include <algorithm>
#include <array>

namespace nameplane::plugins {

namespace {

/// RFC 6147 5.1.7: where no SOA says how long the absence of an AAAA record holds.
constexpr dns::Ttl ttl_without_soa = 600;

dns::Ttl ttl_of_absence(const Reply& reply) noexcept {
    dns::Ttl ttl = ttl_without_soa;
    for (const dns::Record& record : reply.authorities().records()) {
        if (record.type == dns::Type::soa) ttl = record.ttl;
    }
    return ttl;
}

}  // namespace

IpAddress embed_v4(const Cidr& prefix, const IpAddress& v4) noexcept {
    std::array<std::uint8_t, 16> octets{};
    const std::size_t whole = prefix.prefix() / 8U;
    std::copy_n(prefix.address().bytes().begin(), whole, octets.begin());
    std::size_t at = whole;
    for (const std::uint8_t octet : v4.bytes()) {
        // Bits 64 to 71 are zero in every such address.
        if (at == 8) ++at;
        octets[at++] = octet;
    }
    return IpAddress::v6(octets);
}

bool Dns64::wants_translation(const Query& query, const Reply& reply) const noexcept {
    if (query.type() != dns::Type::aaaa || query.klass() != dns::Class::in) return false;
    if (!settings_.allow_ipv4 && query.client().address.is_v4()) return false;
    // As CoreDNS: a failure that no plugin wrote an answer for is the client's, too.
    if (reply.failed() || kind_of(query, reply) == ReplyKind::name_error) return false;
    if (settings_.translate_all) return true;
    return std::ranges::none_of(reply.answers().records(), [](const dns::Record& record) {
        return record.type == dns::Type::aaaa;
    });
}

Step Dns64::tell(Query& query, Reply& reply) const noexcept {
    Note* note = query.kept<Note>(this);
    if (note == nullptr || !note->asking) {
        if (!wants_translation(query, reply)) return Step::done;
        note = query.keep<Note>(this);
        if (note == nullptr) {
            reply.fail();
            return Step::done;
        }
        *note = {.asking = true, .ttl_max = ttl_of_absence(reply)};
        reply = Reply{query.arena()};
        if (!query.look_up(query.name(), dns::Type::a, note->found)) return Step::wait;
    }
    note->asking = false;
    if (note->found == nullptr) {
        reply.fail();
        return Step::done;
    }
    reply = *note->found;
    translate(note->ttl_max, reply);
    translated_->add(query.worker());
    return Step::done;
}

void Dns64::translate(dns::Ttl ttl_max, Reply& reply) const noexcept {
    for (dns::Record& record : reply.answers().records()) {
        const auto* const address = std::get_if<IpAddress>(&record.data);
        if (record.type != dns::Type::a || address == nullptr) continue;
        record.data = embed_v4(settings_.prefix, *address);
        record.type = dns::Type::aaaa;
        record.ttl = std::min(record.ttl, ttl_max);
    }
}

}  // namespace nameplane::plugins
