#include "dns/tsig.hpp"

#include "dns/hmac.hpp"
#include "dns/octets.hpp"
#include "dns/walk.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace nameplane::dns {

namespace {

constexpr std::size_t additionals_at = 10;
/// Type, class, TTL and length, and of the rdata time, fudge, sizes, id and error.
constexpr std::size_t fixed_octets = 10 + 16;
constexpr std::size_t time_octets = 6;

std::uint16_t u16_at(std::span<const std::uint8_t> octets, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(octets[at] << 8U | octets[at + 1]);
}

bool skip_questions(ByteReader& reader, unsigned count) noexcept {
    for (; count != 0; --count) {
        if (!skip_name(reader) || !reader.skip(4)) return false;
    }
    return true;
}

/// Records that are no TSIG, `count` of them.
bool skip_others(ByteReader& reader, unsigned count) noexcept {
    for (; count != 0; --count) {
        if (!skip_name(reader)) return false;
        const std::optional<RecordBody> body = read_body(reader);
        if (!body || body->type == static_cast<std::uint16_t>(Type::tsig)) return false;
    }
    return true;
}

bool read_name(ByteReader& reader, Name& out) noexcept {
    std::array<std::uint8_t, name_octets_max> octets;
    std::size_t size = 0;
    if (!expand_name(reader, octets, size)) return false;
    out = Name{NameView::trusted(octets.data(), size)};
    return true;
}

/// RFC 8945 4.2.
bool read_rdata(std::span<const std::uint8_t> data, Tsig& out) noexcept {
    ByteReader reader{data};
    // The algorithm's name is not compressed, and nothing before it could be referred to.
    const std::size_t end = [&] {
        std::size_t at = 0;
        while (at < data.size() && data[at] != 0 && data[at] <= label_octets_max) {
            at += 1U + data[at];
        }
        return at + 1;
    }();
    const auto wire = reader.octets(end);
    if (!wire) return false;
    const std::optional<NameView> algorithm = NameView::check(*wire);
    if (!algorithm) return false;
    out.algorithm = Name{*algorithm};
    const auto high = reader.u16();
    const auto low = reader.u32();
    const auto fudge = reader.u16();
    const auto mac_size = reader.u16();
    if (!high || !low || !fudge || !mac_size) return false;
    const auto mac = reader.octets(*mac_size);
    const auto id = reader.u16();
    const auto error = reader.u16();
    const auto other_size = reader.u16();
    if (!mac || !id || !error || !other_size) return false;
    const auto other = reader.octets(*other_size);
    if (!other || !reader.at_end()) return false;
    out.time = std::uint64_t{*high} << 32U | *low;
    out.fudge = *fudge;
    out.mac = *mac;
    out.original_id = *id;
    out.error = static_cast<TsigError>(*error);
    out.other = *other;
    return true;
}

void store48(std::uint8_t* to, std::uint64_t value) noexcept {
    store16(to, static_cast<std::uint16_t>(value >> 32U));
    store32(to + 2, static_cast<std::uint32_t>(value));
}

/// The fields that a digest covers.
struct Fields {
    NameView key;
    NameView algorithm;
    std::uint64_t time;
    std::uint16_t fudge;
    TsigError error;
    std::span<const std::uint8_t> other;
};

void add_lower(Hmac& hmac, NameView name) noexcept {
    std::array<std::uint8_t, name_octets_max> lower;
    copy_folded(lower.data(), name.data(), name.size());
    hmac.add({lower.data(), name.size()});
}

void add_fields(Hmac& hmac, const Fields& fields, TsigCover cover) noexcept {
    std::array<std::uint8_t, time_octets + 2> timers;
    store48(timers.data(), fields.time);
    store16(timers.data() + time_octets, fields.fudge);
    if (cover == TsigCover::timers_only) return hmac.add(timers);
    add_lower(hmac, fields.key);
    constexpr std::array<std::uint8_t, 6> class_any_ttl_0{0, 255, 0, 0, 0, 0};
    hmac.add(class_any_ttl_0);
    add_lower(hmac, fields.algorithm);
    hmac.add(timers);
    std::array<std::uint8_t, 4> end;
    store16(end.data(), static_cast<std::uint16_t>(fields.error));
    store16(end.data() + 2, static_cast<std::uint16_t>(fields.other.size()));
    hmac.add(end);
    hmac.add(fields.other);
}

/// `message` ends where its TSIG record begins, or would. False if libcrypto fails.
bool digest(std::span<const std::uint8_t> message, std::uint16_t original_id,
            std::uint16_t additionals, TsigAlgorithm algorithm, const TsigKey& key,
            const PriorMac& prior, const Fields& fields, TsigCover cover,
            std::span<std::uint8_t, mac_octets_max> mac) noexcept {
    Hmac hmac{algorithm, key.secret};
    if (prior.size != 0) {
        std::array<std::uint8_t, 2> size;
        store16(size.data(), static_cast<std::uint16_t>(prior.size));
        hmac.add(size);
        hmac.add(prior.view());
    }
    std::array<std::uint8_t, header_octets> header;
    std::copy_n(message.begin(), header_octets, header.begin());
    store16(header.data(), original_id);
    store16(header.data() + additionals_at, additionals);
    hmac.add(header);
    hmac.add(message.subspan(header_octets));
    add_fields(hmac, fields, cover);
    return hmac.finish(mac);
}

}  // namespace

