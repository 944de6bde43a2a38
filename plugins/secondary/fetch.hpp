#pragma once
// Fetch: one question to one primary over TCP: its serial, or the whole zone. Bounded in time,
// too: a primary must say something every `silence_max`, and be done within `time_max`.

#include "net/loop.hpp"
#include "net/tcp.hpp"
#include "plugins/secondary/transfer_in.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::plugins::secondary {

/// Loop thread only. Begun when made; ends what it does when destroyed.
class Fetch {
public:
    enum class What : std::uint8_t { serial, zone };
    struct Result {
        What what = What::serial;
        std::string error;  ///< empty: it went well
        std::uint32_t serial = 0;
        zone::ZonePtr zone;
        std::size_t records = 0;
        std::size_t outside = 0;
    };
    static constexpr std::chrono::milliseconds silence_max{10'000};
    static constexpr std::chrono::milliseconds time_max{600'000};

    /// `ended` is called once, from the loop, never from within the constructor; it may not destroy
    /// this object.
    Fetch(net::Loop& loop, What what, dns::NameView origin, const SocketAddress& primary,
          std::uint16_t id, std::function<void(Result)> ended);
    ~Fetch();

private:
    void begin();
    void ready(bool readable, bool writable);
    void write();
    void read();
    bool take_messages();
    bool take_message(std::span<const std::uint8_t> message);
    void fail(std::string why);
    void end();
    void heard();

    net::Loop& loop_;
    dns::Name origin_;
    SocketAddress primary_;
    std::uint16_t id_;
    std::function<void(Result)> ended_;
    Result result_;
    std::optional<TransferIn> in_;
    Arena arena_;
    std::optional<net::TcpStream> stream_;
    std::vector<std::uint8_t> question_;
    std::size_t asked_ = 0;  // octets of it
    std::vector<std::uint8_t> unread_;
    bool connected_ = false;
    bool over_ = false;
    std::unique_ptr<net::Soon> start_;
    std::unique_ptr<net::Timer> silence_;
    std::unique_ptr<net::Timer> time_;
    std::unique_ptr<net::FdWatch> watch_;  // last: goes before the stream
};

}  // namespace nameplane::plugins::secondary
