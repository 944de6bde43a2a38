#include "rules/syncer.hpp"
#include "services/store.hpp"

#include <catch2/catch.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>

using namespace nameplane;
using namespace nameplane::rules;
using namespace std::chrono_literals;

namespace {

/// What the writer was asked, and what it shall answer; lives longer than the writer.
class Kernel {
public:
    struct Call {
        std::uint64_t version;
        std::size_t services;
        bool full;
    };
    Result<Applied> apply(const Plan& plan, bool full) {
        std::unique_lock lock{mutex_};
        calls_.push_back({plan.version, plan.services.size(), full});
        changed_.notify_all();
        changed_.wait(lock, [&] { return !held_; });
        if (failures_ != 0) {
            --failures_;
            return Error{failure_, "somebody holds the lock"};
        }
        const bool repaired = full && std::exchange(disturbed_, false);
        return Applied{.version = plan.version,
                       .wrote = repaired,
                       .nat_rules = 7,
                       .filter_rules = 3,
                       .nat_written = 5,
                       .filter_written = 2};
    }
    /// Somebody else changes our rules; the next whole apply repairs that.
    void disturb() {
        const std::lock_guard lock{mutex_};
        disturbed_ = true;
    }
    bool disturbed() {
        const std::lock_guard lock{mutex_};
        return disturbed_;
    }
    void fail(int times, Errc failure = Errc::again) {
        const std::lock_guard lock{mutex_};
        failures_ = times;
        failure_ = failure;
    }
    void hold(bool held) {
        const std::lock_guard lock{mutex_};
        held_ = held;
        changed_.notify_all();
    }
    /// Waits for the call of that number (from 1).
    Call call(std::size_t number) {
        std::unique_lock lock{mutex_};
        REQUIRE(changed_.wait_for(lock, 1min, [&] { return calls_.size() >= number; }));
        return calls_[number - 1];
    }
    std::size_t calls() {
        const std::lock_guard lock{mutex_};
        return calls_.size();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Call> calls_;
    int failures_ = 0;
    Errc failure_ = Errc::again;
    bool held_ = false;
    bool disturbed_ = false;
};

class FakeWriter final : public RuleWriter {
public:
    explicit FakeWriter(Kernel& kernel) : kernel_{kernel} {}
    Result<Applied> apply(const Plan& plan, bool full) override {
        return kernel_.apply(plan, full);
    }
    bool disturbed() override { return kernel_.disturbed(); }
    Status clean() override { return {}; }
    std::string_view name() const noexcept override { return "fake"; }

private:
    Kernel& kernel_;
};

/// A store with Services, and the versions that were reported as applied.
class Bench {
public:
    explicit Bench(std::size_t families = 1, std::chrono::milliseconds full_sync = 1h,
                   std::chrono::milliseconds retry_first = 1ms) {
        std::vector<SyncTarget> targets;
        for (std::size_t i = 0; i < families; ++i) {
            kernels.push_back(std::make_unique<Kernel>());
            PlanSettings settings;
            settings.family = i == 0 ? Family::ipv4 : Family::ipv6;
            targets.push_back({settings, std::make_unique<FakeWriter>(*kernels.back())});
        }
        SyncerOptions options{.retry_first = retry_first,
                              .retry_max = 4 * retry_first,
                              .full_sync = full_sync,
                              .forget_stale_flows = false,
                              .random = [] { return 0.5; }};
        syncer = std::make_unique<Syncer>(std::move(targets), NodeFacts{.name = "node"}, options,
                                          registry, clock, [this](std::uint64_t version) {
                                              const std::lock_guard lock{mutex};
                                              applied.push_back(version);
                                              changed.notify_all();
                                          });
        syncer->start();
    }
    void list() {
        for (const auto kind :
             {services::Kind::service, services::Kind::endpoint_slice, services::Kind::pod,
              services::Kind::node, services::Kind::namespace_}) {
            (void)store.apply(services::BeginList{kind});
            (void)store.apply(services::EndList{kind});
        }
    }
    void add(const std::string& name, std::uint8_t last_octet) {
        services::Service service;
        service.key = {"ns", name};
        service.cluster_ips = {IpAddress::v4(10, 96, 0, last_octet)};
        service.ports = {{.name = "http", .port = 80}};
        REQUIRE(store.apply(services::Event{service}));
    }
    /// A slice of Service `service` that was changed because of something at `trigger`.
    void change(const std::string& service, const std::string& slice_name, std::uint8_t last_octet,
                WallTime trigger, Family family = Family::ipv4) {
        services::EndpointSlice slice;
        slice.key = {"ns", slice_name};
        slice.service = service;
        slice.family = family;
        slice.ports = {{.name = "http", .port = 8080}};
        slice.endpoints.resize(1);
        slice.endpoints[0].addresses = {IpAddress::v4(10, 0, 0, last_octet)};
        slice.change_trigger_ns = std::chrono::nanoseconds{trigger.time_since_epoch()}.count();
        REQUIRE(store.apply(services::Event{slice}));
    }
    std::uint64_t offer() {
        auto snapshot = store.snapshot();
        const std::uint64_t version = snapshot->version();
        syncer->offer(std::move(snapshot));
        return version;
    }
    void wait_applied(std::uint64_t version) {
        std::unique_lock lock{mutex};
        REQUIRE(changed.wait_for(lock, 1min,
                                 [&] { return !applied.empty() && applied.back() == version; }));
    }

