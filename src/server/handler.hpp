// hot path
#pragma once
// Handler: octets of a query in, octets of its answer out. Knows no socket: UDP, TCP, tests and
// benchmarks use the same one. Parse, route, walk, encode; then everything that the query used is
// given back at once. A query that comes to wait takes what it uses along, and the next one gets a
// fresh set: handler_wait.cpp.

#include "chain/builder.hpp"
#include "chain/pending.hpp"
#include "chain/profile.hpp"
#include "dns/encode.hpp"
#include "dns/parse.hpp"
#include "server/oddities.hpp"
#include "server/waiting.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/base/trace_context.hpp>
#include <nameplane/query.hpp>
#include <nameplane/services/view.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace nameplane::server {

/// Where a message came from and how.
struct Arrival {
    SocketAddress client;
    SocketAddress server;
    Transport transport = Transport::udp;
    std::size_t listener = 0;  ///< which one of the chains' listeners it came to
    Late* late = nullptr;      ///< sends an answer that comes later; nullptr: nothing can wait
    std::uint64_t place = 0;   ///< which one it is, for `late`
    std::uint64_t part = 0;    ///< and of that
    const TraceContext* trace = nullptr;  ///< until answer() returns; see Query
};

/// Belongs to one worker.
class Handler final : public Host {
public:
    /// How much a query may put into the arena; more becomes SERVFAIL.
    static constexpr std::size_t arena_octets = 512 << 10;
    /// Room that any answer over TCP needs at most.
    static constexpr std::size_t tcp_octets_max = 65535;
    /// So many queries may wait, refreshes included; more are answered SERVFAIL.
    static constexpr std::size_t waiting_max = 8192;
    /// Octets of their messages, which are kept as long as they wait; the same.
    static constexpr std::size_t held_octets_max = 16 << 20;

    struct Limits {
        std::uint16_t udp_size_max = 1232;
        std::size_t waiting = waiting_max;
    };
    Handler(std::size_t worker, Limits limits, const Oddities& oddities);
    ~Handler();
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;

    /// Where queries that wait get their hold on what use() brought; outlives them. Without it the
    /// caller of use() keeps it long enough.
    void pin_from(const PinSource& pins) noexcept { pins_ = &pins; }
    /// Times some batches of queries from now on.
    void profile(chain::Profile& profile) noexcept {
        sampler_ = chain::Sampler{&profile.cells(worker_)};
    }
    /// Before a batch: the clock, where it is one to be timed. end_sample() comes after it.
    StageClock* begin_sample() noexcept { return clock_ = sampler_.begin(); }
    void end_sample() noexcept {
        if (clock_ == nullptr) return;
        clock_ = nullptr;
        sampler_.end();
    }
    /// What the queries from now on are answered from; both must live until the next call. Once a
    /// batch.
    void use(const chain::Chains& chains, services::ServiceView services) noexcept {
        chains_ = &chains;
        services_ = services;
    }

    using Message = std::span<const std::uint8_t>;
    /// Of one batch.
    static constexpr std::size_t messages_max = 64;
    /// Reads `messages`, at most messages_max, that came to `listener`, to be answered by answer(i,
    /// ...). What answering them will need is asked for from memory for all of them at once. They
    /// must stay until then.
    void take(std::span<const Message> messages, std::size_t listener = 0) noexcept;
    /// The like of answer() below for the message `i` of those taken.
    std::size_t answer(std::size_t i, const Arrival& arrival, std::span<std::uint8_t> out) noexcept;

    /// Writes the answer to `message` into `out` and returns its size; 0: send nothing. `out` has
    /// at least udp_size_max (and 512) octets, or tcp_octets_max.
    std::size_t answer(Message message, const Arrival& arrival,
                       std::span<std::uint8_t> out) noexcept;

    /// The batch since the last call took `seconds`: entered for each of its queries, see
    /// chain/traffic.hpp. To be called before use() brings other chains.
    void batch_took(double seconds) noexcept;

    std::size_t worker() const noexcept { return worker_; }
    const Oddities& oddities() const noexcept { return *oddities_; }
    /// Clients whose answer is still to come.
    std::size_t waiting() const noexcept { return waiting_; }

    /// What go_on() did: octets written; 0 if the answer broke off and the connection must be
    /// closed. When it is over the flow is gone.
    struct Flowed {
        std::size_t octets = 0;
        bool over = false;
    };
    /// Writes the next message of `flow` into `out`, which has tcp_octets_max octets.
    Flowed go_on(Flow& flow, std::span<std::uint8_t> out) noexcept;
    /// Writes `flow` as one message into `out`, which has tcp_octets_max octets, or that it is
    /// refused, where it has several; returns the octets, 0 if it broke off. It is gone.
    std::size_t only_message(Flow& flow, std::span<std::uint8_t> out) noexcept;
    /// Nobody is there any more to take the rest of it; it is gone.
    void abandon(Flow& flow) noexcept;

