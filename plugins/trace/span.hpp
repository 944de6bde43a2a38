// hot path
#pragma once
// What a worker hands over of one query: its own span as a Head, and those below it.

#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/query.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace nameplane::plugins::tracing {

/// The time that a plugin had the query, or an upstream a question of it.
struct Span {
    static constexpr std::chrono::nanoseconds open{-1};

    std::uint64_t id = 0;
    std::uint64_t parent = 0;
    std::string_view name;              ///< good for ever
    std::chrono::nanoseconds begin{0};  ///< since that of the query
    std::chrono::nanoseconds took{open};
    std::optional<SocketAddress> peer;  ///< the upstream
};

/// The query: the span that all others are below of.
struct Head {
    std::uint64_t trace_high = 0;  ///< the upper half of an id with 128 bits
    std::uint64_t trace = 0;
    std::uint64_t id = 0;
    std::optional<std::uint64_t> parent;  ///< a client's
    bool is_shared = false;               ///< the client has a span of the same id
    bool debug = false;                   ///< as the client wants it
    std::chrono::system_clock::time_point begin;
    std::chrono::nanoseconds took{0};
    dns::Type type = dns::Type::a;
    dns::Rcode rcode = dns::Rcode::no_error;
    Transport transport = Transport::udp;
    IpAddress client;
    bool failed = false;
};

// They pass from thread to thread as octets.
static_assert(std::is_trivially_copyable_v<Span> && std::is_trivially_copyable_v<Head>);

/// Where a worker leaves what it has of a query.
class Sink {
public:
    /// Never waits. `name` and `error` are copied. `left_out` spans more were not even kept.
    virtual void submit(std::size_t worker, const Head& head, dns::NameView name,
                        std::string_view error, std::span<const Span> spans,
                        std::size_t left_out) noexcept = 0;

protected:
    ~Sink() = default;
};

}  // namespace nameplane::plugins::tracing
