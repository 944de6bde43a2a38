#include "rules/flow_forgetter.hpp"

#include <nameplane/base/log.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace nameplane::rules {

using std::chrono::milliseconds;

FlowForgetter::Forget FlowForgetter::by_flow_table() {
    return [table = std::make_shared<FlowTable>()](Family family,
                                                   std::span<const FlowFrontend> candidates) {
        return table->forget_stale(family, candidates);
    };
}

FlowForgetter::FlowForgetter(Family family, FlowMetrics metrics, Forget forget,
                             milliseconds retry_first, milliseconds retry_max)
    : family_{family}, metrics_{metrics}, forget_{std::move(forget)}, retry_first_{retry_first},
      retry_max_{retry_max} {}

FlowForgetter::~FlowForgetter() {
    box_.close();
    if (thread_.joinable()) thread_.join();
}

void FlowForgetter::offer(std::shared_ptr<const Plan> plan, std::vector<IpAddress> node_addresses) {
    box_.put({std::move(plan), std::move(node_addresses)});
    if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
}

void FlowForgetter::run() {
    constexpr auto until_something_comes = std::chrono::hours{1};
    std::optional<Job> job;
    milliseconds pause = retry_first_;
    while (!box_.closed()) {
        auto next = box_.take(job ? pause : milliseconds{until_something_comes});
        if (box_.closed()) return;
        if (next) {
            job = std::move(next);
        } else if (job) {
            pause = std::min(pause * 2, retry_max_);
        }
        if (!job || !done(*job)) continue;
        job.reset();
        pause = retry_first_;
    }
}

bool FlowForgetter::done(const Job& job) {
    const auto begin = std::chrono::steady_clock::now();
    const auto forgotten =
        forget_(family_, stale_candidates(looked_at_.get(), *job.plan, job.node_addresses));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    metrics_.duration.observe(0, took.count());
    if (!forgotten) {
        if (refused_.empty()) {
            NP_LOG_WARNING("flows.refused", "family", to_string(family_), "error",
                           forgotten.error(), "effect",
                           "flows to removed endpoints last until they are idle");
        }
        refused_ = forgotten.error().text;
        return false;
    }
    refused_.clear();
    looked_at_ = job.plan;
    if (*forgotten == 0) return true;
    metrics_.forgotten.add_shared(*forgotten);
    metrics_.family_forgotten.add_shared(*forgotten);
    NP_LOG_DEBUG("flows.forgotten", "family", to_string(family_), "flows", *forgotten);
    return true;
}

}  // namespace nameplane::rules
