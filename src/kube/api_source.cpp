#include "kube/api_source.hpp"

#include "kube/reflector.hpp"
#include "kube/source.hpp"
#include <nameplane/base/log.hpp>

#include <array>
#include <mutex>
#include <random>
#include <set>
#include <utility>

namespace nameplane::kube {
namespace {

using services::Kind;

/// Objects that were refused and not yet read, so that each is reported once. Beyond the limit they
/// are counted only.
class RefusedObjects {
public:
    /// Whether it is worth a report.
    bool add(const services::ObjectKey& key) {
        if (keys_.size() >= keys_max) return false;
        return keys_.insert(key).second;
    }
    /// Whether it was among them.
    bool forget(const services::ObjectKey& key) { return keys_.erase(key) > 0; }

private:
    static constexpr std::size_t keys_max = 1000;
    std::set<services::ObjectKey> keys_;
};

/// Kinds that a server need not have.
bool is_optional(Kind kind) noexcept {
    return kind == Kind::service_import || kind == Kind::service_cidr;
}

/// What is not so while an optional kind cannot be listed.
std::string_view effect_without(Kind kind) noexcept {
    return kind == Kind::service_cidr
               ? "packets to service addresses that no Service has go on, as with iptables"
               : "the rest goes on";
}

/// How all kinds are doing, for other threads.
class Healths {
public:
    std::size_t add(Kind kind) {
        const std::lock_guard lock{mutex_};
        healths_.push_back({.kind = kind, .optional = is_optional(kind)});
        return healths_.size() - 1;
    }
    template <class F> void change(std::size_t index, F change) {
        const std::lock_guard lock{mutex_};
        change(healths_[index]);
    }
    std::vector<KindHealth> all() const {
        const std::lock_guard lock{mutex_};
        return healths_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<KindHealth> healths_;
};

/// What the parts of one source share.
struct Shared {
    const Clock& clock;
    metrics::Registry& metrics;
    ApiSource::Sink sink;
    std::function<void()> settled;
    Healths healths;
    ApiDecoder decoder;
};

/// Hears what one reflector says: passes events on, logs, counts, keeps its health.
class KindPart final : public ReflectorListener {
public:
    KindPart(Kind kind, Shared& shared)
        : kind_{kind}, shared_{shared}, health_{shared.healths.add(kind)} {
        for (const auto type : {ApiEventType::added, ApiEventType::modified, ApiEventType::deleted,
                                ApiEventType::bookmark, ApiEventType::error})
            events_[static_cast<std::size_t>(type)] = &counter(
                "nameplane_api_events_total", "Events of watches.", "event", to_string(type));
    }

    void bound(services::Event event) override { shared_.sink(std::move(event)); }
    void put(ApiObject object) override;
    void refused(const ApiObject& object) override;
    void settled() override { shared_.settled(); }
    void heard() override;
    void counted(ApiEventType type) override {
        events_[static_cast<std::size_t>(type)]->add_shared();
    }
    void listed(const ListReport& report) override;
    void relisting(RelistReason reason, const std::string& error) override;
    void watch_restarted() override { watch_restarts_.add_shared(); }
    void watching() override;
    void trouble(const std::string& error) override;

private:
    metrics::Counter& counter(std::string_view name, std::string_view help, std::string label,
                              std::string_view value) {
        return shared_.metrics.counter(
            name, help, {{"kind", kind_text()}, {std::move(label), std::string{value}}});
    }
    std::string kind_text() const { return std::string{services::to_string(kind_)}; }
    void not_current(const std::string& error);

    static constexpr std::size_t told_max = 8;

