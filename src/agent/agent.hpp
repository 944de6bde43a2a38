#pragma once
// agent: the parts of a running Nameplane and how they hang together. What a source says goes to
// the store, its snapshot to the rule thread and to the gate, and from there to the DNS workers.

#include "agent/command_line.hpp"
#include "agent/settings.hpp"
#include <nameplane/base/result.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::agent {

/// Control thread only: the one that made it.
class Agent {
public:
    /// Builds the parts top down and binds every socket; nothing runs yet. `overrides` are laid
    /// over the file again at each reload.
    static Result<std::unique_ptr<Agent>> make(conf::Compiled settings, Overrides overrides);
    ~Agent();

    /// Reads the manifests and starts everything, bottom up.
    Status start();
    /// Until SIGTERM or SIGINT: then goes on for the time of the lameduck, if there is one and the
    /// signal does not come again, drains, and stops everything in reverse. SIGHUP and SIGUSR1
    /// reload. In kube-proxy's place it ends by itself, too, when its file wants what takes a
    /// restart. Returns the exit code of the process.
    int run();
    /// What was bound: {"dns", 53}, {"health", 8080}, ...
    std::vector<std::pair<std::string, std::uint16_t>> ports() const;

private:
    struct Parts;
    explicit Agent(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace nameplane::agent
