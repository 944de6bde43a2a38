#pragma once
// The parts of TcpService that its two source files share.

#include "server/tcp.hpp"

#include <optional>

namespace nameplane::server {

struct TcpService::Connection {
    Connection(net::TcpStream opened, std::size_t listener, Time now, Late& late,
               std::uint64_t number)
        : stream{std::move(opened)}, arrival{.client = stream.peer(),
                                             .server = stream.local(),
                                             .transport = Transport::tcp,
                                             .listener = listener,
                                             .late = &late,
                                             .place = number},
          last_deed{now} {}

    net::TcpStream stream;
    Arrival arrival;
    Time last_deed;                    ///< accepted, a whole query, or answers taken whole
    std::vector<std::uint8_t> unread;  ///< received but not answered yet
    std::vector<std::uint8_t> unsent;  ///< answers that the kernel did not take
    std::size_t unsent_from = 0;
    std::size_t waiting = 0;              ///< queries whose answer comes later
    bool did_something = false;           ///< a deed since the last look
    bool broken = false;                  ///< nothing can be sent to it
    bool finished = false;                ///< the client sends nothing more
    std::unique_ptr<net::FdWatch> watch;  // last: goes before the stream

    bool is_busy() const noexcept { return !unsent.empty(); }
    bool is_idle() const noexcept { return !is_busy() && waiting == 0; }
    bool takes_queries() const noexcept { return !is_busy() && waiting < waiting_max; }
};

struct TcpService::Listening {
    net::TcpListener socket;
    std::size_t listener;
    std::unique_ptr<net::FdWatch> watch;
};

}  // namespace nameplane::server
