// hot path
#include "plugins/kubernetes/outcome.hpp"

#include <new>

namespace nameplane::plugins::kubernetes {

namespace {

/// An answer that is not whole yet, and the name that it is for.
struct Aside {
    const Reply* answer = nullptr;
    dns::NameView name;
};

}  // namespace

Step ask_behind(const Plugin* plugin, dns::NameView target, Query& query, Reply& reply) noexcept {
    Aside* const aside = query.keep<Aside>(plugin);
    void* const memory = query.arena().allocate(sizeof(Reply), alignof(Reply));
    if (aside == nullptr || memory == nullptr) return Step::done;
    *aside = {.answer = new (memory) Reply{reply}, .name = query.name()};
    reply = Reply{query.arena()};
    query.ask_instead(target, query.type());
    return Step::next;
}

Step finish_behind(const Plugin* plugin, Query& query, Reply& reply) noexcept {
    Aside* const aside = query.kept<Aside>(plugin);
    if (aside == nullptr || aside->answer == nullptr) return Step::done;
    Reply whole = *aside->answer;
    for (const dns::Record& record : reply.answers().records()) whole.answer(record);
    whole.truncated = whole.truncated || reply.truncated;
    query.ask_instead(aside->name, query.type());
    *aside = {};
    reply = whole;
    return Step::done;
}

}  // namespace nameplane::plugins::kubernetes
