#pragma once
// Outgoing: an answer that its client takes as it can.

#include "net/tcp.hpp"

#include <cstddef>
#include <string>

namespace nameplane::agent {

struct Outgoing {
    std::string text;
    std::size_t sent = 0;  ///< octets of it

    bool empty() const noexcept { return text.empty(); }
    std::size_t untaken() const noexcept { return text.size() - sent; }
    /// Writes what is left of it, as far as the kernel takes it. Io::some: all of it went, and
    /// there is nothing more.
    net::Io write(net::TcpStream& to);
};

}  // namespace nameplane::agent
