// hot path
#include "dns/writer.hpp"

#include "dns/octets.hpp"

#include <cstring>

namespace nameplane::dns {

namespace {

constexpr std::size_t question_place = 12;

/// Types of RFC 1035, whose names in rdata every receiver decompresses. No later type may be
/// compressed (RFC 3597 4), SRV in particular (RFC 2782).
bool compresses_rdata(Type type) noexcept {
    return type == Type::ns || type == Type::cname || type == Type::soa || type == Type::ptr ||
           type == Type::mx;
}

/// How far behind `whole`'s start `part` lies, if it is `whole` or one of its suffixes by address.
std::optional<std::size_t> place_within(NameView part, NameView whole) noexcept {
    const auto start = reinterpret_cast<std::uintptr_t>(whole.data());
    const auto inner = reinterpret_cast<std::uintptr_t>(part.data());
    if (inner < start || inner + part.size() != start + whole.size()) return std::nullopt;
    return inner - start;
}

}  // namespace

Writer::Labels::Labels(NameView name) noexcept {
    for (std::size_t offset = 0; name.data()[offset] != 0; offset += 1U + name.data()[offset]) {
        at[count++] = static_cast<std::uint8_t>(offset);
    }
}

bool Writer::question(const Question& question) noexcept {
    const std::size_t name_size = question.asked.size();
    std::uint8_t* const to = raw(name_size + 4);
    if (to == nullptr) return false;
    std::memcpy(to, question.asked.data(), name_size);
    store16(to + name_size, static_cast<std::uint16_t>(question.type));
    store16(to + name_size + 2, static_cast<std::uint16_t>(question.klass));
    asked_ = question.asked;
    lowered_ = question.name;
    return true;
}

bool Writer::record(const Record& record) noexcept {
    if (!name(record.owner, Compress::yes)) return false;
    std::uint8_t* const fixed = raw(10);
    if (fixed == nullptr) return false;
    store16(fixed, static_cast<std::uint16_t>(record.type));
    store16(fixed + 2, static_cast<std::uint16_t>(record.klass));
    store32(fixed + 4, record.ttl);
    const std::size_t data_start = at_;
    if (!rdata(record)) return false;
    store16(fixed + 8, static_cast<std::uint16_t>(at_ - data_start));
    return true;
}

bool Writer::name(NameView name, Compress compress) noexcept {
    if (name.is_root()) return octets(name.wire());
    if (compress == Compress::yes) {
        if (const std::size_t place = place_in_question(name); place != 0) return pointer(place);
        if (last_place_ != 0 && name.data() == last_.data() && name.size() == last_.size()) {
            return pointer(last_place_);
        }
    }
    return name_by_label(name, compress);
}

bool Writer::pointer(std::size_t target) noexcept {
    std::uint8_t* const to = raw(2);
    if (to == nullptr) return false;
    store16(to, static_cast<std::uint16_t>(0xc000U | target));
    return true;
}

/// Where the question has `name`, known by its address alone; 0 if it is not a view into it.
std::size_t Writer::place_in_question(NameView name) const noexcept {
    if (const auto within = place_within(name, lowered_)) return question_place + *within;
    if (const auto within = place_within(name, asked_)) return question_place + *within;
    return 0;
}

bool Writer::name_by_label(NameView name, Compress compress) noexcept {
    const Labels labels{name};
    // From the root on: first as far as the question goes along, then by the table.
    std::size_t fresh = labels.count;  // labels in front that are not in the message
    const Labels& question = question_labels();
    std::size_t shared = question.count;
    while (
        fresh != 0 && shared != 0 &&
        same_label(name.data() + labels.at[fresh - 1], lowered_.data() + question.at[shared - 1])) {
        --fresh;
        --shared;
    }
    std::uint16_t place = 0;
    if (fresh != labels.count) {
        place = static_cast<std::uint16_t>(question_place + question.at[shared]);
    }
    if (fresh != 0 && !table_) table_.emplace(out_.data());
    while (fresh != 0) {
        const std::uint16_t longer = table_->find(name.data() + labels.at[fresh - 1], place);
        if (longer == 0) break;
        place = longer;
        --fresh;
    }

    const std::size_t start = at_;
    if (compress == Compress::yes && place != 0) {
        const std::size_t fresh_octets = labels.at[fresh];
        if (!octets(name.wire().first(fresh_octets)) || !pointer(place)) return false;
    } else if (!octets(name.wire())) {
        return false;
    }

    for (; fresh != 0; --fresh) {
        const std::size_t at = start + labels.at[fresh - 1];
        if (!table_->add(at, place)) break;
        place = static_cast<std::uint16_t>(at);
    }
    last_ = name;
    last_place_ = fresh == 0 ? place : 0;
    return true;
}

const Writer::Labels& Writer::question_labels() noexcept {
    if (!question_labels_) question_labels_.emplace(lowered_);
    return *question_labels_;
}

bool Writer::rdata(const Record& record) noexcept {
    const Compress compress = compresses_rdata(record.type) ? Compress::yes : Compress::no;
    if (const auto* ip = std::get_if<IpAddress>(&record.data)) return address(*ip);
    if (const auto* target = std::get_if<NameView>(&record.data)) return name(*target, compress);
    if (const auto* service = std::get_if<SrvData>(&record.data)) return srv(*service);
    if (const auto* exchange = std::get_if<MxData>(&record.data)) return mx(*exchange, compress);
    if (const auto* start = std::get_if<SoaData>(&record.data)) return soa(*start, compress);
    return octets(*std::get_if<RawData>(&record.data));
}

bool Writer::address(const IpAddress& address) noexcept {
    return octets(address.bytes());
}

bool Writer::srv(const SrvData& srv) noexcept {
    std::uint8_t* const fixed = raw(6);
    if (fixed == nullptr) return false;
    store16(fixed, srv.priority);
    store16(fixed + 2, srv.weight);
    store16(fixed + 4, srv.port);
    return name(srv.target, Compress::no);
}

bool Writer::mx(const MxData& mx, Compress compress) noexcept {
    std::uint8_t* const fixed = raw(2);
    if (fixed == nullptr) return false;
    store16(fixed, mx.preference);
    return name(mx.exchange, compress);
}

bool Writer::soa(const SoaData& soa, Compress compress) noexcept {
    if (!name(soa.mname, compress) || !name(soa.rname, compress)) return false;
    std::uint8_t* const fixed = raw(20);
    if (fixed == nullptr) return false;
    store32(fixed, soa.serial);
    store32(fixed + 4, soa.refresh);
    store32(fixed + 8, soa.retry);
    store32(fixed + 12, soa.expire);
    store32(fixed + 16, soa.minimum);
    return true;
}

bool Writer::octets(std::span<const std::uint8_t> octets) noexcept {
    std::uint8_t* const to = raw(octets.size());
    if (to == nullptr) return false;
    if (!octets.empty()) std::memcpy(to, octets.data(), octets.size());
    return true;
}

}  // namespace nameplane::dns