    bool make_room(Query& query) noexcept override;
    void resume(Query& query) noexcept override;
    bool look_up(Query& asking, dns::NameView name, dns::Type type,
                 const Reply*& answer) noexcept override;

private:
    using Time = std::chrono::steady_clock::time_point;

    struct Asked {
        const chain::Traffic* traffic;
        std::uint64_t queries;
    };

    /// A message as far as it can be read without looking up anything in the cache.
    struct Taken {
        Message message;
        dns::Question question;
        dns::ParseError error = dns::ParseError::none;
        const chain::Zone* zone = nullptr;  ///< whose chain answers; nullptr: none
    };
    using TakenPtr = std::unique_ptr<Taken>;  // never null; another one when the query waits

    /// What a query uses on its way: that of the one being answered, or of one that waits.
    struct Context : Flow {
        Arena arena{arena_octets};
        std::optional<Query> query;
        std::optional<Reply> reply;
        const chain::Zone* zone = nullptr;
        const chain::Chains* chains = nullptr;  ///< that `zone` is of
        std::size_t listener = 0;
        // Of one that waits.
        TakenPtr taken;
        Pins pins;
        Late* late = nullptr;
        Return way;
        Transport transport = Transport::udp;
        Time since;
        std::size_t held_octets = 0;  ///< of its message
        std::size_t flowed = 0;       ///< octets of an answer of many messages so far
    };

    /// What a query looks up meanwhile; in its arena.
    struct Inner {
        Query query;
        Reply reply;
        const chain::Zone* zone;
        const Reply** answer;
    };

    void take(Message message, std::size_t listener, Taken& taken) const noexcept;
    /// Lets the plugins that keep something ask for it, for the first `size` of those taken.
    void foresee(std::size_t size) const noexcept;
    std::size_t answer(TakenPtr& taken, const Arrival& arrival,
                       std::span<std::uint8_t> out) noexcept;
    std::size_t answer_error(dns::ParseError error, const dns::Question& question,
                             const Arrival& arrival, std::span<std::uint8_t> out) noexcept;
    std::size_t answer_question(TakenPtr& taken, const Arrival& arrival,
                                std::span<std::uint8_t> out) noexcept;
    Query::Parts parts_of(const Taken& taken, const Arrival& arrival) noexcept;
    /// The first, from `zone` on, whose chain admits the query; nullptr: none does.
    static const chain::Zone* admitting_zone(const chain::Zone* zone, Query& query) noexcept;
    Step ask_chain(Taken& taken, const Arrival& arrival) noexcept;
    /// `query` may be nullptr: nothing seals the message.
    std::size_t encode(const dns::Question& question, const Reply& reply, const Query* query,
                       Transport transport, std::span<std::uint8_t> out) noexcept;
    void lap(StageClock::Stage stage, std::uint64_t queries = 1) noexcept {
        if (clock_ != nullptr) [[unlikely]]
            clock_->lap(stage, queries);
    }
    void note_asked(const chain::Traffic& traffic) noexcept;
    void forget_asked(const chain::Traffic& traffic) noexcept;

    Context& set_aside(TakenPtr& taken, const Arrival& arrival) noexcept;
    void let_wait(TakenPtr& taken, const Arrival& arrival) noexcept;
    void let_flow(TakenPtr& taken, const Arrival& arrival) noexcept;
    AnswerStream::Went begin_message(Context& context, std::optional<Reply>& reply) noexcept;
    std::size_t end_message(Context& context, const Reply& reply,
                            std::span<std::uint8_t> out) noexcept;
    void end_flow(Context& context) noexcept;
    void refresh(Query& query, const chain::Zone& zone, const Pins& pins) noexcept;
    void finish(Context& context, Step step) noexcept;
    void answer_late(Context& context, Step step) noexcept;
    void give_back(Context& context) noexcept;
    Pins pin() const noexcept;

    std::size_t worker_;
    Limits limits_;
    const Oddities* oddities_;
    chain::Sampler sampler_;
    StageClock* clock_ = nullptr;  // of the batch under way
    const chain::Chains* chains_ = nullptr;
    services::ServiceView services_;
    std::array<TakenPtr, messages_max> taken_;
    TakenPtr single_;  // of a message that is no part of a batch
    const PinSource* pins_ = nullptr;
    chain::Pending<Context> contexts_;
    Context* current_;            // of the query being answered, and the next one
    Context* spare_ = nullptr;    // becomes current_ if that query waits
    Taken* answering_ = nullptr;  // what the query being answered came in
    std::size_t waiting_ = 0;
    std::size_t held_octets_ = 0;
    Arena flow_arena_{arena_octets};  // of the one message of a flow that is being made
    std::array<Asked, 64> asked_{};   // zones of this batch; a batch of datagrams has no more
    std::size_t asked_size_ = 0;
};

}  // namespace nameplane::server
