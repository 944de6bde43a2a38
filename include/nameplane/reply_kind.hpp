#pragma once
// reply_kind: what an answer amounts to, as CoreDNS tells answers apart. Its plugins log, minimal
// and cache go by it.

#include <nameplane/query.hpp>
#include <nameplane/reply.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace nameplane {

enum class ReplyKind : std::uint8_t {
    no_error,
    name_error,
    server_error,  ///< SERVFAIL and NOTIMP
    no_data,       ///< the name exists, not the type: a SOA and no answer
    delegation,
    meta,  ///< a transfer
    other_error,
};

enum class ReplyClass : std::uint8_t { success, denial, error };

namespace detail {

/// Whether the RRSIG's validity (RFC 4034 3.1.5) does not span `now`.
inline bool is_expired(const dns::Record& record, std::uint32_t now) noexcept {
    const auto* const raw = std::get_if<dns::RawData>(&record.data);
    if (record.type != dns::Type::rrsig || raw == nullptr || raw->size() < 18) return false;
    const auto at = [&](std::size_t i) {
        return static_cast<std::uint32_t>((*raw)[i]) << 24U |
               static_cast<std::uint32_t>((*raw)[i + 1]) << 16U |
               static_cast<std::uint32_t>((*raw)[i + 2]) << 8U | (*raw)[i + 3];
    };
    // Serial number arithmetic (RFC 1982).
    const auto until = static_cast<std::int32_t>(at(8) - now);
    const auto since = static_cast<std::int32_t>(now - at(12));
    return until < 0 || since < 0;
}

inline bool has_expired(const Reply& reply) noexcept {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    const auto now = static_cast<std::uint32_t>(seconds.count());
    for (const Section* section : {&reply.answers(), &reply.authorities(), &reply.additionals()}) {
        if (std::ranges::any_of(section->records(),
                                [now](const auto& record) { return is_expired(record, now); })) {
            return true;
        }
    }
    return false;
}

}  // namespace detail

inline ReplyKind kind_of(const Query& query, const Reply& reply) noexcept {
    const dns::Type asked = query.type();
    if (asked == dns::Type::axfr || asked == dns::Type::ixfr) return ReplyKind::meta;
    if (query.dnssec_ok() && detail::has_expired(reply)) return ReplyKind::other_error;
    const bool good = reply.rcode == dns::Rcode::no_error;
    if (!reply.answers().empty() && good) return ReplyKind::no_error;
    if (!reply.answers().empty() && reply.rcode == dns::Rcode::nx_domain) {
        return ReplyKind::other_error;
    }
    const auto has = [&](dns::Type type) {
        return std::ranges::any_of(reply.authorities().records(),
                                   [type](const auto& record) { return record.type == type; });
    };
    if (good && has(dns::Type::soa)) return ReplyKind::no_data;
    if (reply.rcode == dns::Rcode::nx_domain) return ReplyKind::name_error;
    if (reply.rcode == dns::Rcode::serv_fail || reply.rcode == dns::Rcode::not_imp) {
        return ReplyKind::server_error;
    }
    if (good && has(dns::Type::ns)) return ReplyKind::delegation;
    return good ? ReplyKind::no_error : ReplyKind::other_error;
}

inline ReplyClass class_of(ReplyKind kind) noexcept {
    switch (kind) {
    case ReplyKind::no_error:
    case ReplyKind::delegation: return ReplyClass::success;
    case ReplyKind::name_error:
    case ReplyKind::no_data: return ReplyClass::denial;
    case ReplyKind::server_error:
    case ReplyKind::meta:
    case ReplyKind::other_error: return ReplyClass::error;
    }
    return ReplyClass::error;
}

/// "NOERROR", "NODATA", ...: CoreDNS' words.
inline std::string_view to_string(ReplyKind kind) noexcept {
    switch (kind) {
    case ReplyKind::no_error: return "NOERROR";
    case ReplyKind::name_error: return "NXDOMAIN";
    case ReplyKind::server_error: return "SERVERERROR";
    case ReplyKind::no_data: return "NODATA";
    case ReplyKind::delegation: return "DELEGATION";
    case ReplyKind::meta: return "META";
    case ReplyKind::other_error: return "OTHERERROR";
    }
    return {};
}

inline std::string_view to_string(ReplyClass klass) noexcept {
    switch (klass) {
    case ReplyClass::success: return "success";
    case ReplyClass::denial: return "denial";
    case ReplyClass::error: return "error";
    }
    return {};
}

}  // namespace nameplane