    SystemClock clock;
    services::Store store{services::StoreOptions{}, clock};
    metrics::Registry registry{1};
    std::vector<std::unique_ptr<Kernel>> kernels;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::uint64_t> applied;
    std::unique_ptr<Syncer> syncer;
};

double value_of(const metrics::Registry& registry, std::string_view name,
                std::string_view label = "") {
    for (const auto& family : registry.read()) {
        if (family.name != name) continue;
        for (const auto& sample : family.samples) {
            if (label.empty() ||
                std::any_of(sample.labels.begin(), sample.labels.end(),
                            [&](const auto& pair) { return pair.second == label; }))
                return sample.histogram.count != 0 ? static_cast<double>(sample.histogram.count)
                                                   : sample.value;
        }
    }
    return -1;
}

constexpr const char* programming = "kubeproxy_network_programming_duration_seconds";

}  // namespace

TEST_CASE("the first round trusts nothing, later ones write the difference") {
    Bench bench;
    bench.list();
    bench.add("one", 1);
    bench.wait_applied(bench.offer());
    CHECK(bench.kernels[0]->call(1).full);
    CHECK(bench.kernels[0]->call(1).services == 1);
    bench.add("two", 2);
    bench.wait_applied(bench.offer());
    CHECK_FALSE(bench.kernels[0]->call(2).full);
    CHECK(bench.kernels[0]->call(2).services == 2);
    const SyncHealth health = bench.syncer->health();
    CHECK_FALSE(health.failing);
    CHECK(health.applied_version == health.wanted_version);
    CHECK(health.last_success != Monotonic{});
    CHECK(value_of(bench.registry, "kubeproxy_sync_proxy_rules_iptables_total", "nat") == 7);
    CHECK(value_of(bench.registry, "kubeproxy_sync_proxy_rules_iptables_total", "filter") == 3);
    CHECK(value_of(bench.registry, "nameplane_rules_applied_version") ==
          static_cast<double>(health.applied_version));
    const auto value = [&](const char* name, const std::string& label = {}) {
        return value_of(bench.registry, name, label);
    };
    CHECK(value("kubeproxy_sync_proxy_rules_duration_seconds", "IPv4") == 2);
    CHECK(value("kubeproxy_sync_full_proxy_rules_duration_seconds", "IPv4") == 1);
    CHECK(value("kubeproxy_sync_partial_proxy_rules_duration_seconds", "IPv4") == 1);
    CHECK(value("kubeproxy_sync_proxy_rules_iptables_last", "nat") == 5);
    CHECK(value("kubeproxy_sync_proxy_rules_iptables_last", "filter") == 2);
    CHECK(value("kubeproxy_sync_proxy_rules_service_changes_total") == 2);
    CHECK(value("kubeproxy_sync_proxy_rules_service_changes_pending") == 0);
    CHECK(value("kubeproxy_sync_proxy_rules_endpoint_changes_total") == 0);
    CHECK(value("kubeproxy_sync_proxy_rules_last_timestamp_seconds", "IPv4") > 1e9);
    CHECK(value("kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", "IPv4") > 1e9);
}

TEST_CASE("nothing is written from a source that has not listed everything") {
    Bench bench;
    bench.add("one", 1);
    bench.offer();
    bench.list();
    bench.add("one", 1);  // the empty list took it away
    bench.wait_applied(bench.offer());
    CHECK(bench.kernels[0]->calls() == 1);
    CHECK(bench.kernels[0]->call(1).services == 1);
}

TEST_CASE("what arrives during a commit is merged into the next") {
    Bench bench;
    bench.list();
    bench.kernels[0]->hold(true);
    bench.offer();
    bench.kernels[0]->call(1);
    std::uint64_t last = 0;
    for (std::uint8_t i = 1; i <= 20; ++i) {
        bench.add("service-" + std::to_string(i), i);
        last = bench.offer();
    }
    bench.kernels[0]->hold(false);
    bench.wait_applied(last);
    CHECK(bench.kernels[0]->calls() == 2);
    CHECK(bench.kernels[0]->call(2).services == 20);
}

TEST_CASE("a refused commit is tried again, in full, until it is in") {
    Bench bench;
    bench.list();
    bench.wait_applied(bench.offer());
    bench.kernels[0]->fail(5);
    bench.add("one", 1);
    bench.wait_applied(bench.offer());
    CHECK(bench.kernels[0]->calls() == 7);
    CHECK_FALSE(bench.kernels[0]->call(2).full);
    for (std::size_t call = 3; call <= 7; ++call) CHECK(bench.kernels[0]->call(call).full);
    CHECK_FALSE(bench.syncer->health().failing);
    CHECK(value_of(bench.registry, "kubeproxy_sync_proxy_rules_iptables_restore_failures_total",
                   "IPv4") == 5);
    CHECK(value_of(bench.registry,
                   "kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total",
                   "IPv4") == 1);
    bench.add("two", 2);
    bench.wait_applied(bench.offer());
    CHECK_FALSE(bench.kernels[0]->call(8).full);
}

TEST_CASE("a failing family neither stops the other nor counts as applied") {
    Bench bench{2};
    bench.list();
    bench.kernels[1]->fail(1'000'000);
    const std::uint64_t version = bench.offer();
    bench.kernels[1]->call(3);
    CHECK(bench.kernels[0]->calls() == 1);
    const SyncHealth health = bench.syncer->health();
    CHECK(health.failing);
    CHECK(health.last_error == "somebody holds the lock");
    CHECK(health.applied_version == 0);
    CHECK(health.wanted_version == version);
    REQUIRE(health.families.size() == 2);
    CHECK(health.families[0].last_success.has_value());
    CHECK_FALSE(health.families[0].waiting_since.has_value());
    CHECK(health.families[0].writer == "fake");
    CHECK_FALSE(health.families[1].last_success.has_value());
    CHECK(health.families[1].waiting_since.has_value());
    bench.kernels[1]->fail(0);
    bench.wait_applied(version);
    CHECK_FALSE(bench.syncer->health().failing);
    CHECK_FALSE(bench.syncer->health().families[1].waiting_since.has_value());
}

TEST_CASE("while one family pauses, changes of the other are written at once") {
    Bench bench{2, 1h, 1h};
    bench.list();
    bench.kernels[1]->fail(1);
    bench.offer();
    bench.kernels[1]->call(1);
    bench.add("one", 1);
    bench.offer();
    CHECK(bench.kernels[0]->call(2).services == 1);
    CHECK_FALSE(bench.kernels[0]->call(2).full);
    CHECK(bench.kernels[1]->calls() == 1);
}

TEST_CASE("a family that the machine has nothing for is done without, until it has") {
    Bench bench{2};
    bench.list();
    bench.kernels[1]->fail(1'000'000, Errc::unsupported);
    bench.wait_applied(bench.offer());
    bench.add("one", 1);
    bench.wait_applied(bench.offer());
    CHECK(bench.kernels[0]->call(2).services == 1);
    SyncHealth health = bench.syncer->health();
    CHECK_FALSE(health.failing);
    CHECK_FALSE(health.families[1].last_success.has_value());
    CHECK_FALSE(health.families[1].waiting_since.has_value());
    CHECK(value_of(bench.registry, "kubeproxy_sync_proxy_rules_duration_seconds", "IPv6") == 0);
    // Who watches for what is queued and not written must not see any of it.
    CHECK(value_of(bench.registry, "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
                   "IPv6") == 0);
    bench.kernels[1]->fail(0);
    bench.add("two", 2);
    bench.wait_applied(bench.offer());
    CHECK(bench.kernels[1]->call(3).full);
    health = bench.syncer->health();
    CHECK(health.families[1].last_success.has_value());
    // What was there and is gone is no machine without it.
    bench.kernels[1]->fail(1'000'000, Errc::unsupported);
    bench.add("three", 3);
    bench.offer();
    bench.kernels[1]->call(5);
    CHECK(bench.syncer->health().failing);
}

TEST_CASE("the family of the cluster's Services is not done without") {
    Bench bench{2};
    bench.list();
    bench.add("one", 1);
    bench.kernels[0]->fail(1'000'000, Errc::unsupported);
    bench.offer();
    bench.kernels[0]->call(3);
    CHECK(bench.syncer->health().failing);
    CHECK(bench.syncer->health().applied_version == 0);
}

TEST_CASE("everything is compared again after a while") {
    Bench bench{1, 1ms};
    bench.list();
    bench.offer();
    bench.kernels[0]->call(1);
    CHECK(bench.kernels[0]->call(2).full);
    CHECK(bench.kernels[0]->call(3).full);
}

TEST_CASE("what somebody else changed is compared at once, and counted if it was ours") {
    Bench bench;
    bench.list();
    bench.add("one", 1);
    bench.wait_applied(bench.offer());
    bench.kernels[0]->disturb();
    CHECK(bench.kernels[0]->call(2).full);
    // The round is over when the next change is in.
    bench.add("two", 2);
    bench.wait_applied(bench.offer());
    CHECK_FALSE(bench.kernels[0]->call(3).full);
    CHECK(value_of(bench.registry, "nameplane_rules_disturbed_total", "IPv4") == 1);
}

TEST_CASE("other node facts are a reason to plan again") {
    Bench bench;
    bench.list();
    bench.wait_applied(bench.offer());
    bench.syncer->set_node(NodeFacts{.name = "renamed"});
    bench.kernels[0]->call(2);
}

TEST_CASE("a syncer that never started, or is failing, ends at once") {
    Bench bench;
    bench.list();
    bench.kernels[0]->fail(1'000'000);
    bench.offer();
    bench.kernels[0]->call(1);
    bench.syncer.reset();
    Syncer idle{{}, {}, {}, bench.registry, bench.clock, {}};
}

TEST_CASE("changes of endpoints are timed until their rules are in, each slice once") {
    Bench bench{2};
    bench.list();
    bench.add("web", 1);
    bench.change("web", "web-1", 1, bench.clock.wall() - 1h);  // before this process began
    bench.wait_applied(bench.offer());
    CHECK(value_of(bench.registry, programming, "IPv4") == 0);
    bench.change("web", "web-1", 2, bench.clock.wall());
    bench.change("web", "web-2", 3, bench.clock.wall());
    bench.change("web", "web-6", 4, bench.clock.wall(), Family::ipv6);
    bench.wait_applied(bench.offer());
    CHECK(value_of(bench.registry, programming, "IPv4") == 2);
    CHECK(value_of(bench.registry, programming, "IPv6") == 1);
    bench.add("other", 2);
    bench.wait_applied(bench.offer());
    CHECK(value_of(bench.registry, programming, "IPv4") == 2);
    // What is as old as the cluster stays so when something else of it changes.
    bench.change("web", "web-2", 5, bench.clock.wall() - 1h);
    bench.wait_applied(bench.offer());
    CHECK(value_of(bench.registry, programming, "IPv4") == 2);
}

TEST_CASE("a refused change is timed until it is in, and headless Services are not") {
    Bench bench;
    bench.list();
    bench.add("web", 1);
    services::Service headless;
    headless.key = {"ns", "db"};
    headless.headless = true;
    REQUIRE(bench.store.apply(services::Event{headless}));
    bench.wait_applied(bench.offer());
    bench.kernels[0]->fail(3);
    bench.change("web", "web-1", 1, bench.clock.wall());
    bench.change("db", "db-1", 2, bench.clock.wall());
    bench.wait_applied(bench.offer());
    CHECK(bench.kernels[0]->calls() == 5);
    CHECK(value_of(bench.registry, programming, "IPv4") == 1);
}

TEST_CASE("latencies have the buckets of kube-proxy") {
    const Bench bench;
    for (const auto& family : bench.registry.read()) {
        if (family.name != programming) continue;
        const std::vector<double>& bounds = family.samples.at(0).histogram.bounds;
        REQUIRE(bounds.size() == 3 + 59 + 12 + 7);
        CHECK(bounds[0] == 0);
        CHECK(bounds[2] == 0.5);
        CHECK(bounds[3] == 1);
        CHECK(bounds[61] == 59);
        CHECK(bounds[62] == 60);
        CHECK(bounds[73] == 115);
        CHECK(bounds[74] == 120);
        CHECK(bounds.back() == 300);
        return;
    }
    FAIL("no such metric");
}
