#include "rules/flow_forgetter.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>

using namespace nameplane;
using namespace nameplane::rules;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

/// A plan with one UDP Service on 10.96.0.10:53 and one endpoint.
std::shared_ptr<const Plan> plan_to(std::string_view endpoint) {
    PortPlan port{.name = "ns/dns",
                  .protocol = services::Protocol::udp,
                  .port = 53,
                  .cluster_ip = *IpAddress::parse("10.96.0.10")};
    port.cluster_endpoints = {{.address = *IpAddress::parse(endpoint), .port = 53}};
    Plan plan;
    plan.services.push_back(std::make_shared<ServicePlan>(ServicePlan{.ports = {std::move(port)}}));
    return std::make_shared<const Plan>(std::move(plan));
}

/// Stands for the kernel: notes what it is asked, answers when it is told to.
class Kernel {
public:
    Result<std::size_t> forget(std::span<const FlowFrontend> candidates) {
        std::unique_lock lock{mutex_};
        asked_.emplace_back(candidates.begin(), candidates.end());
        changed_.notify_all();
        changed_.wait(lock, [&] { return answers_ > 0; });
        --answers_;
        if (std::exchange(refuse_, false)) return Error{Errc::permission, "no"};
        return std::size_t{candidates.size()};
    }
    /// Answers once more, a refusal if `refuse`.
    void answer(bool refuse = false) {
        const std::lock_guard lock{mutex_};
        ++answers_;
        refuse_ = refuse;
        changed_.notify_all();
    }
    /// What question number `n` was about; waits for it.
    std::vector<FlowFrontend> question(std::size_t n) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return asked_.size() > n; });
        return asked_[n];
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::vector<FlowFrontend>> asked_;
    int answers_ = 0;
    bool refuse_ = false;
};

struct Fixture {
    std::atomic<nanoseconds> rest{nanoseconds{0}};
    metrics::Registry registry{1};
    metrics::Counter& forgotten = registry.counter("forgotten", "");
    Kernel kernel;
    metrics::Counter& of_family = registry.counter("of_family", "");
    metrics::Histogram& duration = registry.histogram("duration", "", {1});
    FlowForgetter forgetter{Family::ipv4,
                            FlowMetrics{forgotten, of_family, duration},
                            [this](Family, std::span<const FlowFrontend> candidates) {
                                return kernel.forget(candidates);
                            },
                            {.retry_first = milliseconds{1},
                             .retry_max = milliseconds{1},
                             .rest = [this](nanoseconds) { return rest.load(); }}};
};

std::vector<SocketAddress> endpoint(std::string_view text) {
    return {*SocketAddress::parse(text)};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "who offers does not wait, and what comes meanwhile is merged") {
    forgetter.offer(plan_to("10.0.0.1"), {});
    REQUIRE(kernel.question(0).size() == 1);
    CHECK(kernel.question(0)[0].endpoints == endpoint("10.0.0.1:53"));
    // The kernel has not answered yet.
    forgetter.offer(plan_to("10.0.0.2"), {});
    forgetter.offer(plan_to("10.0.0.3"), {});
    kernel.answer();
    REQUIRE(kernel.question(1).size() == 1);
    CHECK(kernel.question(1)[0].endpoints == endpoint("10.0.0.3:53"));
    kernel.answer();
}

TEST_CASE_METHOD(Fixture, "what is refused is tried again, against what was done before") {
    const auto first = plan_to("10.0.0.1");
    forgetter.offer(first, {});
    kernel.answer();
    (void)kernel.question(0);
    forgetter.offer(plan_to("10.0.0.2"), {});
    (void)kernel.question(1);
    kernel.answer(true);
    // Nobody offered anything: the same again.
    CHECK(kernel.question(2) == kernel.question(1));
    // A plan that has the old endpoint again: nothing was forgotten, so nothing differs.
    forgetter.offer(first, {});
    kernel.answer(true);
    forgetter.offer(plan_to("10.0.0.3"), {});
    REQUIRE(kernel.question(3).size() == 1);
    CHECK(kernel.question(3)[0].endpoints == endpoint("10.0.0.3:53"));
    kernel.answer();
}

TEST_CASE_METHOD(Fixture, "after a look it rests, and what comes meanwhile shares the next") {
    constexpr milliseconds pause{50};
    rest = pause;
    forgetter.offer(plan_to("10.0.0.1"), {});
    (void)kernel.question(0);
    forgetter.offer(plan_to("10.0.0.2"), {});
    forgetter.offer(plan_to("10.0.0.3"), {});
    const auto answered = std::chrono::steady_clock::now();
    kernel.answer();
    REQUIRE(kernel.question(1).size() == 1);
    CHECK(kernel.question(1)[0].endpoints == endpoint("10.0.0.3:53"));
    CHECK(std::chrono::steady_clock::now() - answered >= pause);
    kernel.answer();
}

TEST_CASE_METHOD(Fixture, "a change that makes no flow stale asks the kernel for nothing") {
    const auto one = plan_to("10.0.0.1");
    forgetter.offer(one, {});
    (void)kernel.question(0);
    kernel.answer();
    auto tcp = Plan{*one};
    PortPlan web{.name = "ns/web", .protocol = services::Protocol::tcp, .port = 80};
    web.cluster_ip = *IpAddress::parse("10.96.0.11");
    tcp.services.push_back(std::make_shared<ServicePlan>(ServicePlan{.ports = {web}}));
    forgetter.offer(std::make_shared<const Plan>(tcp), {});
    forgetter.offer(plan_to("10.0.0.2"), {});
    CHECK(kernel.question(1)[0].endpoints == endpoint("10.0.0.2:53"));
    kernel.answer();
}

TEST_CASE("it rests nine times as long as it took, a second at most") {
    CHECK(FlowForgetter::rest_after(milliseconds{10}) == milliseconds{90});
    CHECK(FlowForgetter::rest_after(milliseconds{500}) == std::chrono::seconds{1});
}
