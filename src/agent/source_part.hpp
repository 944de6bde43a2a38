#pragma once
// source_part: where the agent's objects come from, manifests or the Kubernetes API, seen from the
// agent: something that starts, emits events, and says how it is doing.

#include "agent/admin.hpp"
#include "conf/config.hpp"
#include "net/loop.hpp"
#include "services/event.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>

#include <functional>
#include <memory>

namespace nameplane::services {
class Store;
}

namespace nameplane::agent {

/// Control thread only, but for listed() and readiness().
class SourcePart {
public:
    virtual ~SourcePart() = default;

    /// Begins. What is there at once (manifests, the last state) has been emitted on return. An
    /// error ends the agent.
    virtual Status start() = 0;
    /// Whether a whole list of everything has come from where the objects live. Any thread.
    virtual bool listed() const = 0;
    /// The same, and what the server need not have was listed or refused, too. Any thread.
    virtual bool answered() const { return listed(); }
    /// What /ready says of it. `rules_in`: the rules of the first list are in the kernel, or were
    /// waited for long enough; `was_ready`: it was ready before, which it stays. Any thread.
    virtual Readiness readiness(bool rules_in, bool was_ready) const = 0;
    /// The store holds something that it did not hold before.
    virtual void store_changed() {}
    /// The agent leaves in order.
    virtual void stop() {}
};

/// What a source works with; all of it outlives the source.
struct SourceSetup {
    const conf::Config& config;
    net::Loop& loop;
    metrics::Registry& metrics;
    const Clock& clock;
    const services::Store& store;
    std::function<void(services::Event)> sink;
    /// A batch of events is over: now is the time for a snapshot.
    std::function<void()> settled;
};

/// The source that the configuration names. What is wrong with its files (a kubeconfig, say) is
/// Errc::invalid.
Result<std::unique_ptr<SourcePart>> make_source(SourceSetup setup);

/// The two kinds there are.
std::unique_ptr<SourcePart> make_manifest_source(SourceSetup setup);
Result<std::unique_ptr<SourcePart>> make_api_source(SourceSetup setup);

}  // namespace nameplane::agent
