#pragma once
// one_chain: who hosts a query that is walked through a single chain: what a plugin looks up is
// asked of that chain again, and nothing may wait.

#include "chain/chain.hpp"
#include <nameplane/query.hpp>
#include <nameplane/reply.hpp>

#include <new>

namespace nameplane::test {

/// Of one thread; the chain outlives it. A look-up without memory has no answer.
class OneChain final : public Host {
public:
    explicit OneChain(const chain::Chain& chain) : chain_{chain} {}

    bool make_room(Query&) noexcept override { return false; }
    void resume(Query&) noexcept override {}
    bool look_up(Query& asking, dns::NameView name, dns::Type type,
                 const Reply*& answer) noexcept override {
        answer = nullptr;
        Arena& arena = asking.arena();
        void* const query_memory = arena.allocate(sizeof(Query), alignof(Query));
        void* const reply_memory = arena.allocate(sizeof(Reply), alignof(Reply));
        if (query_memory == nullptr || reply_memory == nullptr) return true;
        Query::Parts parts = asking.parts();
        parts.name = parts.asked = name;
        parts.type = type;
        parts.asked_by = &asking;
        auto& query = *new (query_memory) Query{parts};
        auto& reply = *new (reply_memory) Reply{arena};
        if (chain_.walk(query, reply) == Step::done) answer = &reply;
        return true;
    }

private:
    const chain::Chain& chain_;
};

}  // namespace nameplane::test
