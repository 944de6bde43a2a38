#pragma once
// admin: /health, /ready, /metrics and /debug/pprof/ by HTTP, on threads of its own, so that probes
// are answered whatever the rest is doing.

#include "conf/config.hpp"
#include <nameplane/base/result.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::agent {

/// What /ready says.
struct Readiness {
    std::vector<std::string> not_ready;  ///< who is not; empty: ready
    std::vector<std::string> remarks;    ///< sentences about what is degraded or awaited
};

/// Where the pages come from; called on the admin's threads.
struct AdminPages {
    std::function<Readiness()> ready;
    std::function<std::string()> metrics;
    std::function<std::string()> stages;        ///< the time per stage
    std::optional<SocketAddress> more_metrics;  ///< also here, but not worth failing for
};

class Admin {
public:
    /// Binds every address; "bind 127.0.0.1:8080 for /health: ..." when one cannot be.
    static Result<std::unique_ptr<Admin>> bind(const conf::AdminConfig& config, AdminPages pages);
    /// Stops answering and joins the threads.
    ~Admin();

    void start();
    /// Page and bound port: {"health", 8080}; for port 0 the one that was free.
    std::vector<std::pair<std::string, std::uint16_t>> ports() const;

private:
    struct State;
    explicit Admin(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::agent
