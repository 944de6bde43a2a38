// The kernel, the lock or a permission says no: the old rules stay whole, and the agent comes back.

#include "kernel/rules_case.hpp"
#include "rules/iptables/lock.hpp"
#include "rules/iptables/render.hpp"
#include "rules/syncer.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <iterator>
#include <mutex>

using namespace nameplane;
using namespace nameplane::test;
using namespace std::chrono_literals;
using rules::iptables::IptablesOptions;
using rules::iptables::TableName;

namespace {

/// From now on the kernel seems to have no table (IPT_SO_GET_INFO fails): on this thread only.
void hide_tables() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 64 /* IPT_SO_GET_INFO */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOENT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{.len = std::size(program), .filter = program};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        throw std::runtime_error{"seccomp"};
}

/// Another process that holds the lock until it is told to end.
class LockHolder {
public:
    explicit LockHolder(const std::string& path) {
        int ready[2];
        int end[2];
        REQUIRE(::pipe(ready) == 0);
        REQUIRE(::pipe(end) == 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(end[1]);
            const int fd = ::open(path.c_str(), O_CREAT | O_RDONLY, 0600);
            char byte = ::flock(fd, LOCK_EX) == 0 ? 'y' : 'n';
            (void)!::write(ready[1], &byte, 1);
            (void)!::read(end[0], &byte, 1);
            ::_exit(0);
        }
        char byte = 0;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
        REQUIRE(byte == 'y');
        end_ = end[1];
        ::close(ready[0]);
        ::close(ready[1]);
        ::close(end[0]);
    }
    ~LockHolder() { release(); }
    void release() {
        if (child_ <= 0) return;
        ::close(end_);
        ::waitpid(child_, nullptr, 0);
        child_ = -1;
    }

private:
    pid_t child_ = -1;
    int end_ = -1;
};

}  // namespace

TEST_CASE("somebody changes the table between our read and our write") {
    const Netns netns = Netns::make("between");
    int times = 0;
    IptablesOptions options;
    options.before_commit = [&](TableName table) {
        if (table != TableName::nat || times-- <= 0) return;
        // Without the lock, as programs do that do not know it.
        std::system(
            "XTABLES_LOCKFILE=/dev/null iptables-legacy -t nat -A OUTPUT -d 203.0.113.1 -j RETURN");
    };
    NetnsWriter writer{netns, Family::ipv4, options};
    must(writer.apply(small_plan({"10.244.0.1"})));
    SECTION("once: seen by the kernel, done again at once, their rule stays") {
        times = 1;
        must(writer.apply(small_plan({"10.244.0.2"})));
        const std::string nat = saved(netns, Family::ipv4, "nat");
        CHECK(nat.find("10.244.0.2:8080") != std::string::npos);
        CHECK(nat.find("10.244.0.1:8080") == std::string::npos);
        CHECK(nat.find("203.0.113.1") != std::string::npos);
    }
    SECTION("always: Errc::again, the old rules are whole, and later it works") {
        times = 1'000;
        const auto refused = writer.apply(small_plan({"10.244.0.2"}));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::again);
        const std::string nat = saved(netns, Family::ipv4, "nat");
        CHECK(nat.find("10.244.0.1:8080") != std::string::npos);
        CHECK(nat.find("10.244.0.2:8080") == std::string::npos);
        times = 0;
        must(writer.apply(small_plan({"10.244.0.2"}), true));
        CHECK(saved(netns, Family::ipv4, "nat").find("10.244.0.2:8080") != std::string::npos);
    }
}

TEST_CASE("another process holds the xtables lock") {
    const Netns netns = Netns::make("locked");
    const std::string lock = own_lock_path() + ".held";
    NetnsWriter writer{netns, Family::ipv4, {.lock_path = lock, .lock_wait = 50ms}};
    must(writer.apply(small_plan({"10.244.0.1"})));
    const std::string before = saved(netns, Family::ipv4);
    LockHolder holder{lock};
    const auto refused = writer.apply(small_plan({"10.244.0.2"}));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::again);
    CHECK(saved(netns, Family::ipv4) == before);
    holder.release();
    must(writer.apply(small_plan({"10.244.0.2"})));
    CHECK(saved(netns, Family::ipv4) != before);
    ::unlink(lock.c_str());
}

