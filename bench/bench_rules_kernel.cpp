// Rules into a real kernel: plan and commit from nothing, after a restart, and for one changed
// endpoint, beside iptables-legacy-restore of the same rules. Needs root; makes its own network
// namespaces.
//
//     ninja -C build bench/bench_rules_kernel && build/bench/bench_rules_kernel
//     [SERVICESxENDPOINTS...]
//
// Prints one table, in milliseconds, each the median of several, taken in turns; CPU time is less
// disturbed by what else the machine does. "Digest" is of the nat table, as
// after somebody used the xtables lock. "read only" and "replace only" are libiptc alone, on the
// same nat table: reading it, and reading it and putting it back. Memory is of a process that does
// nothing else.

#include "rules/iptables/apply.hpp"
#include "rules/iptables/render.hpp"
#include "rules/iptables/table.hpp"
#include "rules/iptables/watch.hpp"
#include "rules/policy.hpp"
#include "rules_bench.hpp"
#include "services/store.hpp"
#include "support/netns.hpp"
#include <nameplane/base/clock.hpp>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace nameplane;
using namespace nameplane::bench;
using rules::iptables::TableName;

/// What `iptables-restore --noflush` is given for one changed Service: its own chains.
std::string text_of_one(const rules::Plan& plan, std::size_t index) {
    const auto rendered = rules::iptables::render_service(
        *plan.services[index], plan.settings, plan.endpoint_count > rules::large_cluster_endpoints);
    std::string chains = "*nat\n";
    std::string lines;
    for (const auto& chain : rendered.nat_chains) {
        chains += ":" + chain.name + " - [0:0]\n";
        for (const auto& rule : chain.rules) {
            lines += "-A " + chain.name + " " + rules::iptables::to_text(rule) + "\n";
        }
    }
    return chains + lines + "COMMIT\n";
}

/// One cluster, in a namespace that our writer fills and in one that iptables-legacy-restore fills.
class Run {
public:
    explicit Run(const Size& size) : size_{size} { fill(store_, size); }
    ~Run() { ::unlink(lock_.c_str()); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    void measure();
    void print() const;

private:
    /// Lets `by` apply the plan.
    Cost apply(rules::RuleWriter& by);
    Cost plan();
    Cost change();
    Cost restart();
    Cost clean();
    Cost digest();
    Cost libiptc(bool replace);
    Cost restore(const std::string& text);
    std::unique_ptr<rules::RuleWriter> make_writer() const {
        return rules::iptables::make_iptables_writer(Family::ipv4, {.lock_path = lock_}).value();
    }

    static constexpr int rounds = 5;
    Size size_;
    SystemClock clock_;
    services::Store store_{{}, clock_};
    std::string lock_ = "/tmp/nameplane-bench-" + std::to_string(::getpid());
    test::Netns ours_ = test::Netns::make("bench");
    test::Netns theirs_ = test::Netns::make("bench");
    rules::Planner planner_{{}};
    rules::Plan plan_;
    std::unique_ptr<rules::RuleWriter> writer_ = make_writer();
    rules::Applied applied_;
    int changes_ = 0;
    std::size_t rules_ = 0;
    double before_mb_ = 0;
    double after_mb_ = 0;
    std::vector<Cost> columns_;
};

Cost Run::apply(rules::RuleWriter& by) {
    return cost_of([&] {
        ours_.run([&] {
            auto done = by.apply(plan_, false);
            if (!done) must(std::move(done).error());
            applied_ = *done;
        });
    });
}

Cost Run::plan() {
    const rules::NodeFacts node{.name = "node"};
    return cost_of([&] { plan_ = planner_.plan(store_.snapshot(), node); });
}

/// One endpoint of one Service goes or comes.
Cost Run::change() {
    put_slice(store_, size_.services / 2, size_.endpoints, changes_++ % 2 != 0);
    plan();
    const Cost cost = apply(*writer_);
    if (!applied_.wrote) {
        std::fprintf(stderr, "a change wrote nothing\n");
        std::exit(1);
    }
    return cost;
}

Cost Run::restart() {
    const auto restarted = make_writer();
    const Cost cost = apply(*restarted);
    if (applied_.wrote) {
        std::fprintf(stderr, "a restart wrote\n");
        std::exit(1);
    }
    return cost;
}

Cost Run::clean() {
    return cost_of([&] { ours_.run([&] { must(writer_->clean()); }); });
}

Cost Run::digest() {
    rules::iptables::TableWatch watch{Family::ipv4, TableName::nat, 0};
    return cost_of([&] { ours_.run([&] { watch.remember(true); }); });
}

Cost Run::libiptc(bool replace) {
    const Cost cost = cost_of([&] {
        ours_.run([&] {
            auto table = rules::iptables::Table::open(Family::ipv4, TableName::nat);
            if (!replace) return;
            // libiptc skips the replace when nothing was touched: empty what is empty.
            must(table.value().flush_chain("KUBE-PROXY-CANARY"));
            must(table.value().commit());
        });
    });
    ::malloc_trim(0);  // as our writer does: nobody starts with warm memory
    return cost;
}

Cost Run::restore(const std::string& text) {
    const std::string path = lock_ + ".rules";
    std::ofstream{path} << text;
    const Cost cost = cost_of([&] {
        theirs_.sh("XTABLES_LOCKFILE=" + lock_ + " iptables-legacy-restore --noflush < " + path);
    });
    ::unlink(path.c_str());
    return cost;
}

void Run::measure() {
    before_mb_ = resident_mb();
    const Cost planned = plan();
    std::vector<Cost> first{apply(*writer_)};
    rules_ = applied_.nat_rules + applied_.filter_rules;
    const Cost restored = restore(rules::iptables::to_restore_text(plan_));
    std::vector<Cost> restarts;
    std::vector<Cost> digests;
    std::vector<Cost> reads;
    std::vector<Cost> changes;
    std::vector<Cost> replaces;
    std::vector<Cost> restores;
    for (int i = 0; i < rounds; ++i) {
        restarts.push_back(restart());
        digests.push_back(digest());
        reads.push_back(libiptc(false));
        changes.push_back(change());
        replaces.push_back(libiptc(true));
        restores.push_back(restore(text_of_one(plan_, size_.services / 2)));
    }
    after_mb_ = resident_mb();
    std::vector<Cost> cleans;
    for (int i = 0; i < 3; ++i) {
        cleans.push_back(clean());
        first.push_back(apply(*writer_));
    }
    columns_ = {planned,       median(first),   restored,         median(restarts), median(digests),
                median(reads), median(changes), median(replaces), median(restores), median(cleans)};
}

void Run::print() const {
    std::printf("%6zu x %-3zu %8zu wall", size_.services, size_.endpoints, rules_);
    for (const Cost& column : columns_) std::printf(" %8.1f", column.wall);
    std::printf(" %7.1f %7.1f %7.1f\n%26s", before_mb_, after_mb_, peak_mb(), "CPU");
    for (const Cost& column : columns_) std::printf(" %8.1f", column.cpu);
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    if (!can_measure()) return 1;
    const std::vector<Size> sizes = sizes_of(argc, argv, {{100, 10}, {1'000, 10}, {10'000, 10}});
    std::printf("%s\n%s\n",
                "Services                   ms     plan     from  restore  restart   digest     "
                "read      one "
                " replace  restore    clean      MB      MB      MB",
                "x endpoints     rules                  nothing  nothing                       "
                "only   change "
                "    only      one           before   after    peak");
    return measure_each<Run>(sizes);
}
