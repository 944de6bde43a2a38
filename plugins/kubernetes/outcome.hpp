#pragma once
// outcome: what happens to a query once a plugin that speaks of Services has decided it: counted by
// result, or finished by those behind. For kubernetes and k8s_external.

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

/// Puts `reply`, which ends at a CNAME, aside for `plugin` and asks those behind for `target`: a
/// client's resolver follows no CNAME itself, it needs the address in the same answer. Without
/// memory for it the reply stays as it is.
Step ask_behind(const Plugin* plugin, dns::NameView target, Query& query, Reply& reply) noexcept;

/// The way back, in the plugin's tell(): puts what those behind know behind what was put aside, if
/// anything was.
Step finish_behind(const Plugin* plugin, Query& query, Reply& reply) noexcept;

}  // namespace nameplane::plugins::kubernetes