std::optional<TsigAlgorithm> tsig_algorithm(NameView name) noexcept {
    struct Known {
        std::string_view wire;
        TsigAlgorithm algorithm;
    };
    using namespace std::string_view_literals;
    constexpr std::array known{
        Known{"\x0bhmac-sha256\0"sv, TsigAlgorithm::sha256},
        Known{"\x0bhmac-sha512\0"sv, TsigAlgorithm::sha512},
        Known{"\x0bhmac-sha384\0"sv, TsigAlgorithm::sha384},
        Known{"\x0bhmac-sha224\0"sv, TsigAlgorithm::sha224},
        Known{"\x09hmac-sha1\0"sv, TsigAlgorithm::sha1},
    };
    for (const Known& each : known) {
        const auto* const wire = reinterpret_cast<const std::uint8_t*>(each.wire.data());
        if (name.equals(NameView::trusted(wire, each.wire.size()))) return each.algorithm;
    }
    return std::nullopt;
}

std::size_t mac_octets(TsigAlgorithm algorithm) noexcept {
    switch (algorithm) {
    case TsigAlgorithm::sha1: return 20;
    case TsigAlgorithm::sha224: return 28;
    case TsigAlgorithm::sha256: return 32;
    case TsigAlgorithm::sha384: return 48;
    case TsigAlgorithm::sha512: return 64;
    }
    return mac_octets_max;
}

void PriorMac::set(std::span<const std::uint8_t> mac) noexcept {
    size = std::min(mac.size(), octets.size());
    std::copy_n(mac.begin(), size, octets.begin());
}

TsigSearch find_tsig(std::span<const std::uint8_t> message, Tsig& out) noexcept {
    if (message.size() < header_octets) return TsigSearch::malformed;
    ByteReader reader{message};
    reader.skip(header_octets);
    const unsigned others = u16_at(message, 6) + u16_at(message, 8);
    const unsigned additionals = u16_at(message, additionals_at);
    if (!skip_questions(reader, u16_at(message, 4)) || !skip_others(reader, others)) {
        return TsigSearch::malformed;
    }
    if (additionals == 0) return TsigSearch::none;
    if (!skip_others(reader, additionals - 1)) return TsigSearch::malformed;
    out.offset = reader.offset();
    if (!read_name(reader, out.key)) return TsigSearch::malformed;
    const std::optional<RecordBody> body = read_body(reader);
    if (!body) return TsigSearch::malformed;
    if (body->type != static_cast<std::uint16_t>(Type::tsig)) return TsigSearch::none;
    const bool proper = body->klass == static_cast<std::uint16_t>(Class::any) && body->ttl == 0 &&
                        reader.at_end() && read_rdata(body->data, out);
    return proper ? TsigSearch::found : TsigSearch::malformed;
}

