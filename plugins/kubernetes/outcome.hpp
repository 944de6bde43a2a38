#pragma once
// outcome: what happens to a query once a plugin that speaks of Services has decided it: counted by
// result, or finished by what the server knows of a name outside. For kubernetes and k8s_external.

#include "plugins/kubernetes/answer.hpp"
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

/// The end of an ask() of `plugin` that has given what there is. A reply without answers gets the
/// SOA. Where it ends at a CNAME that leads outside, the whole server is asked for that, and what
/// it says is added: a client's resolver follows no CNAME itself, it needs the address in the same
/// answer. Without memory for it the reply stays as it is.
Step finish(const Plugin* plugin, Answer& answer, const Outcomes& outcomes, Query& query,
            Reply& reply) noexcept;

/// The plugin's woken(), when that had to wait.
Step add_outside(const Plugin* plugin, Query& query, Reply& reply) noexcept;

}  // namespace nameplane::plugins::kubernetes
