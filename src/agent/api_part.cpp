// The Kubernetes API as the agent's source: the client, what it lists and watches, the state kept
// on disk, and how old it all is.

#include "agent/config_watch.hpp"
#include "agent/freshness.hpp"
#include "agent/node.hpp"
#include "agent/source_part.hpp"
#include "agent/store_needs.hpp"
#include "kube/api_access.hpp"
#include "kube/api_client.hpp"
#include "kube/api_source.hpp"
#include "kube/state_saver.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace nameplane::agent {

namespace {

constexpr std::chrono::seconds tick_every{1};

// Who we are and where the server is. An endpoint without certificates, in a pod, is another way to
// the server that the pod's service account is known to: what a node's agent needs, since the way
// by the Service of the API server would lead through its own rules.
Result<kube::ApiAccess> access_of(const conf::ApiConfig& api) {
    if (!api.kubeconfig.empty()) {
        Result<kube::ApiAccess> access = kube::kubeconfig_access(api.kubeconfig, api.context);
        if (!access || api.endpoint.empty()) return access;
        return kube::with_master(std::move(access).value(), api.endpoint);
    }
    const bool in_pod = !kube::environment_of_process("KUBERNETES_SERVICE_HOST").empty();
    const bool own_tls = !api.certificate.empty() || !api.authority.empty();
    if (!api.endpoint.empty() && (own_tls || !in_pod)) {
        return kube::endpoint_access({.endpoint = api.endpoint,
                                      .certificate = api.certificate,
                                      .key = api.key,
                                      .authorities = api.authority});
    }
    Result<kube::ApiAccess> access = kube::in_cluster_access();
    if (!access || api.endpoint.empty()) return access;
    return kube::with_master(std::move(access).value(), api.endpoint);
}

kube::ApiSourceOptions source_options(const conf::Config& config) {
    kube::ApiSourceOptions options;
    // Only rules depend on the Node; who serves names alone needs no right to read it.
    if (config.start.rules.mode != conf::RulesMode::off)
        options.node_name = local_node_name(config.start.node);
    // Those of iptables know no ServiceCIDR, nor do kube-proxy's.
    options.service_cidrs = config.start.rules.mode == conf::RulesMode::nftables ||
                            config.start.rules.mode == conf::RulesMode::automatic;
    const StoreNeeds needs = store_needs(config.runtime);
    options.pods = needs.pods;
    options.imports = needs.imports;
    options.headless_slices = !config.start.api.headless_forward;
    // Names know no proxy: only who writes nothing but rules can do without those Services.
    options.foreign_proxy = !config.start.dns.listen.empty();
    // Nor do rules depend on Namespaces, and kube-proxy's role may not list them.
    options.namespaces = !config.start.dns.listen.empty();
    return options;
}

kube::StateOptions state_options(const conf::Config& config, const std::string& server,
                                 const kube::ApiSourceOptions& source) {
    kube::StateOptions options;
    options.path = config.start.api.state_file;
    // In words while they are few, for whoever reads why a state was refused.
    constexpr std::size_t shown_octets_max = 1000;
    std::string kept = store_needs(config.runtime).to_string();
    if (kept.size() > shown_octets_max) kept = fingerprint(kept);
    options.fingerprint = server + "\nnode " + source.node_name + "\nheadless " +
                          (source.headless_slices ? "yes" : "no") + "\nforeign proxy " +
                          (source.foreign_proxy ? "yes" : "no") + "\nkept " + kept;
    return options;
}

// The last folder of the path, for us alone. Where that fails the first save says why.
void make_folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path{path}.parent_path().string();
    if (!folder.empty()) ::mkdir(folder.c_str(), 0700);
}

class ApiPart final : public SourcePart {
public:
    ApiPart(SourceSetup setup, kube::ApiAccess access)
        : setup_{std::move(setup)}, source_options_{source_options(setup_.config)},
          state_options_{state_options(setup_.config, access.peer.url, source_options_)},
          freshness_{setup_.metrics}, client_{std::move(access), setup_.loop, setup_.metrics,
                                              setup_.clock},
          saver_{state_options_, setup_.store,
                 [this](std::function<void()> job, std::function<void()> done) {
                     setup_.loop.work(std::move(job), std::move(done));
                 },
                 setup_.metrics, setup_.clock},
          timer_{setup_.loop.timer([this] { tick(); })} {}

    Status start() override {
        make_folder_of(state_options_.path);
        saved_ = kube::load_saved_state(state_options_, setup_.metrics, setup_.clock, setup_.sink);
        if (saved_) {
            setup_.settled();
            saver_.loaded(*saved_);
        }
        source_options_.known_before = saved_.has_value();
        source_.emplace(source_options_, client_, setup_.loop, setup_.metrics, setup_.clock,
                        setup_.sink, setup_.settled);
        source_->start();
        timer_->start(tick_every, tick_every);
        return {};
    }

    bool listed() const override {
        const std::vector<kube::KindHealth> kinds = health();
        return !kinds.empty() && std::ranges::all_of(kinds, [](const kube::KindHealth& kind) {
            return kind.listed || kind.optional;
        });
    }

    bool answered() const override {
        return listed() && std::ranges::all_of(health(), [](const kube::KindHealth& kind) {
                   return kind.listed || !kind.error.empty();
               });
    }

    Readiness readiness(bool rules_in, bool was_ready) const override {
        return freshness(rules_in, was_ready).readiness;
    }

    void store_changed() override { saver_.changed(); }

    void stop() override {
        timer_->stop();
        if (const auto contact = freshness(true, true).contact) saver_.stop(*contact);
    }

private:
    // Nothing before start().
    std::vector<kube::KindHealth> health() const {
        return source_ ? source_->health() : std::vector<kube::KindHealth>{};
    }

    Freshness freshness(bool rules_in, bool was_ready) const {
        return freshness_of({.kinds = health(),
                             .saved = saved_,
                             .rules_in = rules_in,
                             .was_ready = was_ready,
                             .now = setup_.clock.now(),
                             .wall = setup_.clock.wall()});
    }

    void tick() {
        const Freshness now = freshness(true, true);
        freshness_.set(now);
        if (now.contact) saver_.tick(*now.contact);
    }

    SourceSetup setup_;
    kube::ApiSourceOptions source_options_;
    kube::StateOptions state_options_;
    FreshnessMetrics freshness_;
    kube::ApiClient client_;
    std::optional<kube::ApiSource> source_;
    kube::StateSaver saver_;
    std::unique_ptr<net::Timer> timer_;
    std::optional<WallTime> saved_;  // set before other threads look
};

}  // namespace

Result<std::unique_ptr<SourcePart>> make_api_source(SourceSetup setup) {
    Result<kube::ApiAccess> access = access_of(setup.config.start.api);
    if (!access) return std::move(access).error();
    return std::unique_ptr<SourcePart>{
        std::make_unique<ApiPart>(std::move(setup), std::move(access).value())};
}

}  // namespace nameplane::agent
