#include "agent/agent.hpp"

#include "acme/orders.hpp"
#include "agent/acme_configs.hpp"
#include "agent/admin.hpp"
#include "agent/agent_metrics.hpp"
#include "agent/certificates.hpp"
#include "agent/command_line.hpp"
#include "agent/commands.hpp"
#include "agent/config_watch.hpp"
#include "agent/health_check.hpp"
#include "agent/kube_proxy_file.hpp"
#include "agent/listeners.hpp"
#include "agent/machine.hpp"
#include "agent/metrics_text.hpp"
#include "agent/names_latency.hpp"
#include "agent/node.hpp"
#include "agent/processors.hpp"
#include "agent/proxy_metrics.hpp"
#include "agent/proxy_pages.hpp"
#include "agent/proxy_part.hpp"
#include "agent/reload.hpp"
#include "agent/rules_part.hpp"
#include "agent/source_part.hpp"
#include "chain/builder.hpp"
#include "chain/profile.hpp"
#include "net/loop.hpp"
#include "server/server.hpp"
#include "services/gate.hpp"
#include "services/store.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/log.hpp>
#include <nameplane/heirlooms.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
#include <thread>

namespace nameplane::agent {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds gate_tick{20};
constexpr milliseconds sweep_every{1000};
constexpr milliseconds node_refresh_every{30'000};
constexpr milliseconds drain_grace{5000};
// kube-proxy watches its file; no field of it says how often to look.
constexpr conf::ReloadConfig look_at_kube_proxy_file{milliseconds{5000}, milliseconds{2000}};

std::size_t worker_count(const conf::DnsConfig& dns) {
    const std::size_t wanted =
        dns.threads != 0 ? dns.threads : within_limit(std::thread::hardware_concurrency());
    return std::clamp<std::size_t>(wanted, 1, metrics::cells_max);
}

}  // namespace

// Declared from the bottom up: what stands above outlives what stands below.
struct Agent::Parts {
    conf::Config config;
    Overrides overrides;
    std::size_t workers = worker_count(config.start.dns);
    SystemClock clock;
    metrics::Registry registry{workers};
    AgentMetrics counts{registry};
    Background background;
    LineLog line_log{workers, STDOUT_FILENO,
                     registry.counter("nameplane_log_lines_dropped_total",
                                      "Lines of the query log that nobody took in time.")};
    net::Loop loop;
    const StoreNeeds needs = store_needs(config.runtime);
    services::Store store{
        services::StoreOptions{.keep_pods = needs.pods,
                               .needs_namespaces = source_of(config.start) != Source::api ||
                                                   !config.start.dns.listen.empty(),
                               .pod_details = needs.pod_details,
                               .keep_imports = needs.imports,
                               .needs_node = config.start.rules.mode != conf::RulesMode::off,
                               .selections = needs.selections},
        clock};
    services::Gate gate{config.start.rules.mode != conf::RulesMode::off,
                        config.start.rules.publish_wait, clock};
    NamesLatency latency{registry, clock};
    std::unique_ptr<net::Timer> gate_timer = loop.timer([this] { tick_gate(); });
    std::unique_ptr<net::Timer> sweep_timer = loop.timer([this] { sweep(); });
    std::unique_ptr<net::Timer> node_timer = loop.timer([this] { rules.refresh_node(); });
    RulesPart rules{
        config.start.rules, local_node_name(config.start.node), registry, clock,
        [this](std::uint64_t version) { loop.post([this, version] { rules_applied(version); }); }};
    ProxyPart proxy{config.start, local_node_name(config.start.node), rules, registry, clock};
    std::unique_ptr<SourcePart> source;
    std::vector<server::ListenAt> listening;  // as the layout of the chains numbers them
    const std::shared_ptr<acme::Challenges> challenges = std::make_shared<acme::Challenges>();
    acme::Orders orders{challenges, registry};
    std::vector<conf::AcmeConfig> acme;
    Certificates certificates{loop, registry, [this] { use_terms(); }};
    Heirlooms heirlooms;
    std::optional<Published<chain::Chains>> chains;
    std::optional<chain::Profile> profile;
    std::unique_ptr<server::Server> server;
    std::unique_ptr<Admin> admin;
    std::unique_ptr<ProxyPages> proxy_pages;
    HealthCheck health_check{loop, registry, clock};
    std::uint64_t overtaken_logged = 0;
    /// In kube-proxy's place, and with its file: who starts us again reads the new one.
    bool ends_to_change = false;
    int exit_code = exit_ok;
    bool ready_logged = false;
    ConfigWatch watch{loop, overrides, [this] { reload(); }};
    metrics::Gauge* version_info = nullptr;  // coredns_reload_version_info
    std::unique_ptr<net::Timer> lameduck_timer = loop.timer([this] { loop.stop(); });
    std::atomic<bool> is_lameduck{false};
    /// Number of the snapshot with the first whole list; 0: there is none yet.
    std::atomic<std::uint64_t> listed_version{0};
    std::atomic<bool> was_ready{false};
    std::atomic<bool> ready_continuously;  // as the configuration has it

