// hot path
#include "plugins/loadbalance/loadbalance.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nameplane::plugins {

namespace {

bool is_address(const dns::Record& record) noexcept {
    return record.type == dns::Type::a || record.type == dns::Type::aaaa;
}

}  // namespace

// xorshift64*: chance, not secrecy.
std::uint32_t Loadbalance::random(Local& local, std::size_t below) noexcept {
    local.random ^= local.random >> 12U;
    local.random ^= local.random << 25U;
    local.random ^= local.random >> 27U;
    const std::uint64_t drawn = (local.random * 0x2545f4914f6cdd1dULL) >> 32U;
    return static_cast<std::uint32_t>(drawn * below >> 32U);
}

Loadbalance::Ordered Loadbalance::order(Section& section, bool rest_last, Arena& arena) noexcept {
    const Records records = section.records();
    // Nearly every answer is addresses and nothing else.
    if (std::ranges::all_of(records, is_address)) return {records, {}};
    const auto place = [rest_last](const dns::Record& record) -> unsigned {
        if (record.type == dns::Type::cname) return 0;
        if (is_address(record)) return rest_last ? 1 : 2;
        if (record.type == dns::Type::mx) return rest_last ? 2 : 3;
        return rest_last ? 3 : 1;
    };
    const std::span<dns::Record> copy = arena.array<dns::Record>(records.size());
    if (copy.empty()) return {};
    std::ranges::copy(records, copy.begin());
    std::array<std::size_t, 5> begin{};
    std::size_t at = 0;
    for (unsigned wanted = 0; wanted < 4; ++wanted) {
        begin[wanted] = at;
        for (const dns::Record& record : copy) {
            if (place(record) == wanted) records[at++] = record;
        }
    }
    begin[4] = at;
    const std::size_t addresses = rest_last ? 1 : 2;
    return {records.subspan(begin[addresses], begin[addresses + 1] - begin[addresses]),
            records.subspan(begin[addresses + 1], begin[addresses + 2] - begin[addresses + 1])};
}

void Loadbalance::shuffle(Records records, Local& local) noexcept {
    for (std::size_t left = records.size(); left > 1; --left) {
        const std::size_t drawn = random(local, left);
        if (drawn != left - 1) std::swap(records[drawn], records[left - 1]);
    }
}

void Loadbalance::draw_first(Records addresses, const loadbalancing::Weights& weights,
                             Local& local) noexcept {
    const auto weight = [&](const dns::Record& record) -> std::size_t {
        const auto* const address = std::get_if<IpAddress>(&record.data);
        return address == nullptr ? 1 : weights.of(record.owner, *address);
    };
    std::size_t sum = 0;
    for (const dns::Record& record : addresses) sum += weight(record);
    std::size_t drawn = random(local, sum);
    for (dns::Record& record : addresses) {
        const std::size_t mine = weight(record);
        if (drawn < mine) return std::swap(addresses.front(), record);
        drawn -= mine;
    }
}

void Loadbalance::prefer(Section& section, Arena& arena) const noexcept {
    const Records addresses = order(section, true, arena).addresses;
    std::size_t placed = 0;
    for (const Cidr& network : settings_.preferred) {
        for (std::size_t i = placed; i < addresses.size(); ++i) {
            const auto* const address = std::get_if<IpAddress>(&addresses[i].data);
            if (address == nullptr || !network.contains(*address)) continue;
            // Those before it keep their order.
            std::rotate(addresses.begin() + static_cast<std::ptrdiff_t>(placed),
                        addresses.begin() + static_cast<std::ptrdiff_t>(i),
                        addresses.begin() + static_cast<std::ptrdiff_t>(i + 1));
            ++placed;
        }
    }
}

Step Loadbalance::tell(Query& query, Reply& reply) const noexcept {
    if (reply.rcode != dns::Rcode::no_error) return Step::done;
    const dns::Type type = query.type();
    if (type == dns::Type::axfr || type == dns::Type::ixfr) return Step::done;
    Local& local = locals_.at(query.worker());
    if (settings_.weighted) {
        if (type != dns::Type::a && type != dns::Type::aaaa && type != dns::Type::srv) {
            return Step::done;
        }
        const loadbalancing::Weights& weights = local.weights->refresh();
        for (Section* section : {&reply.answers(), &reply.additionals()}) {
            if (std::ranges::none_of(section->records(), is_address)) continue;
            draw_first(order(*section, false, query.arena()).addresses, weights, local);
        }
        return Step::done;
    }
    for (Section* section : {&reply.answers(), &reply.authorities(), &reply.additionals()}) {
        if (section->size() < 2) continue;
        const Ordered ordered = order(*section, false, query.arena());
        shuffle(ordered.addresses, local);
        shuffle(ordered.mx, local);
    }
    if (!settings_.preferred.empty()) {
        prefer(reply.answers(), query.arena());
        prefer(reply.additionals(), query.arena());
    }
    return Step::done;
}

}  // namespace nameplane::plugins
