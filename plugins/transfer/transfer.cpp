#include "plugins/transfer/transfer.hpp"

#include "dns/serial.hpp"
#include "plugins/transfer/zone_stream.hpp"
#include <nameplane/zones.hpp>

#include <algorithm>
#include <utility>

namespace nameplane::plugins {

bool transfer::Rule::allows(const IpAddress& client) const noexcept {
    return to_all || std::ranges::find(to, client, &SocketAddress::address) != to.end() ||
           std::ranges::find(to_quiet, client) != to_quiet.end();
}

const transfer::Rule* transfer::rule_for(std::span<const Rule> rules, dns::NameView name) noexcept {
    const Rule* best = nullptr;
    std::size_t length = 0;
    for (const Rule& rule : rules) {
        const dns::Name* const zone = longest_zone(rule.zones, name);
        if (zone == nullptr || (best != nullptr && zone->view().size() <= length)) continue;
        best = &rule;
        length = zone->view().size();
    }
    return best;
}

namespace {

/// A copy, since the zone is let go of before the answer is sent.
void answer_soa(const dns::Record& soa, Query& query, Reply& reply) noexcept {
    const auto* const there = std::get_if<dns::SoaData>(&soa.data);
    if (there == nullptr) return reply.fail();
    dns::SoaData copy = *there;
    const auto mname = there->mname.copy_to(query.arena());
    const auto rname = there->rname.copy_to(query.arena());
    if (!mname || !rname) return reply.fail();
    copy.mname = *mname;
    copy.rname = *rname;
    dns::Record record = soa;
    record.owner = query.name();
    record.data = copy;
    reply.rcode = dns::Rcode::no_error;
    reply.answer(record);
}

class StoredZone final : public ZoneRecords {
public:
    explicit StoredZone(zone::ZonePtr zone) noexcept : zone_{std::move(zone)} {}
    dns::Record soa() const noexcept override { return zone_->transfer_record(0); }
    Step next(Arena&, dns::Record& record) noexcept override {
        // Its last record is the SOA again.
        if (at_ + 1 >= zone_->transfer_size()) return Step::end;
        record = zone_->transfer_record(at_++);
        return Step::record;
    }

private:
    zone::ZonePtr zone_;
    std::size_t at_ = 1;
};

}  // namespace

Step Transfer::refuse(Query& query, Reply& reply) const noexcept {
    counters_.refused->add(query.worker());
    reply.rcode = dns::Rcode::refused;
    return Step::done;
}

std::unique_ptr<ZoneRecords> Transfer::records_of(Query& query) const noexcept {
    if (zones_ != nullptr) {
        if (zone::ZonePtr zone = zones_->find(query.name())) {
            return std::make_unique<StoredZone>(std::move(zone));
        }
    }
    return query.zone_records(query.name());
}

Step Transfer::ask(Query& query, Reply& reply) const noexcept {
    const bool whole = query.type() == dns::Type::axfr;
    if (query.opcode() != dns::Opcode::query || (!whole && query.type() != dns::Type::ixfr)) {
        return Step::next;
    }
    if (query.transport() != Transport::tcp) return refuse(query, reply);
    const transfer::Rule* const rule = transfer::rule_for(rules_, query.name());
    if (rule == nullptr) return Step::next;
    if (!rule->allows(query.client().address)) return refuse(query, reply);
    std::optional<std::uint32_t> serial{0};
    if (!whole) serial = dns::serial_asked_with(query.message());
    if (!serial) {
        reply.fail("no serial in the question for changes");
        return Step::done;
    }
    std::unique_ptr<ZoneRecords> records = records_of(query);
    if (records == nullptr) return refuse(query, reply);
    const std::uint32_t newest = transfer::serial_of(records->soa());
    // RFC 1995 2: a client with a newer one is told of ours alone, too.
    if (*serial != 0 && (*serial == newest || dns::serial_less(newest, *serial))) {
        counters_.up_to_date->add(query.worker());
        answer_soa(records->soa(), query, reply);
        return Step::done;
    }
    if (!query.can_wait()) {
        reply.fail("too many queries wait");
        return Step::done;
    }
    query.answer_with(std::make_unique<transfer::ZoneStream>(
        std::move(records), query.worker(), *counters_.whole, *counters_.broken_off));
    reply.rcode = dns::Rcode::no_error;
    reply.authoritative = true;
    return Step::done;
}

}  // namespace nameplane::plugins
