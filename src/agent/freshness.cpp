#include "agent/freshness.hpp"

#include "services/model.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

namespace nameplane::agent {

namespace {

using kube::KindHealth;
using std::chrono::seconds;

/// How old what we know of a kind is; not set: nothing is known.
std::optional<Monotonic::duration> age_of(const KindHealth& kind, const FreshnessInputs& inputs) {
    // A connection that is lost is noticed: while a kind is watched, silence means no change.
    if (kind.listed && kind.current) return Monotonic::duration{0};
    if (kind.listed && kind.last_heard) return inputs.now - *kind.last_heard;
    if (!inputs.saved) return std::nullopt;
    return inputs.wall - *inputs.saved;
}

/// The age of the kind that is worst.
std::optional<Monotonic::duration> worst_age(const FreshnessInputs& inputs) {
    Monotonic::duration worst{0};
    for (const KindHealth& kind : inputs.kinds) {
        const auto age = age_of(kind, inputs);
        if (!age) return std::nullopt;
        worst = std::max(worst, *age);
    }
    if (inputs.kinds.empty()) {
        if (!inputs.saved) return std::nullopt;
        worst = std::max(worst, Monotonic::duration{inputs.wall - *inputs.saved});
    }
    return worst;
}

/// The kind that is worst off among those with an error: not listed before listed.
const KindHealth* worst_kind(const std::vector<KindHealth>& kinds) {
    const KindHealth* worst = nullptr;
    for (const KindHealth& kind : kinds) {
        if (kind.current || kind.error.empty()) continue;
        if (worst == nullptr || (worst->listed && !kind.listed)) worst = &kind;
    }
    return worst;
}

std::string missing_kinds(const std::vector<KindHealth>& kinds) {
    std::string names;
    for (const KindHealth& kind : kinds) {
        if (kind.listed) continue;
        if (!names.empty()) names += ", ";
        names += services::to_string(kind.kind);
    }
    return names.empty() ? "everything" : names;
}

std::string remark_of(const FreshnessInputs& inputs, const Freshness& so_far) {
    const KindHealth* worst = worst_kind(inputs.kinds);
    const std::string error =
        worst != nullptr ? ", nothing new from the API server: " + worst->error : std::string{};
    if (so_far.age && (inputs.saved || so_far.listed)) {
        if (so_far.listed && worst == nullptr) return {};
        const std::string age = std::to_string(so_far.age->count());
        const std::string waits =
            so_far.listed || worst != nullptr
                ? std::string{}
                : ", the first list of " + missing_kinds(inputs.kinds) + " is awaited";
        return "kubernetes: serving state of " + age + " s ago" + waits + error;
    }
    return "kubernetes: the first list of " + missing_kinds(inputs.kinds) + " is awaited" + error;
}

/// What is wrong, without which request met it: "list nodes: forbidden ..." is "forbidden ...".
std::string_view reason_of(std::string_view error) noexcept {
    const std::size_t at = error.find(": ");
    return at == std::string_view::npos ? error : error.substr(at + 2);
}

/// What else is wrong than with the kind that is worst off, so that all of it can be mended at
/// once.
void add_other_errors(const std::vector<KindHealth>& kinds, std::vector<std::string>& remarks) {
    const KindHealth* worst = worst_kind(kinds);
    if (worst == nullptr) return;
    std::vector<std::string_view> said{reason_of(worst->error)};
    for (const KindHealth& kind : kinds) {
        if (kind.current || kind.error.empty()) continue;
        const std::string_view reason = reason_of(kind.error);
        if (std::ranges::find(said, reason) != said.end()) continue;
        said.push_back(reason);
        remarks.push_back("kubernetes: " + kind.error);
    }
}

}  // namespace

// Kinds that the server need not have are waited for by nobody: what is wrong with them is a
// remark.
Freshness freshness_of(const FreshnessInputs& given) {
    FreshnessInputs inputs = given;
    std::erase_if(inputs.kinds, &KindHealth::optional);
    Freshness all;
    all.listed = !inputs.kinds.empty() && std::ranges::all_of(inputs.kinds, &KindHealth::listed);
    if (const auto age = worst_age(inputs)) {
        all.age = std::chrono::floor<seconds>(*age);
        all.contact = inputs.wall - std::chrono::duration_cast<WallTime::duration>(*age);
    }
    if (!inputs.was_ready && !all.listed) all.readiness.not_ready.emplace_back("kubernetes");
    if (!inputs.was_ready && all.listed && !inputs.rules_in) {
        all.readiness.not_ready.emplace_back("rules");
    }
    if (std::string remark = remark_of(inputs, all); !remark.empty()) {
        all.readiness.remarks.push_back(std::move(remark));
    }
    add_other_errors(inputs.kinds, all.readiness.remarks);
    for (const KindHealth& kind : given.kinds) {
        const bool wrong = kind.optional && !kind.current && !kind.error.empty();
        if (wrong) all.readiness.remarks.push_back("kubernetes: " + kind.error);
    }
    return all;
}

FreshnessMetrics::FreshnessMetrics(metrics::Registry& metrics)
    : age_{metrics.gauge("nameplane_api_data_age_seconds",
                         "Since the API server last said something about the kind of object that "
                         "is worst; 0 while all are watched, infinite: it never did.")} {}

void FreshnessMetrics::set(const Freshness& freshness) noexcept {
    age_.set(freshness.age ? static_cast<double>(freshness.age->count())
                           : std::numeric_limits<double>::infinity());
}

}  // namespace nameplane::agent