    Kind kind_;
    Shared& shared_;
    std::size_t health_;
    RefusedObjects refused_;
    bool listed_ = false;
    std::optional<Monotonic> trouble_since_;
    std::set<std::string> told_;                 // errors of the trouble that were logged
    std::array<metrics::Counter*, 5> events_{};  ///< by ApiEventType
    metrics::Counter& watch_restarts_ =
        shared_.metrics.counter("nameplane_api_watch_restarts_total",
                                "Watches that were begun again.", {{"kind", kind_text()}});
    metrics::Counter& objects_refused_ = shared_.metrics.counter(
        "nameplane_api_objects_refused_total", "Objects of the API that could not be read.",
        {{"kind", kind_text()}});
    metrics::Histogram& list_seconds_ = shared_.metrics.histogram(
        "nameplane_api_list_duration_seconds", "From asking for a list to its end.",
        {0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300}, {{"kind", kind_text()}});
};

void KindPart::put(ApiObject object) {
    const bool was_refused = refused_.forget(object.key);
    if (was_refused && !std::holds_alternative<services::Remove>(*object.put))
        NP_LOG_INFO("api.accepted_object", "object", to_string(ObjectId{kind_, object.key}));
    shared_.sink(std::move(*object.put));
}

void KindPart::refused(const ApiObject& object) {
    objects_refused_.add_shared();
    if (!refused_.add(object.key)) return;
    NP_LOG_WARNING("api.refused_object", "object", to_string(ObjectId{kind_, object.key}), "reason",
                   object.reason);
}

void KindPart::heard() {
    const Monotonic now = shared_.clock.now();
    shared_.healths.change(health_, [&](KindHealth& health) { health.last_heard = now; });
}

void KindPart::listed(const ListReport& report) {
    listed_ = true;
    shared_.healths.change(health_, [](KindHealth& health) { health.listed = true; });
    list_seconds_.observe(0, report.took.count());
    NP_LOG_INFO("api.listed", "kind", services::to_string(kind_), "objects", report.objects,
                "refused", report.refused, "how", to_string(report.how), "seconds",
                report.took.count());
}

void KindPart::not_current(const std::string& error) {
    shared_.healths.change(health_, [&](KindHealth& health) {
        health.current = false;
        health.error = error;
    });
}

void KindPart::relisting(RelistReason reason, const std::string& error) {
    counter("nameplane_api_relists_total", "Lists that were made again.", "reason",
            to_string(reason))
        .add_shared();
    NP_LOG_INFO("api.relist", "kind", services::to_string(kind_), "reason", to_string(reason),
                "error", error);
    not_current(error);
}

void KindPart::watching() {
    shared_.healths.change(health_, [](KindHealth& health) {
        health.current = true;
        health.error.clear();
    });
    if (!trouble_since_) return;
    const std::chrono::duration<double> lasted = shared_.clock.now() - *trouble_since_;
    trouble_since_.reset();
    told_.clear();
    NP_LOG_INFO("api.recovered", "kind", services::to_string(kind_), "after_seconds",
                lasted.count());
}

void KindPart::trouble(const std::string& error) {
    not_current(error);
    // One trouble may turn into another: no connection, then a token that is no good any more.
    if (told_.size() >= told_max || !told_.insert(error).second) return;
    if (!trouble_since_) trouble_since_ = shared_.clock.now();
    if (listed_)
        NP_LOG_WARNING("api.watch_lost", "kind", services::to_string(kind_), "error", error);
    else if (is_optional(kind_))
        NP_LOG_WARNING("api.optional_list_failed", "kind", services::to_string(kind_), "error",
                       error, "effect", effect_without(kind_));
    else
        NP_LOG_WARNING("api.list_failed", "kind", services::to_string(kind_), "error", error);
}

struct Resource {
    std::string path;
    std::string name;
};

Resource resource_of(Kind kind) {
    switch (kind) {
    case Kind::service: return {"/api/v1/services", "services"};
    case Kind::endpoint_slice:
        return {"/apis/discovery.k8s.io/v1/endpointslices", "endpointslices"};
    case Kind::pod: return {"/api/v1/pods", "pods"};
    case Kind::node: return {"/api/v1/nodes", "nodes"};
    case Kind::namespace_: return {"/api/v1/namespaces", "namespaces"};
    case Kind::service_import:
        return {"/apis/multicluster.x-k8s.io/v1alpha1/serviceimports", "serviceimports"};
    case Kind::service_cidr: return {"/apis/networking.k8s.io/v1/servicecidrs", "servicecidrs"};
    }
    return {};
}

/// What is not needed is not sent, as kube-proxy asks for it.
std::string selectors_of(Kind kind, const ApiSourceOptions& options) {
    constexpr std::string_view headless = "!service.kubernetes.io/headless";
    constexpr std::string_view ours =
        "!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless";
    const auto labels = [](std::string_view text) { return "labelSelector=" + escaped(text); };
    switch (kind) {
    case Kind::service: return options.foreign_proxy ? std::string{} : labels(ours);
    case Kind::endpoint_slice:
        if (!options.foreign_proxy) return labels(ours);
        return options.headless_slices ? std::string{} : labels(headless);
    case Kind::pod:
        return "fieldSelector=" + escaped("status.phase!=Succeeded,status.phase!=Failed");
    case Kind::node: return "fieldSelector=" + escaped("metadata.name=" + options.node_name);
    case Kind::namespace_:
    case Kind::service_import:
    case Kind::service_cidr: break;
    }
    return {};
}

std::function<double()> machine_random() {
    return [engine = std::mt19937_64{std::random_device{}()}]() mutable {
        return std::uniform_real_distribution<double>{}(engine);
    };
}

}  // namespace

struct ApiSource::State {
    State(const Clock& clock, metrics::Registry& metrics, Sink sink, std::function<void()> settled)
        : shared{.clock = clock,
                 .metrics = metrics,
                 .sink = std::move(sink),
                 .settled = std::move(settled)} {}

