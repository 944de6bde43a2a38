#pragma once
// The parts of TcpService that its two source files share.

#include "server/tcp.hpp"

#include <optional>

namespace nameplane::server {

struct TcpService::Connection {
    explicit Connection(net::TcpStream opened, Time now)
        : stream{std::move(opened)}, arrival{.client = stream.peer(),
                                             .server = stream.local(),
                                             .transport = Transport::tcp},
          last_deed{now} {}

    net::TcpStream stream;
    Arrival arrival;
    Time last_deed;                    ///< accepted, a whole query, or answers taken whole
    std::vector<std::uint8_t> unread;  ///< received but not answered yet
    std::vector<std::uint8_t> unsent;  ///< answers that the kernel did not take
    std::size_t unsent_from = 0;
    bool did_something = false;           ///< a deed since the last look
    bool finished = false;                ///< the client sends nothing more
    std::unique_ptr<net::FdWatch> watch;  // last: goes before the stream

    bool is_busy() const noexcept { return !unsent.empty(); }
};

struct TcpService::Listening {
    net::TcpListener listener;
    std::unique_ptr<net::FdWatch> watch;
};

}  // namespace nameplane::server