TEST_CASE("the lock is held only while tables are replaced") {
    const Netns netns = Netns::make("unlocked");
    const std::string lock = own_lock_path() + ".free";
    bool held = false;
    IptablesOptions options{.lock_path = lock};
    options.before_commit = [&](TableName) {
        const int fd = ::open(lock.c_str(), O_RDONLY);
        held = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
        ::close(fd);
    };
    NetnsWriter writer{netns, Family::ipv4, options};
    must(writer.apply(small_plan({"10.244.0.1"})));
    CHECK(held);
    CHECK(rules::iptables::XtablesLock::take(lock, 0ms));
    ::unlink(lock.c_str());
}

TEST_CASE("without permission nothing is written and nothing crashes") {
    const Netns netns = Netns::make("denied");
    NetnsWriter allowed{netns, Family::ipv4};
    must(allowed.apply(small_plan({"10.244.0.1"})));
    const std::string before = saved(netns, Family::ipv4);
    for (const bool probed : {false, true}) {
        auto writer =
            rules::iptables::make_iptables_writer(Family::ipv4, {.lock_path = own_lock_path()})
                .value();
        Result<rules::Applied> refused = Error{};
        netns.run([&] {
            if (probed) (void)writer->apply(small_plan({"10.244.0.1"}), false);
            drop_network_rights();  // of this thread, which ends here
            refused = writer->apply(small_plan({"10.244.0.2"}), false);
        });
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::permission);
        CHECK(saved(netns, Family::ipv4) == before);
    }
    Status cleaned;
    auto writer =
        rules::iptables::make_iptables_writer(Family::ipv4, {.lock_path = own_lock_path()}).value();
    netns.run([&] {
        drop_network_rights();
        cleaned = writer->clean();
    });
    REQUIRE_FALSE(cleaned);
    CHECK(cleaned.error().code == Errc::permission);
    CHECK(saved(netns, Family::ipv4) == before);
}

TEST_CASE("a kernel without the tables is an error that says so, and may come later") {
    const Netns netns = Netns::make("notable");
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        CAPTURE(to_string(family));
        auto writer =
            rules::iptables::make_iptables_writer(family, {.lock_path = own_lock_path()}).value();
        const rules::Plan plan = plan_of_everything(family);
        Result<rules::Applied> refused = Error{};
        Status cleaned = Error{};
        netns.run([&] {
            hide_tables();
            refused = writer->apply(plan, false);
            cleaned = writer->clean();
        });
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::unsupported);
        CHECK(refused.error().text.find("table filter") != std::string::npos);
        CHECK(cleaned);  // where no table is, nothing of ours is
        netns.run([&] { refused = writer->apply(plan, false); });
        CHECK(refused);
    }
}

TEST_CASE("a plan that the kernel refuses leaves the old rules") {
    const Netns netns = Netns::make("refused");
    NetnsWriter writer{netns, Family::ipv4};
    must(writer.apply(small_plan({"10.244.0.1"})));
    const std::string before = saved(netns, Family::ipv4);
    auto plan = small_plan({"10.244.0.2"});
    plan.settings.detector = rules::LocalDetector::bridge;
    plan.settings.detector_name = "a-name-longer-than-any-interface";
    const auto refused = writer.apply(plan);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::invalid);
    CHECK(saved(netns, Family::ipv4) == before);
    must(writer.apply(small_plan({"10.244.0.2"})));
}

