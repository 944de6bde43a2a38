#pragma once
// Manifests: Kubernetes objects from files (YAML, JSON, List) in place of an API server. Reads a
// file or folder, watches it by inotify, completes what a control plane would have filled in
// (complete.hpp) and turns changes into events. A broken document is reported and its last good
// state kept; the others go on.

#include "net/loop.hpp"
#include "services/event.hpp"
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/conf/options.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nameplane::kube {

struct ManifestOptions {
    std::string path;
    std::vector<Cidr> service_cidrs;  ///< at most one of each family
    Ports node_ports{30000, 32767};
    /// Remembers over restarts what Services were given, so that none moves when others come;
    /// empty: nothing is remembered (a hash of the name leads to the same address most of the
    /// time).
    std::string state_file;
};

/// Control thread only.
class ManifestSource {
public:
    using Sink = std::function<void(services::Event)>;
    /// `settled` is called after each batch of events: now is the time for a snapshot.
    ManifestSource(ManifestOptions options, net::Loop& loop, metrics::Registry& metrics, Sink sink,
                   std::function<void()> settled);
    ~ManifestSource();

    /// Reads everything once, emits whole lists, then watches. The error names the path if it
    /// cannot be read at all; broken documents are logged and counted, not returned.
    Status start();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Reads and completes once, without watching: for `render`. Problems with single documents come
/// back as "file:line: what, expected what".
struct ManifestReading {
    std::vector<services::Event> events;
    std::vector<std::string> problems;
    std::vector<std::string> choices;  ///< what was filled in: "Service ns/a: clusterIP 10.96.0.7"
};
Result<ManifestReading> read_manifests(const ManifestOptions& options);

}  // namespace nameplane::kube
