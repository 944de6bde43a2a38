#include "agent/rules_part.hpp"

#include "agent/node.hpp"
#include "agent/rule_writers.hpp"
#include "rules/iptables/packet_counters.hpp"
#include <nameplane/base/log.hpp>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace nameplane::agent {

struct RulesPart::State {
    conf::RulesConfig config;
    std::string node_name;
    metrics::Registry* metrics;
    const Clock* clock;
    std::function<void(std::uint64_t)> applied;
    KernelFacts kernel;
    std::vector<Family> families;   // that the kernel has
    bool wants_localhost = false;   // set before the rule thread starts
    bool localhost_opened = false;  // the rule thread's; there is one at a time

    std::optional<services::Node> last_seen;  // counts on after its object is gone
    rules::NodeFacts node;
    std::vector<rules::PlanSettings> settings;
    std::shared_ptr<const services::Snapshot> newest;

    mutable std::mutex mutex;
    std::unique_ptr<rules::Syncer> syncer;  // swapped under mutex, used by the control thread

    void replace_syncer(std::unique_ptr<rules::Syncer> next) {
        {
            const std::lock_guard lock{mutex};
            syncer.swap(next);
        }
        // The old thread is joined here, outside of the lock that health() takes.
        next.reset();
    }

    std::vector<rules::PlanSettings> wanted_settings() const {
        std::vector<rules::PlanSettings> wanted;
        for (const Family family : families) {
            wanted.push_back(plan_settings(config, node, family, kernel));
        }
        return wanted;
    }

    void start_syncer() {
        std::vector<rules::SyncTarget> targets;
        for (const rules::PlanSettings& each : settings) {
            targets.push_back(
                {each, make_rule_writer(each.family, config.mode, config.iptables_backend)});
        }
        rules::SyncerOptions options;
        options.full_sync = config.full_sync;
        // The old thread ends before the new one writes.
        replace_syncer(nullptr);
        wants_localhost = std::ranges::any_of(settings, &rules::PlanSettings::localhost_node_ports);
        auto next = std::make_unique<rules::Syncer>(std::move(targets), node, options, *metrics,
                                                    *clock, [this](std::uint64_t version) {
                                                        open_localhost_once();
                                                        applied(version);
                                                    });
        next->start();
        replace_syncer(std::move(next));
    }

    // On the rule thread, once the rules that keep others out are in the kernel.
    void open_localhost_once() {
        if (!wants_localhost || std::exchange(localhost_opened, true)) return;
        if (const Status opened = open_localhost(); !opened) {
            NP_LOG_WARNING("rules.localhost_closed", "error", opened.error());
        }
    }

    // Facts of the machine and of its Node object; remakes what depends on them.
    void look_at_node() {
        if (const services::Node* object = newest->node(node_name)) last_seen = *object;
        rules::NodeFacts now = with_addresses(merged_facts(rules::facts_of_this_machine(node_name),
                                                           last_seen ? &*last_seen : nullptr),
                                              config.node_addresses);
        const bool same_node = now == node;
        node = std::move(now);
        std::vector<rules::PlanSettings> wanted = wanted_settings();
        if (!syncer || wanted != settings) {
            if (syncer) NP_LOG_INFO("rules.settings_changed", "node", node_name);
            settings = std::move(wanted);
            warn_about_detector();
            start_syncer();
            syncer->offer(newest);
        } else if (!same_node) {
            syncer->set_node(node);
        }
    }

    void warn_about_detector() const {
        if (config.detect_local != conf::DetectLocalMode::node_cidr || !node.pod_cidrs.empty())
            return;
        NP_LOG_WARNING("rules.no_pod_cidr", "node", node_name);
    }
};

RulesPart::RulesPart(conf::RulesConfig config, std::string node_name, metrics::Registry& metrics,
                     const Clock& clock, std::function<void(std::uint64_t)> applied)
    : state_{std::make_unique<State>()} {
    state_->config = std::move(config);
    state_->node_name = std::move(node_name);
    state_->metrics = &metrics;
    state_->clock = &clock;
    state_->applied = std::move(applied);
    if (enabled()) {
        state_->kernel = {.liberal_conntrack = conntrack_is_liberal(),
                          .packet_counters = rules::iptables::make_packet_counters()};
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            if (rules::kernel_has(family)) {
                state_->families.push_back(family);
            } else {
                NP_LOG_INFO("rules.no_family", "family", to_string(family));
            }
        }
    }
}

RulesPart::~RulesPart() {
    stop();
}

bool RulesPart::enabled() const noexcept {
    return state_->config.mode != conf::RulesMode::off;
}

void RulesPart::offer(const std::shared_ptr<const services::Snapshot>& snapshot) {
    if (!enabled() || !services::ServiceView{*snapshot}.synced()) return;
    const services::Node* const before =
        state_->newest ? state_->newest->node(state_->node_name) : nullptr;
    const services::Node* const now = snapshot->node(state_->node_name);
    const bool same_node =
        before == now || (before != nullptr && now != nullptr && *before == *now);
    const std::shared_ptr<const services::Snapshot> last = std::exchange(state_->newest, snapshot);
    if (!state_->syncer || !same_node) state_->look_at_node();
    state_->syncer->offer(snapshot);
}

void RulesPart::refresh_node() {
    if (enabled() && state_->newest) state_->look_at_node();
}

std::optional<rules::SyncHealth> RulesPart::health() const {
    const std::lock_guard lock{state_->mutex};
    if (!state_->syncer) return std::nullopt;
    return state_->syncer->health();
}

HealthPlaces RulesPart::node_port_places() const {
    HealthPlaces places;
    for (const rules::PlanSettings& each : state_->settings) {
        HealthAddresses& of_family = each.family == Family::ipv4 ? places.ipv4 : places.ipv6;
        of_family.everywhere = !each.node_ports_restricted;
        of_family.addresses = each.node_port_addresses;
    }
    return places;
}

void RulesPart::stop() {
    state_->replace_syncer(nullptr);
}

}  // namespace nameplane::agent
