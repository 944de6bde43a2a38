// hot path
#include "plugins/log/log.hpp"

#include <algorithm>

namespace nameplane::plugins {

Step Log::ask(Query& query, Reply&) const noexcept {
    const auto rule = std::ranges::find_if(
        rules_, [&](const Rule& candidate) { return query.name().is_under(candidate.zone); });
    if (rule == rules_.end()) return Step::next;
    if (Note* const note = query.keep<Note>(this)) {
        note->rule = &*rule;
        note->asked = {.name = query.name(),
                       .type = query.type(),
                       .klass = query.klass(),
                       .dnssec_ok = query.dnssec_ok(),
                       .recursion_desired = query.recursion_desired(),
                       .udp_size = query.udp_size(),
                       .at = std::chrono::steady_clock::now()};
    }
    return Step::next;
}

Step Log::tell(Query& query, Reply& reply) const noexcept {
    Note* const note = query.kept<Note>(this);
    if (note == nullptr || lines_ == nullptr) return Step::done;
    note->kind = kind_of(query, reply);
    note->answered = true;
    if (!note->rule->classes[static_cast<std::size_t>(class_of(note->kind))]) return Step::done;
    query_format::Line line;
    line.add("[INFO] ");
    const auto took = std::chrono::steady_clock::now() - note->asked.at;
    note->rule->format->write(note->asked, query, reply, took, line);
    lines_->put(query.worker(), line.text());
    return Step::done;
}

std::optional<std::string_view> Log::metadata(Query& query, std::string_view label) const noexcept {
    const Note* const note = query.kept<Note>(this);
    if (note == nullptr || !note->answered) return std::nullopt;
    if (label == "log/type") return to_string(note->kind);
    if (label == "log/class") return to_string(class_of(note->kind));
    return std::nullopt;
}

}  // namespace nameplane::plugins
