#include "agent/proxy_health.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace nameplane::agent {

namespace {

using rules::FamilyHealth;

/// As Go writes times into JSON: RFC 3339, nanoseconds without their last zeros.
std::string json_time(WallTime time) {
    const auto since = time.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    const auto nanoseconds =
        std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
    const std::time_t whole = seconds.count();
    std::tm parts{};
    ::gmtime_r(&whole, &parts);
    std::array<char, 64> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::string out{text.data(), size};
    if (nanoseconds != 0) {
        std::snprintf(text.data(), text.size(), ".%09lld", static_cast<long long>(nanoseconds));
        out += text.data();
        while (out.back() == '0') out.pop_back();
    }
    return '"' + out + "Z\"";
}

constexpr const char* never = "\"0001-01-01T00:00:00Z\"";

std::string success_time(const ProxyHealthFacts& facts, const std::optional<Monotonic>& success) {
    if (!success) return never;
    const auto age = std::chrono::duration_cast<WallTime::duration>(facts.now - *success);
    return json_time(facts.wall - age);
}

bool is_late(const ProxyHealthFacts& facts, const FamilyHealth& family) noexcept {
    return family.waiting_since && facts.now - *family.waiting_since >= facts.stale_after;
}

const char* word(bool truth) {
    return truth ? "true" : "false";
}

std::string body_of(const ProxyHealthFacts& facts, bool fine, std::optional<bool> eligible) {
    std::optional<Monotonic> last;
    std::string families;
    for (const FamilyHealth& family :
         facts.sync ? facts.sync->families : std::vector<FamilyHealth>{}) {
        const bool late = is_late(facts, family);
        if (!family.last_success && !late) continue;  // as kube-proxy: not before it was written
        last = std::max(last, family.last_success);
        families += std::string{families.empty() ? "" : ","} +
                    (family.family == Family::ipv4 ? "\"IPv4\"" : "\"IPv6\"") +
                    ":{\"lastUpdated\":" + success_time(facts, family.last_success) +
                    ",\"healthy\":" + word(!late) + "}";
    }
    // Who has nothing to do is up to date.
    std::string body =
        "{\"lastUpdated\":" + (fine ? json_time(facts.wall) : success_time(facts, last)) +
        ",\"currentTime\":" + json_time(facts.wall);
    if (eligible) body += std::string{",\"nodeEligible\":"} + word(*eligible);
    body += std::string{",\"healthy\":"} + word(proxy_is_healthy(facts));
    if (!families.empty()) body += ",\"status\":{" + families + "}";
    return body + "}";
}

}  // namespace

bool proxy_is_healthy(const ProxyHealthFacts& facts) noexcept {
    if (!facts.sync) return true;
    return std::ranges::none_of(facts.sync->families,
                                [&](const FamilyHealth& family) { return is_late(facts, family); });
}

ProxyHealthAnswer healthz(const ProxyHealthFacts& facts) {
    const bool fine = proxy_is_healthy(facts) && facts.node_eligible;
    return {fine ? 200 : 503, body_of(facts, fine, facts.node_eligible)};
}

ProxyHealthAnswer livez(const ProxyHealthFacts& facts) {
    const bool fine = proxy_is_healthy(facts);
    return {fine ? 200 : 503, body_of(facts, fine, std::nullopt)};
}

}  // namespace nameplane::agent
