// render: the command that prints the rules for the objects of manifests or of a cluster, as the
// agent would write them, without root and without a kernel.

#include "rules/iptables/render.hpp"

#include "agent/commands.hpp"
#include "agent/node.hpp"
#include "agent/source_part.hpp"
#include "conf/nearest.hpp"
#include "kube/manifests.hpp"
#include "kube/node_facts.hpp"
#include "net/loop.hpp"
#include "rules/nftables/render.hpp"
#include "rules/plan_text.hpp"
#include "rules/policy.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/log.hpp>
#include <nameplane/base/metrics.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nameplane::agent {

namespace {

/// How long an API server may take for one list of everything.
constexpr std::chrono::seconds list_patience{10};
constexpr std::chrono::milliseconds look_every{20};

Result<rules::NodeFacts> facts_for(const RenderCommand& command, const conf::NodeConfig& node) {
    if (command.node_facts.empty()) return rules::facts_of_this_machine(local_node_name(node));
    return kube::read_node_facts(command.node_facts);
}

/// The objects of one moment, from whichever source; what is wrong with them goes to stderr.
class Reading {
public:
    explicit Reading(const Clock& clock)
        : clock_{clock}, store_{services::StoreOptions{.needs_namespaces = false}, clock} {}

    Status read(const conf::Config& config) {
        return source_of(config.start) == Source::manifests
                   ? read_manifests(manifest_options(config.start.services))
                   : list(config);
    }
    std::shared_ptr<const services::Snapshot> snapshot() { return store_.snapshot(); }
    /// False: something was left out.
    bool whole() const noexcept { return whole_; }

private:
    void take(services::Event event) {
        const Status taken = store_.apply(std::move(event));
        if (taken) return;
        complain(taken.error().text);
        whole_ = false;
    }

    Status read_manifests(const kube::ManifestOptions& options) {
        Result<kube::ManifestReading> reading = kube::read_manifests(options);
        if (!reading) return std::move(reading).error();
        for (const std::string& choice : reading->choices) complain("chosen: " + choice);
        for (const std::string& problem : reading->problems) complain(problem);
        whole_ = reading->problems.empty();
        for (services::Event& event : reading->events) take(std::move(event));
        return {};
    }

    /// Lists everything once; what changes after that is not waited for.
    Status list(const conf::Config& config) {
        net::Loop loop;
        metrics::Registry registry{1};
        const Monotonic end = clock_.now() + list_patience;
        auto made = make_source({.config = config,
                                 .loop = loop,
                                 .metrics = registry,
                                 .clock = clock_,
                                 .store = store_,
                                 .sink = [this](services::Event event) { take(std::move(event)); },
                                 .settled = [] {}});
        if (!made) return std::move(made).error();
        const std::unique_ptr<SourcePart> source = std::move(made).value();
        const auto timer = loop.timer([&] {
            if (source->answered() || clock_.now() >= end) loop.stop();
        });
        timer->start(look_every, look_every);
        if (Status started = source->start(); !started) return started;
        loop.run();
        if (source->listed()) return {};
        std::string missing;
        for (const std::string& remark : source->readiness(true, false).remarks)
            missing += (missing.empty() ? "" : "\n") + remark;
        return Error{Errc::io, std::move(missing)};
    }

    const Clock& clock_;
    services::Store store_;
    bool whole_ = true;
};

/// What rules need and nothing else: no names, and no state of a running agent.
conf::Config for_rules_only(conf::Config config, RenderTo to) {
    conf::StartConfig& start = config.start;
    start.dns.listen.clear();
    start.api.state_file.clear();
    if (to == RenderTo::iptables_restore) start.rules.mode = conf::RulesMode::iptables;
    if (to == RenderTo::nft) start.rules.mode = conf::RulesMode::nftables;
    if (start.rules.mode == conf::RulesMode::off) start.rules.mode = conf::RulesMode::automatic;
    config.runtime.servers.clear();
    return config;
}

/// Leaves only that Service in the plan. Errc::not_found if it has no rules.
Status keep_only(rules::Plan& plan, std::string_view wanted) {
    std::vector<std::string> names;
    for (const auto& service : plan.services) names.emplace_back(service->ports.front().service());
    std::erase_if(plan.services,
                  [&](const auto& service) { return service->ports.front().service() != wanted; });
    if (!plan.services.empty()) return {};
    const std::vector<std::string_view> known{names.begin(), names.end()};
    return Error{Errc::not_found, "no rules for Service '" + std::string{wanted} + "' in " +
                                      std::string{to_string(plan.settings.family)} +
                                      conf::did_you_mean(wanted, known)};
}

std::string text_of(const rules::Plan& plan, RenderTo to) {
    switch (to) {
    case RenderTo::plan: return rules::to_plan_text(plan);
    case RenderTo::iptables_restore: return rules::iptables::to_restore_text(plan);
    case RenderTo::nft: return rules::nftables::to_nft_text(plan);
    }
    return {};
}

int failed(const Error& error, int code = exit_failed) {
    complain(error.text);
    return code;
}

}  // namespace

int run_render(const RenderCommand& command) {
    const conf::Compiled settings = load_settings(command.overrides);
    if (complain_about(settings)) return exit_usage;
    const conf::Config config = for_rules_only(settings.config, command.to);
    const conf::StartConfig& start = config.start;
    if (source_of(start) == Source::none) {
        complain("no source of Services, expected --manifests PATH or --kubeconfig FILE");
        return exit_usage;
    }
    log::set_level(log::Level::error);
    Result<rules::NodeFacts> facts = facts_for(command, start.node);
    if (!facts) return failed(facts.error(), exit_usage);
    const SystemClock clock;
    Reading reading{clock};
    if (const Status read = reading.read(config); !read) return failed(read.error());
    const auto snapshot = reading.snapshot();
    const services::Node* const object =
        command.node_facts.empty() ? snapshot->node(facts->name) : nullptr;
    const rules::NodeFacts node =
        with_addresses(merged_facts(std::move(facts).value(), object), start.rules.node_addresses);
    rules::Planner planner{plan_settings(start.rules, node, command.family, {})};
    rules::Plan plan = planner.plan(snapshot, node);
    if (!command.service.empty()) {
        if (const Status kept = keep_only(plan, command.service); !kept)
            return failed(kept.error());
    }
    const std::string text = text_of(plan, command.to);
    // Half a rule set must not pass for a whole one.
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
        return failed(errno_error(errno, "write the rules"));
    }
    return reading.whole() ? exit_ok : exit_failed;
}

}  // namespace nameplane::agent
