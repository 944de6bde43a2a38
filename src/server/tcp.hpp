#pragma once
// TcpService: the TCP connections of a worker (RFC 7766), also those over TLS (RFC 7858) and those
// with HTTP inside (RFC 8484). Without HTTP, two octets of length before each message; several
// queries may be on their way on one connection. Answers come in the order of the queries, but one
// that has to wait for its answer does not keep back those behind it.
//
// What a client can cost us is bounded: a connection keeps at most one unfinished query,
// waiting_max queries that wait, and the answers that the kernel did not take, and is not read from
// while those lie there; who lets too much of them lie, or more when much lies for all, is closed.
// An answer of many messages (a zone transfer) is made message by message, as the kernel takes
// them, one a turn of the loop; meanwhile the connection is not read from. It counts as alive only
// by whole queries and by answers taken whole, not by octets: one that sends or reads a drop at a
// time is closed like an idle one, by its Terms after its last deed.
//
// When all places are taken, the connection that is idle longest makes room; when all are busy, one
// of the client that has far more than the newcomer.
//
// Handshakes of TLS are work for the processor: they are done one step at a time, a millisecond or
// two in a row, between which all else has its turn; and so many at once that there is no room for
// another end with the oldest.

#include "net/http_session.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"
#include "server/batches.hpp"
#include "server/tcp_budget.hpp"
#include "server/tcp_counts.hpp"
#include "server/terms.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace nameplane::server {

/// Belongs to its loop's thread from start() on.
class TcpService final : public Late {
public:
    /// Runs a job with the TcpService of another worker, on that worker's thread.
    using PostTo = std::function<void(std::size_t worker, std::function<void(TcpService&)>)>;

    /// So many handshakes of TLS may be on their way.
    static constexpr std::size_t handshakes_max = 256;

    struct Options {
        std::size_t worker;
        const Published<AllTerms>& terms;
        TcpCounts& counts;
    };
    TcpService(net::Loop& loop, Batches& batches, TcpBudget& budget, const Options& options,
               PostTo post_to);
    ~TcpService();
    TcpService(const TcpService&) = delete;
    TcpService& operator=(const TcpService&) = delete;

    void listen(net::TcpListener socket, std::size_t listener, Protocol protocol);
    void start();
    /// Takes in who is waiting to be accepted, listens no more, closes idle connections at once and
    /// the others as soon as they have their answers; then calls `done`, perhaps at once.
    void drain(std::function<void()> done);

    void hold(const Arrival& arrival, Return& way) noexcept override;
    void answer(const Return& way, std::span<const std::uint8_t> message) noexcept override;
    void flow(const Return& way, Flow& flow) noexcept override;

private:
    using Time = Batches::Time;
    struct Connection;
    struct Https;
    using Connections = std::list<Connection>;
    struct Listening;

    /// An answer of many messages to a stream of HTTP, which has room for one.
    struct HttpFlow {
        std::uint64_t connection;
        std::uint64_t stream;
        Flow* flow;
    };

    /// Where a connection came in.
    struct Place {
        std::size_t listener;
        Protocol protocol;
    };

    static constexpr std::size_t waiting_max = 128;  // on one connection
    /// What lies there for a client, and for all of a worker's; who is in the way of more goes.
    static constexpr std::size_t unsent_octets_max = 512 << 10;
    static constexpr std::size_t all_unsent_octets_max = 16 << 20;
    /// What is read at a time: a client that sends without end has its turn like any other.
    static constexpr std::size_t reading_octets_max = 16 << 10;
    static constexpr std::size_t length_octets = 2;
    static constexpr std::size_t frame_octets_max = length_octets + Handler::tcp_octets_max;
    static constexpr std::size_t room_octets = frame_octets_max + reading_octets_max;

    bool accept(Listening& listening);
    void stop();
    void admit(net::TcpStream stream, const Place& place);
    void add(net::TcpStream stream, const Place& place);
    bool take_https_place(const Place& place, const Terms& terms);
    bool hand_over_oldest_idle();
    bool hand_over_of_greediest(const IpAddress& newcomer);
    bool close_oldest(bool (*chosen)(const Connection&, std::size_t), std::size_t listener);
    void make_room_elsewhere(std::size_t worker, net::TcpStream stream, const Place& place);

    void await_turn(Connection& connection);
    void take_turns();
    void shake(Connections::iterator at);
    void established(Connection& connection);

    void ready(Connections::iterator at, bool writable);
    void watch(Connection& connection);
    void settle();
    void erase(Connections::iterator at);
    bool finish_writing(Connection& connection);
    bool flow_on(Connection& connection);
    bool read_and_answer(Connection& connection);
    bool read_frames(Connection& connection);
    bool answer_frames(Connection& connection, std::size_t octets);
    bool read_http(Connection& connection);
    void ask_by_http(Connection& connection, const net::HttpRequest& request);
    void respond(Connection& connection, std::uint64_t stream, const net::HttpResponse& response);
    void count_response(const Connection& connection, unsigned status);
    bool send_output(Connection& connection);
    bool send(Connection& connection, std::span<const std::uint8_t> octets);
    void forget_unsent(Connection& connection) noexcept;
    bool send_frame(Connection& connection, std::span<const std::uint8_t> message);
    void send_http(Connection& connection, std::uint64_t stream,
                   std::span<const std::uint8_t> message);
    void answer_whole(const HttpFlow& asked);
    void close(Connections::iterator at);
    void touched(Connections::iterator at);
    bool may_go(const Connection& connection) const;

    static Time deadline_of(const Connection& connection);
    void close_expired();
    void arm_timer(const Terms& terms);
    void publish_oldest_idle();
    void check_drained();

    net::Loop* loop_;
    Batches* batches_;
    TcpBudget* budget_;
    std::size_t worker_;
    Reader<AllTerms> terms_;
    TcpCounts* counts_;
    PostTo post_to_;
    std::list<Listening> listening_;
    Connections connections_;  // the one whose last deed is longest ago first
    std::unordered_map<std::uint64_t, Connections::iterator> by_number_;
    std::uint64_t next_number_ = 0;
    std::size_t unsent_octets_ = 0;  // of all connections
    std::unique_ptr<net::Timer> expiry_;
    std::chrono::milliseconds expiry_every_{0};  // 0: not armed
    std::unique_ptr<net::Timer> starved_;
    std::function<void()> drained_;
    bool draining_ = false;
    std::size_t moving_ = 0;  // accepted, and room is being made elsewhere
    // Shared by all connections; what stays of a connection is put away in it.
    std::vector<std::uint8_t> in_;
    std::vector<std::uint8_t> out_;
    std::vector<std::uint8_t> late_;
    std::vector<std::uint8_t> decoded_;
    std::vector<std::uint64_t> answered_late_;  // connections to look after
    std::vector<HttpFlow> http_flows_;          // to be answered by settle()
    std::unique_ptr<net::Soon> settle_;
    std::deque<std::uint64_t> turns_;  // connections with a handshake, or more to read at once
    std::size_t shaking_ = 0;
    std::unique_ptr<net::Soon> first_turns_;
    std::unique_ptr<net::Timer> next_turns_;
};

}  // namespace nameplane::server