    Parts(conf::Config wanted, Overrides given)
        : config{std::move(wanted)}, overrides{std::move(given)},
          ready_continuously{config.runtime.ready_continuously} {}

    // The configuration that is in use was read from `sources`.
    void use_sources(const std::string& sources) {
        watch.saw(sources);
        watch.set(ends_to_change ? look_at_kube_proxy_file : config.runtime.reload);
        if (version_info != nullptr) version_info->set(0);
        version_info = &registry.gauge("coredns_reload_version_info",
                                       "A metric with a constant '1' value labeled by hash, and "
                                       "value, which is the hash of the configuration.",
                                       {{"hash", "sha512"}, {"value", fingerprint(sources)}});
        version_info->set(1);
    }

    // From the source to names and rules.

    void take(services::Event event) {
        if (const Status taken = store.apply(std::move(event)); !taken) {
            counts.refused.add_shared();
            NP_LOG_WARNING("services.refused", "error", taken.error());
        }
    }

    Status make_source() {
        auto made =
            agent::make_source({.config = config,
                                .loop = loop,
                                .metrics = registry,
                                .clock = clock,
                                .store = store,
                                .sink = [this](services::Event event) { take(std::move(event)); },
                                .settled = [this] { settled(); }});
        if (!made) return std::move(made).error();
        source = std::move(made).value();
        return {};
    }

    void settled() {
        if (store.changed()) publish();
        note_listed();
    }

    // Readiness waits for the rules of the first whole list, also when that changed nothing.
    void note_listed() {
        if (listed_version.load(std::memory_order_relaxed) != 0 || !source->listed()) return;
        listed_version.store(store.snapshot()->version(), std::memory_order_release);
        gate_moved();
    }

    void publish() {
        source->store_changed();
        const std::shared_ptr<const services::Snapshot> snapshot = store.snapshot();
        counts.services.set(static_cast<double>(snapshot->service_count()));
        counts.endpoints.set(static_cast<double>(snapshot->endpoint_count()));
        counts.version.set(static_cast<double>(snapshot->version()));
        gate.offer(snapshot);
        rules.offer(snapshot);
        proxy.newest(*snapshot);
        gate_moved();
        NP_LOG_DEBUG("services.changed", "version", snapshot->version(), "services",
                     snapshot->service_count(), "endpoints", snapshot->endpoint_count());
    }

    void rules_applied(std::uint64_t version) {
        gate.applied(version);
        gate_moved();
    }

    void tick_gate() {
        gate.tick();
        gate_moved();
    }

