#include "plugins/erratic/erratic.hpp"

#include <algorithm>

namespace nameplane::plugins {

namespace {

using dns::NameView;
using dns::Record;
using dns::Type;

// Fixed names, in wire form.
template <std::size_t octets>
constexpr NameView name_of(const std::array<std::uint8_t, octets>& wire) noexcept {
    return NameView::trusted(wire.data(), wire.size());
}
constexpr std::array<std::uint8_t, 19> sns_wire{3,   's', 'n', 's', 3, 'd', 'n', 's', 5, 'i',
                                                'c', 'a', 'n', 'n', 3, 'o', 'r', 'g', 0};
constexpr std::array<std::uint8_t, 19> noc_wire{3,   'n', 'o', 'c', 3, 'd', 'n', 's', 5, 'i',
                                                'c', 'a', 'n', 'n', 3, 'o', 'r', 'g', 0};
constexpr std::array<std::uint8_t, 15> search_a_wire{1,   'a', 7, 'e', 'x', 'a', 'm', 'p',
                                                     'l', 'e', 3, 'o', 'r', 'g', 0};
constexpr std::array<std::uint8_t, 15> search_b_wire{1,   'b', 7, 'e', 'x', 'a', 'm', 'p',
                                                     'l', 'e', 3, 'o', 'r', 'g', 0};
constexpr std::array<std::uint8_t, 1> root_wire{0};

constexpr std::size_t large_records = 30;

bool is_every(std::uint64_t amount, std::uint64_t number) noexcept {
    return amount != 0 && number % amount == 0;
}

/// The host `letter` in the zone; the zone itself where that is too long.
NameView host_in(char letter, NameView zone, Arena& arena) noexcept {
    const std::size_t octets = zone.size() + 2;
    const std::span<std::uint8_t> wire = arena.array<std::uint8_t>(octets);
    if (octets > dns::name_octets_max || wire.empty()) return zone;
    wire[0] = 1;
    wire[1] = static_cast<std::uint8_t>(letter);
    std::ranges::copy(zone.wire(), wire.begin() + 2);
    return NameView::trusted(wire.data(), wire.size());
}

/// Without its last SOA record it is not whole.
void add_zone(NameView zone, bool whole, Arena& arena, Reply& reply) noexcept {
    const NameView a = host_in('a', zone, arena);
    const NameView b = host_in('b', zone, arena);
    const auto in = [](NameView owner, Type type, dns::Rdata data) {
        return Record{
            .owner = owner, .type = type, .klass = dns::Class::in, .ttl = 0, .data = data};
    };
    const Record soa = in(zone, Type::soa,
                          dns::SoaData{.mname = name_of(sns_wire),
                                       .rname = name_of(noc_wire),
                                       .serial = 2018050825,
                                       .refresh = 7200,
                                       .retry = 3600,
                                       .expire = 1209600,
                                       .minimum = 3600});
    reply.answer(soa);
    reply.answer(in(zone, Type::ns, b));
    reply.answer(in(zone, Type::ns, a));
    const std::optional<IpAddress> of_a = IpAddress::parse("2001:bd8::53");
    const std::optional<IpAddress> of_b = IpAddress::parse("2001:500::54");
    reply.answer(a, 0, *of_a);
    reply.answer(b, 0, *of_b);
    if (whole) reply.answer(soa);
}

}  // namespace

Step Erratic::ask(Query& query, Reply& reply) const noexcept {
    if (query.opcode() != dns::Opcode::query) return Step::next;
    const std::uint64_t number = asked_.fetch_add(1, std::memory_order_relaxed);
    if (is_every(settings_.drop, number)) return Step::drop;
    if (is_every(settings_.delay, number) && wait(number, query)) return Step::wait;
    return answer(number, query, reply);
}

bool Erratic::wait(std::uint64_t number, Query& query) const noexcept {
    erratic::Delays* const delays = delays_.at(query.worker()).get();
    if (delays == nullptr || delays->is_closed()) return false;
    Note* const note = query.keep<Note>(this);
    if (note == nullptr || !query.can_wait()) return false;
    note->waiter.query = &query;
    note->number = number;
    delays->add(note->waiter);
    return true;
}

Step Erratic::woken(Query& query, Reply& reply) const noexcept {
    return answer(query.kept<Note>(this)->number, query, reply);
}

Step Erratic::answer(std::uint64_t number, Query& query, Reply& reply) const noexcept {
    const bool truncated = is_every(settings_.truncate, number);
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    if (query.type() == Type::axfr) {
        add_zone(query.name(), !truncated, query.arena(), reply);
        return Step::done;
    }
    if (query.type() == Type::a) {
        const std::size_t records = settings_.large ? large_records : 1;
        for (std::size_t i = 0; i < records; ++i) {
            reply.answer(query.name(), 0, IpAddress::v4(192, 0, 2, 53));
        }
    } else if (query.type() == Type::aaaa) {
        reply.answer(query.name(), 0, *IpAddress::parse("2001:db8::53"));
    } else {
        reply.fail("erratic answers A, AAAA and AXFR");
    }
    reply.truncated = truncated && !reply.failed();
    return Step::done;
}

bool Erratic::ready() const noexcept {
    const std::uint64_t asked = asked_.load(std::memory_order_relaxed);
    return asked >= 3 && asked < 5;
}

bool Erratic::search_path(Query&, SearchPath& path) const noexcept {
    path.add(name_of(search_a_wire));
    path.add(name_of(search_b_wire));
    path.add(name_of(root_wire));
    return true;
}

}  // namespace nameplane::plugins
