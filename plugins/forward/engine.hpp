#pragma once
// Engine: what one worker does for a `forward`. It asks upstreams, takes their answers, and wakes
// the queries that wait for them.
//
// A question is an Exchange as long as it has no answer. Queries with an equal question join it. It
// has at most two attempts under way: the second one when the first is late (a hedge: to the next
// upstream, or once more to the only one, for a datagram may be lost). An attempt that fails leads
// to the next upstream, as CoreDNS has it, until the deadline.

#include "net/loop.hpp"
#include "plugins/forward/channel.hpp"
#include "plugins/forward/failure.hpp"
#include "plugins/forward/question.hpp"
#include "plugins/forward/shared.hpp"
#include <nameplane/base/random.hpp>
#include <nameplane/query.hpp>
#include <nameplane/worker.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace nameplane::plugins::forwarding {

/// A query that waits; lies in its arena.
struct Waiter {
    Query* query = nullptr;
    Waiter* next = nullptr;
    /// The answer, during Query::resume(); empty: there is none.
    std::span<const std::uint8_t> message;
    const Failure* failure = nullptr;  ///< why not, during Query::resume()
    std::size_t target = 0;            ///< who answered
    bool tcp = false;                  ///< over a connection
    bool joined = false;               ///< another query asked for it
};

class Engine final : public Tenant, public ChannelUser {
public:
    Engine(Shared& shared, std::size_t worker, net::Loop& loop);
    ~Engine() override;

    /// So many questions may be under way.
    static constexpr std::size_t exchanges_max = 4096;

    /// `waiter.query`, which can wait, will be resumed, later. False: there are too many.
    [[nodiscard]] bool ask(Waiter& waiter) noexcept;
    void close() noexcept override;
    bool is_closed() const noexcept { return closed_; }
    std::size_t under_way() const noexcept { return active_.size(); }

    bool received(Channel& channel, std::span<const std::uint8_t> message) noexcept override;
    void lost(Channel& channel, std::uint16_t id, bool untouched) noexcept override;
    void broken(Channel& channel) noexcept override;

private:
    struct Exchange;
    struct Attempt;
    struct Peer;

    Exchange* take_exchange();
    void enter(Exchange& exchange);
    void leave(Exchange& exchange) noexcept;
    Exchange* find(const Question& question) noexcept;
    void choose_order(Exchange& exchange) noexcept;

    int pick(Exchange& exchange) noexcept;
    void try_next(Exchange& exchange) noexcept;
    bool start(Exchange& exchange, std::size_t target, Proto proto) noexcept;
    Proto proto_for(const Exchange& exchange, std::size_t target) const noexcept;
    void hedge(Exchange& exchange) noexcept;
    void end(Attempt& attempt, bool answered) noexcept;
    bool ask_again(Exchange& exchange, Attempt& attempt) noexcept;
    void failed(Exchange& exchange, Attempt& attempt) noexcept;
    /// Why the attempt has failed, for people; before it is ended.
    void note_failure(Exchange& exchange, const Attempt& attempt) noexcept;
    void note_not_begun(Exchange& exchange, std::size_t target, Proto proto) noexcept;
    void answered(Exchange& exchange, Attempt& attempt,
                  std::span<const std::uint8_t> message) noexcept;
    void complete(Exchange& exchange, std::span<const std::uint8_t> message, const Failure* failure,
                  std::size_t target) noexcept;

    Channel* channel_to(std::size_t target, Proto proto) noexcept;
    Channel* udp_to(std::size_t target) noexcept;
    Channel* stream_to(std::size_t target, Proto proto) noexcept;
    std::unique_ptr<Channel> connect(std::size_t target, Proto proto, Time now);
    bool is_worn(const Channel& channel, Time now) const noexcept;
    void count_channel(std::size_t target, Proto proto, bool kept) noexcept;
    void drop_channels(Time now) noexcept;

    Attempt* attempt_of(const Channel& channel, std::uint16_t id) noexcept;
    void link(Attempt& attempt) noexcept;
    void unlink(Attempt& attempt) noexcept;

    void check_health(std::size_t target) noexcept;
    void probe(std::size_t target) noexcept;
    void probed(std::size_t target, bool good) noexcept;

    void arm() noexcept;
    void tick() noexcept;
    void tick_exchange(Exchange& exchange, Time now) noexcept;

    Shared& shared_;
    const Settings& settings_;
    std::size_t worker_;
    net::Loop* loop_;
    Random random_;
    std::unique_ptr<Inbox> inbox_;  // made when it is first needed
    std::vector<Peer> peers_;
    std::vector<std::unique_ptr<Exchange>> exchanges_;
    std::vector<Exchange*> free_;
    std::vector<Exchange*> active_;
    std::vector<Exchange*> by_question_;  // chained; nullptr: empty
    std::vector<Attempt*> by_id_;         // likewise
    std::vector<std::unique_ptr<Channel>> retired_;
    std::vector<std::pair<Exchange*, std::uint64_t>> looked_at_;  // of one tick
    std::uint32_t next_channel_ = 0;
    std::uint64_t next_serial_ = 0;
    double hedges_ = 8;  // that may be made; grows with questions
    std::unique_ptr<net::Timer> timer_;
    bool armed_ = false;
    bool closed_ = false;
};

}  // namespace nameplane::plugins::forwarding
