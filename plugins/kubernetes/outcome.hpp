#pragma once
// outcome: what happens to a query once a plugin that speaks of Services has decided it: counted by
// result, or finished by what the server knows of a name outside. For kubernetes and k8s_external.

#include <nameplane/base/metrics.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/query.hpp>
#include <nameplane/reply.hpp>

#include <string>

namespace nameplane::plugins::kubernetes {

/// Queries by result.
struct Outcomes {
    metrics::Counter* answers;
    metrics::Counter* no_data;
    metrics::Counter* name_errors;
    metrics::Counter* unsynced;
    metrics::Counter* fallen_through;

    /// A series of `name` for each result.
    static Outcomes make(metrics::Registry& registry, const std::string& name,
                         const std::string& help);
};

/// For `plugin`, whose reply ends at a CNAME to `target`: asks the whole server for it and adds
/// what it says. A client's resolver follows no CNAME itself, it needs the address in the same
/// answer. Without memory for it the reply stays as it is.
Step look_up_outside(const Plugin* plugin, dns::NameView target, Query& query,
                     Reply& reply) noexcept;

/// The plugin's woken(), when that had to wait.
Step add_outside(const Plugin* plugin, Query& query, Reply& reply) noexcept;

}  // namespace nameplane::plugins::kubernetes