    // After everything that may have let a snapshot through the gate.
    void gate_moved() {
        if (gate.held()) {
            gate_timer->start(gate_tick, gate_tick);
        } else {
            gate_timer->stop();
        }
        if (const std::uint64_t overtaken = gate.overtaken(); overtaken != overtaken_logged) {
            counts.overtaken.add_shared(overtaken - overtaken_logged);
            overtaken_logged = overtaken;
            const auto health = rules.health();
            NP_LOG_WARNING("names.overtaken", "waited_ms", config.start.rules.publish_wait.count(),
                           "rules_error", health ? health->last_error : std::string{});
        }
        const std::shared_ptr<const services::Snapshot> shown = gate.published().newest();
        const services::ServiceView view{*shown};
        proxy.shown(shown);
        latency.shown(shown, listed_version.load(std::memory_order_relaxed) != 0);
        counts.published.set(static_cast<double>(view.version()));
        if (rules_in() && !std::exchange(ready_logged, true)) {
            NP_LOG_INFO("agent.ready", "version", view.version());
        }
    }

    void sweep() {
        gate.sweep();
        store.sweep();
        if (chains) chains->sweep();
        if (server) server->sweep();
    }

    // Names.

    /// What a configuration comes to, before anything of it is used.
    struct Built {
        Listeners listeners;
        Certificates::All certificates;
        std::vector<conf::AcmeConfig> acme;
        std::shared_ptr<const chain::Chains> chains;
    };

    Result<Built> build(const conf::RuntimeConfig& runtime) {
        const rules::NodeFacts machine =
            rules::facts_of_this_machine(local_node_name(config.start.node));
        Result<Listeners> listeners = listeners_of(
            config.start.dns, runtime.servers, machine.addresses, chains ? &listening : nullptr);
        if (!listeners) return std::move(listeners).error();
        Result<Certificates::All> proofs = certificates.prepare(*listeners);
        if (!proofs) return std::move(proofs).error();
        Result<std::vector<conf::AcmeConfig>> wanted = acme_of(runtime.servers);
        if (!wanted) return std::move(wanted).error();
        std::vector<IpAddress> bound_to;
        for (const server::ListenAt& each : listeners->addresses) {
            bound_to.push_back(each.address.address);
        }
        const std::vector<IpAddress> own = own_addresses(machine, bound_to);
        Setup setup{.zones = {},
                    .workers = workers,
                    .metrics = registry,
                    .own_addresses = own,
                    .headless_elsewhere = config.start.api.headless_forward,
                    .selections = &needs.selections,
                    .background = &background,
                    .line_log = &line_log,
                    .services_synced = [this] { return names_synced(); },
                    .heirlooms = &heirlooms};
        if (!wanted->empty()) setup.first = [this] { return acme::answering(challenges); };
        auto made = chain::Chains::build(runtime.servers, setup, listeners->layout);
        if (!made) return std::move(made).error();
        return Built{std::move(listeners).value(), std::move(proofs).value(),
                     std::move(wanted).value(), std::move(made).value()};
    }

    void use(Built built) {
        built.chains->announce(chains ? chains->newest().get() : nullptr);
        if (chains) {
            chains->publish(std::move(built.chains));
        } else {
            chains.emplace(std::move(built.chains));
        }
        listening = built.listeners.addresses;
        certificates.adopt(std::move(built.certificates), built.listeners);
        use_terms();
        acme = std::move(built.acme);
        if (server) orders.use(acme);
    }

    void use_terms() {
        if (server) server->use(certificates.terms());
    }

    Status bind_names() {
        Result<Built> built = build(config.runtime);
        if (!built) return std::move(built).error();
        use(std::move(built).value());
        const conf::DnsConfig& dns = config.start.dns;
        if (listening.empty()) return {};
        server::ServerOptions options{.listen = listening,
                                      .workers = workers,
                                      .udp_size_max = dns.udp_size_max,
                                      .terms = certificates.terms(),
                                      .tcp_connections_max =
                                          connections_allowed(dns.tcp_connections_max),
                                      .share_ports = overrides.share_ports};
        if (!config.start.admin.pprof.empty()) options.profile = &profile.emplace(workers);
        auto bound = server::Server::bind(std::move(options), *chains, gate.published(), registry);
        if (!bound) return std::move(bound).error();
        server = std::move(bound).value();
        return {};
    }

