#pragma once
// Store: the one cache. A single writer (the control thread) applies events and publishes immutable
// snapshots that the DNS workers and the rule thread share.

#include "services/contents.hpp"
#include "services/event.hpp"
#include "services/selections.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>

#include <memory>

namespace nameplane::services {

/// What the store keeps besides Services, EndpointSlices and Namespaces.
struct StoreOptions {
    bool keep_pods = false;                ///< Pods are needed by `pods verified` only
    bool needs_namespaces = true;          ///< not synced before Namespaces have been listed
    bool pod_details = false;              ///< their names and labels, by metadata
    bool keep_imports = false;             ///< ServiceImports, by `multicluster`
    bool needs_node = false;               ///< not synced before Nodes have been listed, too
    std::size_t services_max = 1'000'000;  ///< further Services are refused
    Selections selections = {};            ///< by which objects are judged
};

/// Control thread only. Should outlive the snapshots it made: they are freed here, on this thread.
class Store {
public:
    explicit Store(StoreOptions options, const Clock& clock);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// Applies one event; equal to what we have: nothing happens. Objects that break a limit
    /// (limits.hpp: names longer than 253 octets, no name ...) are refused with their name and
    /// change nothing; a list that names them keeps what was known of them. So is the end of a list
    /// that did not begin.
    Status apply(Event event);
    /// Whether anything changed since the last snapshot(); also true if it was changed back.
    bool changed() const noexcept;
    /// A snapshot of everything applied so far; the same object as before if nothing changed.
    /// Frees older ones that nobody else holds.
    std::shared_ptr<const Snapshot> snapshot();
    /// Frees snapshots that nobody else holds, here and not where the last holder runs.
    void sweep();
    /// Everything held at this moment, shared with it and not copied: for who saves it.
    Contents contents() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::services
