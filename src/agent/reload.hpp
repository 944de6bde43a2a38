#pragma once
// reload: a new configuration beside the running one. All checks are made here; the agent swaps
// what comes back, or keeps what it has.

#include "agent/settings.hpp"
#include "agent/store_needs.hpp"
#include <nameplane/base/result.hpp>

namespace nameplane::agent {

/// What comes in for what is running, and what it was read from.
struct Reload {
    conf::RuntimeConfig runtime;
    std::string sources;
};

/// What may be swapped in for `running`, whose store keeps what `kept` says. Problems of the file
/// are logged one by one; the error says in one sentence why there is nothing to swap: the file is
/// wrong, or (Errc::conflict) names of options differ that need a restart.
Result<Reload> prepare_reload(const conf::Config& running, const StoreNeeds& kept,
                              const Overrides& overrides);

}  // namespace nameplane::agent