TEST_CASE("killed at any moment, the old or the new rules are whole") {
    const Netns netns = Netns::make("killed");
    const auto one = plan_of_everything(Family::ipv4);
    auto two = with_service(one, 1, port_plan("ns/ten:http", "10.96.0.2", {"10.244.9.9"}));
    two = with_service(two, 5, port_plan("ns/lb:http", "10.96.0.6", {"10.244.9.8", "10.244.9.7"}));
    NetnsWriter writer{netns, Family::ipv4};
    must(writer.apply(two));
    const std::string second = saved(netns, Family::ipv4, "nat");
    const auto began = std::chrono::steady_clock::now();
    must(writer.apply(one, true));
    const auto took =
        std::chrono::ceil<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    const std::string first = saved(netns, Family::ipv4, "nat");
    REQUIRE(first != second);
    // A child begins with such a commit; it shall live for several, on a slow machine, too.
    const long life_us_max = std::max(9'000L, 8 * static_cast<long>(took.count()));
    int seen_first = 0;
    int seen_second = 0;
    for (int round = 0; round < 50; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            netns.enter();
            auto own =
                rules::iptables::make_iptables_writer(Family::ipv4, {.lock_path = own_lock_path()})
                    .value();
            for (int i = 0;; ++i) (void)own->apply(i % 2 == 0 ? two : one, i % 3 == 0);
        }
        // Not an event to wait for: the moment shall be any.
        ::usleep(static_cast<useconds_t>(3'000 + round % 13 * life_us_max / 13));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const std::string now = saved(netns, Family::ipv4, "nat");
        const bool whole = now == first || now == second;
        if (!whole) FAIL(now);
        ++(now == first ? seen_first : seen_second);
    }
    CHECK(seen_first + seen_second == 50);
    CHECK(seen_second > 0);
    // The lock went with its holder.
    must(writer.apply(one, true));
    CHECK(saved(netns, Family::ipv4, "nat") == first);
}

namespace {

/// A writer that enters the namespace on the rule thread.
class InNetns final : public rules::RuleWriter {
public:
    InNetns(const Netns& netns, IptablesOptions options)
        : netns_{netns},
          inner_{rules::iptables::make_iptables_writer(Family::ipv4, std::move(options)).value()} {}
    Result<rules::Applied> apply(const rules::Plan& plan, bool full) override {
        Result<rules::Applied> applied = Error{};
        netns_.run([&] { applied = inner_->apply(plan, full); });
        return applied;
    }
    Status clean() override { return inner_->clean(); }
    std::string_view name() const noexcept override { return inner_->name(); }

private:
    const Netns& netns_;
    std::unique_ptr<rules::RuleWriter> inner_;
};

}  // namespace

TEST_CASE("the syncer keeps the old rules while the lock is held, tells so, and recovers") {
    const Netns netns = Netns::make("recover");
    const std::string lock = own_lock_path() + ".syncer";
    const SystemClock clock;
    services::Store store{{}, clock};
    for (const auto kind :
         {services::Kind::service, services::Kind::endpoint_slice, services::Kind::pod,
          services::Kind::node, services::Kind::namespace_}) {
        REQUIRE(store.apply(services::BeginList{kind}));
        REQUIRE(store.apply(services::EndList{kind}));
    }
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t applied = 0;
    metrics::Registry registry{1};
    std::vector<rules::SyncTarget> targets;
    targets.push_back(
        {settings_of(Family::ipv4),
         std::make_unique<InNetns>(netns, IptablesOptions{.lock_path = lock, .lock_wait = 5ms})});
    rules::Syncer syncer{std::move(targets),
                         {.name = "node"},
                         {.retry_first = 2ms, .retry_max = 10ms, .forget_stale_flows = false},
                         registry,
                         clock,
                         [&](std::uint64_t version) {
                             const std::lock_guard guard{mutex};
                             applied = version;
                             changed.notify_all();
                         }};
    syncer.start();
    const auto offer = [&](const std::string& name, std::uint8_t octet) {
        services::Service service;
        service.key = {"ns", name};
        service.cluster_ips = {IpAddress::v4(10, 96, 0, octet)};
        service.ports = {{.name = "http", .port = 80}};
        REQUIRE(store.apply(service));
        auto snapshot = store.snapshot();
        syncer.offer(snapshot);
        return snapshot->version();
    };
    const auto wait_for = [&](std::uint64_t version) {
        std::unique_lock guard{mutex};
        REQUIRE(changed.wait_for(guard, 1min, [&] { return applied == version; }));
    };
    wait_for(offer("first", 1));
    const std::string before = saved(netns, Family::ipv4);
    CHECK(before.find("ns/first:http has no endpoints") != std::string::npos);
    LockHolder holder{lock};
    const std::uint64_t next = offer("second", 2);
    for (int i = 0; i < 12'000 && !syncer.health().failing; ++i) {
        std::this_thread::sleep_for(5ms);
    }
    CHECK(syncer.health().failing);
    CHECK(syncer.health().last_error.find("lock") != std::string::npos);
    CHECK(syncer.health().applied_version < next);
    CHECK(saved(netns, Family::ipv4) == before);
    holder.release();
    wait_for(next);
    CHECK_FALSE(syncer.health().failing);
    CHECK(saved(netns, Family::ipv4).find("ns/second:http") != std::string::npos);
    ::unlink(lock.c_str());
}
