#include "agent/proxy_part.hpp"

#include "agent/settings.hpp"

#include <utility>

namespace nameplane::agent {

namespace {

constexpr std::string_view healthz_name = "kubeproxy_proxy_healthz_total";
constexpr std::string_view healthz_help = "[ALPHA] Cumulative proxy healthz HTTP status";
constexpr std::string_view livez_name = "kubeproxy_proxy_livez_total";
constexpr std::string_view livez_help = "[ALPHA] Cumulative proxy livez HTTP status";

ProxyHealthAnswer counted(ProxyHealthAnswer answer, metrics::Counter& fine, metrics::Counter& bad) {
    (answer.status == 200 ? fine : bad).add_shared();
    return answer;
}

}  // namespace

ProxyPart::ProxyPart(const conf::StartConfig& config, std::string node_name, const RulesPart& rules,
                     metrics::Registry& metrics, const Clock& clock)
    : node_name_{std::move(node_name)}, mode_{config.rules.mode},
      stale_after_{config.rules.stale_after}, node_required_{source_of(config) == Source::api},
      rules_{rules}, clock_{clock}, node_eligible_{!node_required_}, list_{node_name_},
      healthz_fine_{metrics.counter(healthz_name, healthz_help, {{"code", "200"}})},
      healthz_bad_{metrics.counter(healthz_name, healthz_help, {{"code", "503"}})},
      livez_fine_{metrics.counter(livez_name, livez_help, {{"code", "200"}})},
      livez_bad_{metrics.counter(livez_name, livez_help, {{"code", "503"}})} {
    if (rules_.enabled()) {
        ports_ = std::make_unique<HealthPorts>([this] { return proxy_is_healthy(facts()); });
    }
}

void ProxyPart::newest(const services::Snapshot& snapshot) {
    const services::Node* const node = snapshot.node(node_name_);
    node_eligible_ = node == nullptr ? !node_required_ : !node->deleting;
}

void ProxyPart::shown(const std::shared_ptr<const services::Snapshot>& snapshot) {
    if (!ports_) return;
    const bool moved = std::exchange(places_, rules_.node_port_places()) != places_;
    if (!list_.take(snapshot) && !moved && told_) return;
    told_ = true;
    ports_->set(list_.ports(), places_);
}

ProxyHealthFacts ProxyPart::facts() const {
    return {.sync = rules_.health(),
            .node_eligible = node_eligible_,
            .stale_after = stale_after_,
            .now = clock_.now(),
            .wall = clock_.wall()};
}

ProxyHealthAnswer ProxyPart::healthz() {
    return counted(agent::healthz(facts()), healthz_fine_, healthz_bad_);
}

ProxyHealthAnswer ProxyPart::livez() {
    return counted(agent::livez(facts()), livez_fine_, livez_bad_);
}

std::string ProxyPart::mode() const {
    switch (mode_) {
    case conf::RulesMode::off: return "off";
    case conf::RulesMode::iptables: return "iptables";
    case conf::RulesMode::nftables: return "nftables";
    case conf::RulesMode::automatic: break;
    }
    const std::optional<rules::SyncHealth> health = rules_.health();
    if (!health || health->families.empty() || health->families.front().writer.empty()) {
        return "auto";
    }
    return std::string{health->families.front().writer};
}

}  // namespace nameplane::agent