    struct Watched {
        std::unique_ptr<KindPart> part;
        std::unique_ptr<Reflector> reflector;  // goes before the part it tells
    };
    Shared shared;
    std::vector<Watched> kinds;
};

ApiSource::ApiSource(ApiSourceOptions options, Api& api, net::Loop& loop,
                     metrics::Registry& metrics, const Clock& clock, Sink sink,
                     std::function<void()> settled, std::function<double()> random)
    : state_{std::make_unique<State>(clock, metrics, std::move(sink), std::move(settled))} {
    // One sequence for all: copies of a generator would jump in step.
    const auto numbers =
        std::make_shared<std::function<double()>>(random ? std::move(random) : machine_random());
    const auto next_number = [numbers] { return (*numbers)(); };
    std::vector<Kind> kinds{Kind::service, Kind::endpoint_slice};
    if (options.namespaces) kinds.insert(kinds.begin(), Kind::namespace_);
    if (!options.node_name.empty()) kinds.push_back(Kind::node);
    if (options.pods) kinds.push_back(Kind::pod);
    if (options.imports) kinds.push_back(Kind::service_import);
    if (options.service_cidrs) kinds.push_back(Kind::service_cidr);
    const auto make_timer = [&loop](std::function<void()> fire) {
        return loop.timer(std::move(fire));
    };
    for (const Kind kind : kinds) {
        Resource resource = resource_of(kind);
        ReflectorOptions of_kind{.kind = kind,
                                 .path = std::move(resource.path),
                                 .resource = std::move(resource.name),
                                 .selectors = selectors_of(kind, options),
                                 .stream_lists = options.stream_lists,
                                 .known_before = options.known_before};
        // A server learns of these by an upgrade only.
        if (kind == Kind::service_cidr) of_kind.absent_pause = std::chrono::minutes{5};
        auto part = std::make_unique<KindPart>(kind, state_->shared);
        auto reflector = std::make_unique<Reflector>(
            std::move(of_kind), api, state_->shared.decoder, make_timer, clock, next_number, *part);
        state_->kinds.push_back({std::move(part), std::move(reflector)});
    }
}

ApiSource::~ApiSource() = default;

void ApiSource::start() {
    for (auto& kind : state_->kinds) kind.reflector->start();
}

std::vector<KindHealth> ApiSource::health() const {
    return state_->shared.healths.all();
}

}  // namespace nameplane::kube
