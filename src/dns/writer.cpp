// hot path
#include "dns/writer.hpp"

#include <array>
#include <cstring>

#include "dns/octets.hpp"

namespace nameplane::dns {

namespace {

constexpr std::size_t question_place = 12;
constexpr std::size_t labels_max = name_octets_max / 2;

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
    return name_by_table(name, compress);
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

bool Writer::name_by_table(NameView name, Compress compress) noexcept {
    std::array<std::uint8_t, labels_max> labels;  // where each label starts in the name
    std::size_t fresh = 0;                        // labels in front that are not in the message
    for (std::size_t at = 0; name.data()[at] != 0; at += 1U + name.data()[at]) {
        labels[fresh++] = static_cast<std::uint8_t>(at);
    }
    std::uint16_t place = 0;
    while (fresh != 0) {
        const std::uint16_t longer = table().find(name.data() + labels[fresh - 1], place);
        if (longer == 0) break;
        place = longer;
        --fresh;
    }

    const std::size_t start = at_;
    if (compress == Compress::yes && place != 0) {
        const std::size_t known = labels[fresh];  // set: a known label is behind the fresh ones
        if (!octets(name.wire().first(known)) || !pointer(place)) return false;
    } else if (!octets(name.wire())) {
        return false;
    }

    for (; fresh != 0; --fresh) {
        const std::size_t at = start + labels[fresh - 1];
        if (!table().add(at, place)) break;
        place = static_cast<std::uint16_t>(at);
    }
    last_ = name;
    last_place_ = fresh == 0 ? place : 0;
    return true;
}

NameTable& Writer::table() noexcept {
    if (!table_) {
        table_.emplace(out_.data());
        add_question_to_table();
    }
    return *table_;
}

void Writer::add_question_to_table() noexcept {
    std::array<std::uint8_t, labels_max> labels;
    std::size_t count = 0;
    for (std::size_t at = 0; asked_.data()[at] != 0; at += 1U + asked_.data()[at]) {
        labels[count++] = static_cast<std::uint8_t>(at);
    }
    std::uint16_t place = 0;
    for (; count != 0; --count) {
        const std::size_t at = question_place + labels[count - 1];
        if (!table_->add(at, place)) return;
        place = static_cast<std::uint16_t>(at);
    }
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