    void reload() {
        Result<Reload> next = prepare_reload(config, needs, overrides);
        if (!next && next.error().code == Errc::conflict && ends_to_change) {
            NP_LOG_INFO("reload.restart", "config", config_name(overrides), "reason", next.error());
            exit_code = exit_failed;
            return stop("the configuration changed");
        }
        if (!next) return reload_refused(next.error());
        Result<Built> built = build(next->runtime);
        if (!built) return reload_refused(noted(built.error()));
        use(std::move(built).value());
        log::set_level(next->runtime.log_level);
        config.runtime = std::move(next->runtime);
        ready_continuously = config.runtime.ready_continuously;
        use_sources(next->sources);
        counts.reloads_done.add_shared();
        NP_LOG_INFO("reload.done", "config", config_name(overrides));
    }

    // Mistakes are logged one by one, like all problems of a file.
    static Error noted(const Error& error) {
        if (error.code != Errc::mistakes) return error;
        const std::vector<std::string> lines = lines_of(error.text);
        for (const std::string& line : lines) NP_LOG_ERROR("config.problem", "problem", line);
        return {Errc::invalid, std::to_string(lines.size()) + " problems in the configuration"};
    }

    void reload_refused(const Error& why) {
        counts.reloads_refused.add_shared();
        counts.reloads_failed.add_shared();
        NP_LOG_ERROR("reload.refused", "config", config_name(overrides), "error", why);
    }

    // What the admin pages say; any thread.

    bool names_synced() const { return services::ServiceView{*gate.published().newest()}.synced(); }

    // Whether names are answered from the first whole list, and hence its rules were written or
    // waited for long enough.
    bool rules_in() const {
        const std::uint64_t listed = listed_version.load(std::memory_order_acquire);
        return listed != 0 && services::ServiceView{*gate.published().newest()}.version() >= listed;
    }

    Readiness readiness() {
        Readiness all;
        if (is_lameduck) all.not_ready.emplace_back("lameduck");
        for (const std::string_view name : chains->newest()->not_ready(ready_continuously)) {
            all.not_ready.emplace_back(name);
        }
        Readiness of_source = source->readiness(rules_in(), was_ready);
        for (std::string& name : of_source.not_ready) {
            const auto known = std::ranges::find(all.not_ready, name);
            if (known == all.not_ready.end()) all.not_ready.push_back(std::move(name));
        }
        all.remarks = std::move(of_source.remarks);
        if (all.not_ready.empty()) was_ready = true;
        const std::optional<rules::SyncHealth> health = rules.health();
        if (health && health->failing) all.remarks.push_back("rules: " + failure_of(*health));
        return all;
    }

    std::string failure_of(const rules::SyncHealth& health) const {
        if (health.applied_version == 0) return "never applied, last error: " + health.last_error;
        const auto age =
            std::chrono::duration_cast<std::chrono::seconds>(clock.now() - health.last_success);
        return "last applied " + std::to_string(age.count()) +
               " s ago, last error: " + health.last_error;
    }

    std::string metrics_page() const { return metrics_text(all_families()); }

    // What kube-proxy would show, and all the rest.
    std::string proxy_metrics_page() const {
        std::vector<metrics::FamilyReading> families = all_families();
        add_proxy_metrics(families, proxy.mode());
        return metrics_text(families);
    }

    std::vector<metrics::FamilyReading> all_families() const {
        std::vector<metrics::FamilyReading> families = registry.read();
        std::vector<metrics::FamilyReading> process = process_metrics();
        std::move(process.begin(), process.end(), std::back_inserter(families));
        if (overrides.setup_errors != nullptr) families.push_back(overrides.setup_errors->read());
        return families;
    }

    std::string stages_page() const {
        return profile ? profile->text() : std::string{"No names are served here.\n"};
    }

    // The run.

    void start_health_check() {
        if (config.start.admin.health.empty()) return;
        const IpAddress address = config.start.admin.health.front().address;
        for (const auto& [page, port] : admin->ports()) {
            if (page == "health") return health_check.start({address, port});
        }
    }

