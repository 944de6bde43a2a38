// hot path
#include "plugins/kubernetes/outcome.hpp"

namespace nameplane::plugins::kubernetes {

namespace {

/// What came of a look-up, in the query's arena.
struct Sought {
    const Reply* found = nullptr;
};

Step look_up_outside(const Plugin* plugin, dns::NameView target, Query& query,
                     Reply& reply) noexcept {
    Sought* const sought = query.keep<Sought>(plugin);
    if (sought == nullptr) return Step::done;
    if (!query.look_up(target, query.type(), sought->found)) return Step::wait;
    return add_outside(plugin, query, reply);
}

}  // namespace

Step finish(const Plugin* plugin, Answer& answer, const Outcomes& outcomes, Query& query,
            Reply& reply) noexcept {
    if (reply.answers().empty()) {
        answer.add_soa();
        outcomes.no_data->add(query.worker());
    } else {
        outcomes.answers->add(query.worker());
    }
    if (!answer.outside()) return Step::done;
    return look_up_outside(plugin, *answer.outside(), query, reply);
}

Step add_outside(const Plugin* plugin, Query& query, Reply& reply) noexcept {
    const Sought* const sought = query.kept<Sought>(plugin);
    if (sought == nullptr || sought->found == nullptr) return Step::done;
    for (const dns::Record& record : sought->found->answers().records()) reply.answer(record);
    reply.truncated = reply.truncated || sought->found->truncated;
    return Step::done;
}

}  // namespace nameplane::plugins::kubernetes
