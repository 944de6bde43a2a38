#pragma once
// ApiSource: the objects of a cluster from its API server, as events. Lists and watches each kind
// (reflector.hpp), never empties anything when the server is away, and knows how old what it told
// is.

#include "kube/api.hpp"
#include "net/loop.hpp"
#include "services/event.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::kube {

struct ApiSourceOptions {
    std::string node_name;        ///< the only Node to watch; empty: none
    bool namespaces = true;       ///< false: only rules are made, which need none
    bool pods = false;            ///< Pods are needed by `pods verified` only
    bool imports = false;         ///< ServiceImports are needed by `multicluster` only
    bool service_cidrs = false;   ///< ServiceCIDRs are needed by rules of nftables only
    bool headless_slices = true;  ///< false: slices of headless Services are not sent to us
    /// False: nor what is_for_another_proxy(), Services and slices.
    bool foreign_proxy = true;
    /// Ask for a streaming list first (sendInitialEvents); pages are the way out.
    bool stream_lists = true;
    /// The sink knows objects from an earlier life, which an old list would take back.
    bool known_before = false;
};

/// How one kind is doing. Safe to copy to other threads.
struct KindHealth {
    services::Kind kind = services::Kind::service;
    bool listed = false;   ///< a whole list has been seen
    bool current = false;  ///< listed, and watched at this moment
    /// The server need not have this kind: nobody waits for it.
    bool optional = false;
    /// When the server last said something about it; not set: never.
    std::optional<Monotonic> last_heard;
    std::string error;  ///< why it is not current; empty if nothing went wrong
};

/// Control thread only, but for health().
class ApiSource {
public:
    using Sink = std::function<void(services::Event)>;
    /// `settled` is called after each batch of events: now is the time for a snapshot. While a
    /// kind is listed for the first time, once at the end of the list. `random` gives numbers from
    /// 0 to below 1, for the jitter of retries; empty: the machine's.
    ApiSource(ApiSourceOptions options, Api& api, net::Loop& loop, metrics::Registry& metrics,
              const Clock& clock, Sink sink, std::function<void()> settled,
              std::function<double()> random = {});
    ~ApiSource();

    /// Begins to list and watch; returns at once.
    void start();
    /// One entry a kind. From any thread.
    std::vector<KindHealth> health() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::kube