    // A second signal ends the lameduck.
    void stop(const char* reason) {
        NP_LOG_INFO("agent.stopping", "reason", reason);
        const milliseconds wait = config.runtime.lameduck;
        if (wait.count() == 0 || is_lameduck.exchange(true)) return loop.stop();
        NP_LOG_INFO("agent.lameduck", "ms", wait.count());
        lameduck_timer->start(wait);
    }

    void shut_down() {
        health_check.stop();
        if (admin) admin.reset();
        proxy_pages.reset();
        if (server) server->drain(drain_grace);
        source->stop();
        rules.stop();
        gate_timer->stop();
        sweep_timer->stop();
        node_timer->stop();
        watch.stop();
        certificates.stop();
        lameduck_timer->stop();
        NP_LOG_INFO("agent.stopped");
    }
};

Agent::Agent(std::unique_ptr<Parts> parts) : parts_{std::move(parts)} {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::make(conf::Compiled settings, Overrides overrides) {
    auto parts = std::make_unique<Parts>(std::move(settings.config), std::move(overrides));
    parts->ends_to_change = is_kube_proxy_file(settings.sources);
    parts->use_sources(settings.sources);
    if (Status made = parts->make_source(); !made) return std::move(made).error();
    if (Status bound = parts->bind_names(); !bound) return std::move(bound).error();
    AdminPages pages{.ready = [all = parts.get()] { return all->readiness(); },
                     .metrics = [all = parts.get()] { return all->metrics_page(); },
                     .stages = [all = parts.get()] { return all->stages_page(); },
                     .more_metrics = parts->overrides.more_metrics};
    auto admin = Admin::bind(parts->config.start.admin, std::move(pages));
    if (!admin) return std::move(admin).error();
    parts->admin = std::move(admin).value();
    auto proxy_pages =
        ProxyPages::bind(parts->config.start.admin,
                         {.healthz = [all = parts.get()] { return all->proxy.healthz(); },
                          .livez = [all = parts.get()] { return all->proxy.livez(); },
                          .mode = [all = parts.get()] { return all->proxy.mode(); },
                          .metrics = [all = parts.get()] { return all->proxy_metrics_page(); }});
    if (!proxy_pages) return std::move(proxy_pages).error();
    parts->proxy_pages = std::move(proxy_pages).value();
    return std::unique_ptr<Agent>{new Agent{std::move(parts)}};
}

Status Agent::start() {
    Parts& all = *parts_;
    all.loop.on_signal(SIGTERM, [&all] { all.stop("SIGTERM"); });
    all.loop.on_signal(SIGINT, [&all] { all.stop("SIGINT"); });
    for (const int signal : {SIGHUP, SIGUSR1}) all.loop.on_signal(signal, [&all] { all.reload(); });
    if (Status read = all.source->start(); !read) return read;
    if (all.server) {
        all.server->start();
        all.orders.use(all.acme);
    }
    all.admin->start();
    all.proxy_pages->start();
    all.start_health_check();
    all.sweep_timer->start(sweep_every, sweep_every);
    if (all.rules.enabled()) all.node_timer->start(node_refresh_every, node_refresh_every);
    return {};
}

int Agent::run() {
    parts_->loop.run();
    parts_->shut_down();
    return parts_->exit_code;
}

std::vector<std::pair<std::string, std::uint16_t>> Agent::ports() const {
    std::vector<std::pair<std::string, std::uint16_t>> ports;
    if (parts_->server) {
        using enum server::Protocol;
        for (const auto& [name, protocol] :
             {std::pair{"dns", dns}, {"tls", tls}, {"https", https}}) {
            const std::uint16_t port = parts_->server->port(protocol);
            if (port != 0) ports.emplace_back(name, port);
        }
    }
    for (auto& page : parts_->admin->ports()) ports.push_back(std::move(page));
    for (auto& page : parts_->proxy_pages->ports()) ports.push_back(std::move(page));
    return ports;
}

}  // namespace nameplane::agent
