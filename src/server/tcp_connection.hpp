#pragma once
// The parts of TcpService that its source files share.

#include "server/tcp.hpp"

#include <optional>

namespace nameplane::server {

/// HTTP on a connection.
struct TcpService::Https final : net::HttpHost {
    Https(TcpService& service, Connection& connection, std::unique_ptr<net::HttpSession> made)
        : service_{&service}, connection_{&connection}, session{std::move(made)} {}
    void requested(const net::HttpRequest& request) override {
        service_->ask_by_http(*connection_, request);
    }
    void refused(unsigned status) override { service_->count_response(*connection_, status); }

private:
    TcpService* service_;
    Connection* connection_;

public:
    std::unique_ptr<net::HttpSession> session;  // last: made with this object as its host
};

struct TcpService::Connection {
    Connection(net::TcpStream opened, const Place& came_in, const Terms& terms, Time now,
               Late& late, std::uint64_t number)
        : arrival{.client = opened.peer(),
                  .server = opened.local(),
                  .transport = Transport::tcp,
                  .listener = came_in.listener,
                  .late = &late,
                  .place = number},
          protocol{came_in.protocol}, read{terms.read}, write{terms.write}, idle{terms.idle},
          queries_left{terms.queries_max}, opened_at{now}, last_deed{now},
          stream{terms.tls == nullptr ? net::Stream{std::move(opened)}
                                      : net::Stream{net::TlsStream{terms.tls, std::move(opened)}}} {
    }

    Arrival arrival;
    Protocol protocol;
    std::chrono::milliseconds read;
    std::chrono::milliseconds write;
    std::chrono::milliseconds idle;
    std::uint32_t queries_left;  ///< 0: any number
    Time opened_at;
    Time last_deed;                    ///< accepted, a whole query, or answers taken whole
    std::vector<std::uint8_t> unread;  ///< received but not answered yet
    std::vector<std::uint8_t> unsent;  ///< answers that the kernel did not take
    std::size_t unsent_from = 0;
    std::size_t waiting = 0;     ///< queries whose answer comes later
    Flow* flow = nullptr;        ///< one of them, whose answer is on its way in pieces
    bool has_asked = false;      ///< a whole query at least
    bool did_something = false;  ///< a deed since the last look
    bool broken = false;         ///< nothing can be sent to it
    bool finished = false;       ///< the client sends nothing more, or nothing that counts
    bool is_shaking = false;     ///< one of the handshakes on their way
    bool awaits_turn = false;
    bool holds_https_place = false;
    std::unique_ptr<Https> https;  ///< of HTTPS, after the handshake
    net::Stream stream;
    std::unique_ptr<net::FdWatch> watch;  // last: goes before the stream

    bool is_busy() const noexcept { return !unsent.empty() || stream.has_unsent(); }
    bool is_idle() const noexcept { return !is_busy() && waiting == 0 && !has_unfinished(); }
    bool has_unfinished() const noexcept { return https && https->session->has_unfinished(); }
    bool takes_queries() const noexcept {
        return !is_busy() && flow == nullptr && waiting < waiting_max &&
               (!https || https->session->wants_more());
    }
    /// Whether there is something to go on with that the descriptor does not tell of.
    bool has_more_at_once() const noexcept {
        return takes_queries() && ((!finished && stream.has_unread()) || is_paused());
    }
    /// Nothing more is expected of it.
    bool is_over() const noexcept { return finished && !is_busy() && waiting == 0 && !is_paused(); }
    /// Requests lie there that wait for room.
    bool is_paused() const noexcept { return https && https->session->is_paused(); }
    /// One more; the last one that its terms allow ends the stream of queries.
    void asked() noexcept {
        has_asked = did_something = true;
        if (queries_left != 0 && --queries_left == 0) finished = true;
    }
};

struct TcpService::Listening {
    net::TcpListener socket;
    Place place;
    std::unique_ptr<net::FdWatch> watch;
};

}  // namespace nameplane::server