TsigVerdict verify_tsig(std::span<const std::uint8_t> message, const Tsig& tsig,
                        TsigAlgorithm algorithm, const TsigKey& key, const PriorMac& prior,
                        TsigCover cover, std::uint64_t now) noexcept {
    // RFC 8945 5.2.2.1: half of it, but 10 octets, is the least.
    const std::size_t whole = mac_octets(algorithm);
    if (tsig.mac.size() > whole || tsig.mac.size() < std::max<std::size_t>(10, whole / 2)) {
        return TsigVerdict::malformed;
    }
    const Fields fields{.key = tsig.key,
                        .algorithm = tsig.algorithm,
                        .time = tsig.time,
                        .fudge = tsig.fudge,
                        .error = tsig.error,
                        .other = tsig.other};
    const auto additionals = static_cast<std::uint16_t>(u16_at(message, additionals_at) - 1);
    std::array<std::uint8_t, mac_octets_max> mac;
    const bool done = digest(message.first(tsig.offset), tsig.original_id, additionals, algorithm,
                             key, prior, fields, cover, mac);
    if (!done || CRYPTO_memcmp(mac.data(), tsig.mac.data(), tsig.mac.size()) != 0) {
        return TsigVerdict::bad_sig;
    }
    const std::uint64_t apart = now > tsig.time ? now - tsig.time : tsig.time - now;
    if (apart > tsig.fudge) return TsigVerdict::bad_time;
    return tsig.mac.size() == whole ? TsigVerdict::good : TsigVerdict::bad_trunc;
}

std::size_t TsigSigner::octets_max() const noexcept {
    return key_name.size() + fixed_octets + algorithm.size() +
           (key == nullptr ? 0 : mac_octets(hash)) + time_octets;
}

std::size_t TsigSigner::append(std::span<std::uint8_t> room, std::size_t size,
                               std::uint64_t now) noexcept {
    if (size < header_octets || room.size() - size < octets_max()) return 0;
    const std::uint16_t additionals = u16_at(room, additionals_at);
    std::array<std::uint8_t, time_octets> server_time;
    store48(server_time.data(), now);
    const bool wrong_time = error == TsigError::bad_time;
    std::span<const std::uint8_t> other;
    if (wrong_time) other = server_time;
    const Fields fields{.key = key_name,
                        .algorithm = algorithm,
                        .time = key == nullptr ? 0
                                : wrong_time   ? request_time
                                               : now,
                        .fudge = tsig_fudge_seconds,
                        .error = error,
                        .other = other};
    std::array<std::uint8_t, mac_octets_max> mac;
    std::size_t mac_size = 0;
    if (key != nullptr) {
        mac_size = mac_octets(hash);
        const TsigCover cover = is_first ? TsigCover::variables : TsigCover::timers_only;
        if (!digest(room.first(size), original_id, additionals, hash, *key, prior, fields, cover,
                    mac)) {
            return 0;
        }
    }
    std::uint8_t* to = room.data() + size;
    const auto put = [&to](std::span<const std::uint8_t> octets) {
        to = std::copy(octets.begin(), octets.end(), to);
    };
    const auto put16 = [&to](std::size_t value) {
        store16(to, static_cast<std::uint16_t>(value));
        to += 2;
    };
    put(key_name.wire());
    put16(static_cast<std::uint16_t>(Type::tsig));
    put16(static_cast<std::uint16_t>(Class::any));
    put16(0);
    put16(0);
    put16(algorithm.size() + 16 + mac_size + other.size());
    put(algorithm.wire());
    store48(to, fields.time);
    to += time_octets;
    put16(fields.fudge);
    put16(mac_size);
    put(std::span{mac}.first(mac_size));
    put16(original_id);
    put16(static_cast<std::uint16_t>(error));
    put16(other.size());
    put(other);
    store16(room.data() + additionals_at, static_cast<std::uint16_t>(additionals + 1));
    prior.set(std::span{mac}.first(mac_size));
    is_first = false;
    return static_cast<std::size_t>(to - room.data());
}

}  // namespace nameplane::dns
