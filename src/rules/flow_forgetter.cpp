#include "rules/flow_forgetter.hpp"

#include <nameplane/base/log.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace nameplane::rules {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

FlowForgetter::Forget FlowForgetter::by_flow_table() {
    return [table = std::make_shared<FlowTable>()](Family family,
                                                   std::span<const FlowFrontend> candidates) {
        return table->forget_stale(family, candidates);
    };
}

std::chrono::nanoseconds FlowForgetter::rest_after(std::chrono::nanoseconds took) {
    constexpr int times = 9;
    constexpr std::chrono::nanoseconds longest = std::chrono::seconds{1};
    return std::min(took * times, longest);
}

FlowForgetter::FlowForgetter(Family family, FlowMetrics metrics, Forget forget)
    : FlowForgetter{family, metrics, std::move(forget), Pauses{}} {}

FlowForgetter::FlowForgetter(Family family, FlowMetrics metrics, Forget forget, Pauses pauses)
    : family_{family}, metrics_{metrics}, forget_{std::move(forget)}, pauses_{std::move(pauses)} {}

FlowForgetter::~FlowForgetter() {
    box_.close();
    if (thread_.joinable()) thread_.join();
}

void FlowForgetter::offer(std::shared_ptr<const Plan> plan, std::vector<IpAddress> node_addresses) {
    box_.put({std::move(plan), std::move(node_addresses)});
    if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
}

void FlowForgetter::run() {
    constexpr milliseconds until_something_comes = std::chrono::hours{1};
    std::optional<Job> job;
    milliseconds pause = pauses_.retry_first;
    while (!box_.closed()) {
        const auto rest = std::chrono::ceil<milliseconds>(rests_until_ - Steady::now());
        auto next = box_.take(job ? std::max(rest, milliseconds{0}) : until_something_comes);
        if (box_.closed()) return;
        if (next) job = std::move(next);
        if (!job || Steady::now() < rests_until_) continue;
        if (done(*job)) {
            job.reset();
            pause = pauses_.retry_first;
        } else {
            rests_until_ = Steady::now() + pause;
            pause = std::min(pause * 2, pauses_.retry_max);
        }
    }
}

bool FlowForgetter::done(const Job& job) {
    const auto candidates = stale_candidates(looked_at_.get(), *job.plan, job.node_addresses);
    if (candidates.empty()) {
        looked_at_ = job.plan;
        return true;
    }
    const auto begin = Steady::now();
    const auto forgotten = forget_(family_, candidates);
    const auto took = Steady::now() - begin;
    metrics_.duration.observe(0, std::chrono::duration<double>(took).count());
    if (!forgotten) {
        if (refused_.empty()) {
            NP_LOG_WARNING("flows.refused", "family", to_string(family_), "error",
                           forgotten.error(), "effect",
                           "flows to removed endpoints last until they are idle");
        }
        refused_ = forgotten.error().text;
        return false;
    }
    rests_until_ = Steady::now() + pauses_.rest(took);
    refused_.clear();
    looked_at_ = job.plan;
    if (*forgotten == 0) return true;
    metrics_.forgotten.add_shared(*forgotten);
    metrics_.family_forgotten.add_shared(*forgotten);
    NP_LOG_DEBUG("flows.forgotten", "family", to_string(family_), "flows", *forgotten);
    return true;
}

}  // namespace nameplane::rules
