// hot path
#include "plugins/trace/trace.hpp"

#include <new>

namespace nameplane::plugins {

using tracing::Recording;
using tracing::Walk;

Step Trace::ask(Query& query, Reply&) const noexcept {
    Local& local = locals_.at(query.worker());
    if (++local.count == how_.every) [[unlikely]] {
        local.count = 0;
        record(query, local);
    }
    return Step::next;
}

void Trace::record(Query& query, Local& local) const noexcept {
    // One that is looked up for a query that is traced belongs to that.
    if (sink_ == nullptr || query.watch() != nullptr) return;
    void* const memory = query.arena().allocate(sizeof(Walk), alignof(Walk));
    auto* const recording = query.keep<Recording>(this);
    if (memory == nullptr || recording == nullptr) return;
    if (!recording->begin(query, how_.shares_spans, local.ids, *sink_)) return;
    query.watch_with(new (memory) Walk{*recording});
}

Step Trace::tell(Query& query, Reply& reply) const noexcept {
    if (query.watch() == nullptr) return Step::done;
    auto* const recording = query.kept<Recording>(this);
    if (recording == nullptr) return Step::done;
    query.watch_with(nullptr);
    recording->finish(reply.rcode, !reply.error.empty(), reply.error);
    return Step::done;
}

std::optional<std::string_view> Trace::metadata(Query& query,
                                                std::string_view label) const noexcept {
    if (label != "trace/traceid") return std::nullopt;
    auto* const recording = query.kept<Recording>(this);
    if (recording == nullptr || recording->id_text().empty()) return std::nullopt;
    return recording->id_text();
}

}  // namespace nameplane::plugins
