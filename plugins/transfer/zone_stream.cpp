#include "plugins/transfer/zone_stream.hpp"

#include <nameplane/reply.hpp>

#include <utility>

namespace nameplane::plugins::transfer {

namespace {

/// What a message has room for besides its header, question, OPT and a signature.
constexpr std::size_t octets_max = 65535 - 12 - 259 - 11 - 700;

}  // namespace

std::uint32_t serial_of(const dns::Record& soa) noexcept {
    const auto* const data = std::get_if<dns::SoaData>(&soa.data);
    return data == nullptr ? 0 : data->serial;
}

std::size_t octets_of(const dns::Record& record) noexcept {
    struct Size {
        std::size_t operator()(const IpAddress& address) const { return address.bytes().size(); }
        std::size_t operator()(dns::NameView name) const { return name.size(); }
        std::size_t operator()(const dns::SrvData& srv) const { return 6 + srv.target.size(); }
        std::size_t operator()(const dns::MxData& mx) const { return 2 + mx.exchange.size(); }
        std::size_t operator()(const dns::SoaData& soa) const {
            return soa.mname.size() + soa.rname.size() + 20;
        }
        std::size_t operator()(dns::RawData data) const { return data.size(); }
    };
    return record.owner.size() + 10 + std::visit(Size{}, record.data);
}

ZoneStream::ZoneStream(std::unique_ptr<ZoneRecords> records, std::size_t worker,
                       metrics::Counter& whole, metrics::Counter& broken_off) noexcept
    : records_{std::move(records)}, worker_{worker}, whole_{whole}, broken_off_{broken_off} {}

ZoneStream::~ZoneStream() {
    (ended_ ? whole_ : broken_off_).add(worker_);
}

/// False if the message is full without it.
bool ZoneStream::take(const dns::Record& record, Reply& reply) noexcept {
    const std::size_t octets = octets_of(record);
    if (octets_ != 0 && octets_ + octets > octets_max) return false;
    octets_ += octets;
    reply.answer(record);
    return true;
}

/// Only raw data is large enough not to fit behind octets_wanted.
void ZoneStream::hold(const dns::Record& record, dns::RawData data) {
    held_owner_ = dns::Name{record.owner};
    held_data_.assign(data.begin(), data.end());
    held_ = record;
    held_.owner = held_owner_;
    held_.data = dns::RawData{held_data_};
    holds_ = true;
}

void ZoneStream::want_one_message() noexcept {
    wanted_ = octets_max;
}

AnswerStream::Went ZoneStream::next(Reply& reply, Arena& arena) noexcept {
    octets_ = 0;
    if (!std::exchange(begun_, true)) take(records_->soa(), reply);
    if (std::exchange(holds_, false)) take(held_, reply);
    while (octets_ < wanted_) {
        dns::Record record;
        const ZoneRecords::Step step = records_->next(arena, record);
        if (step == ZoneRecords::Step::full) return octets_ == 0 ? Went::broken : Went::more;
        if (step == ZoneRecords::Step::end) {
            if (!take(records_->soa(), reply)) return Went::more;
            ended_ = !reply.failed();
            return Went::last;
        }
        if (take(record, reply)) continue;
        if (wanted_ != octets_wanted) return Went::more;
        const auto* const data = std::get_if<dns::RawData>(&record.data);
        if (data == nullptr) return Went::broken;
        hold(record, *data);
        break;
    }
    return Went::more;
}

}  // namespace nameplane::plugins::transfer
