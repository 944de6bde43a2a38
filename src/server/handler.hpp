// hot path
#pragma once
// Handler: octets of a query in, octets of its answer out. Knows no socket: UDP, TCP, tests and
// benchmarks use the same one. Parse, route, walk, encode; then everything that the query used is
// given back at once.

#include "chain/builder.hpp"
#include "dns/encode.hpp"
#include "dns/parse.hpp"
#include "server/oddities.hpp"
#include <nameplane/base/arena.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/query.hpp>
#include <nameplane/services/view.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nameplane::server {

/// Where a message came from and how.
struct Arrival {
    SocketAddress client;
    SocketAddress server;
    Transport transport = Transport::udp;
};

/// Belongs to one worker.
class Handler {
public:
    /// How much a query may put into the arena; more becomes SERVFAIL.
    static constexpr std::size_t arena_octets = 512 << 10;
    /// Room that any answer over TCP needs at most.
    static constexpr std::size_t tcp_octets_max = 65535;

    struct Limits {
        std::uint16_t udp_size_max = 1232;
    };
    Handler(std::size_t worker, Limits limits, const Oddities& oddities);

    /// What the queries from now on are answered from; both must live until the next call. Once a
    /// batch.
    void use(const chain::Chains& chains, services::ServiceView services) noexcept {
        chains_ = &chains;
        services_ = services;
    }

    using Message = std::span<const std::uint8_t>;
    /// Of one batch.
    static constexpr std::size_t messages_max = 64;
    /// Reads `messages`, at most messages_max, to be answered by answer(i, ...). What answering
    /// them will need is asked for from memory for all of them at once. They must stay until then.
    void take(std::span<const Message> messages) noexcept;
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

private:
    struct Asked {
        const chain::Traffic* traffic;
        std::uint64_t queries;
    };

    /// A message as far as it can be read without looking up anything in the cache.
    struct Taken {
        dns::Question question;
        dns::ParseError error = dns::ParseError::none;
        std::size_t octets = 0;
        const chain::Zone* zone = nullptr;  ///< whose chain answers; nullptr: none
    };

    void take(Message message, Taken& taken) const noexcept;
    std::size_t answer(const Taken& taken, const Arrival& arrival,
                       std::span<std::uint8_t> out) noexcept;
    std::size_t answer_error(dns::ParseError error, const dns::Question& question,
                             const Arrival& arrival, std::span<std::uint8_t> out) noexcept;
    std::size_t answer_question(const Taken& taken, const Arrival& arrival,
                                std::span<std::uint8_t> out) noexcept;
    Step ask_chain(const Taken& taken, const Arrival& arrival, Reply& reply) noexcept;
    std::size_t encode(const dns::Question& question, const Reply& reply, const Arrival& arrival,
                       std::span<std::uint8_t> out) noexcept;
    void note_asked(const chain::Traffic& traffic) noexcept;

    std::size_t worker_;
    Limits limits_;
    const Oddities* oddities_;
    const chain::Chains* chains_ = nullptr;
    services::ServiceView services_;
    std::array<Taken, messages_max> taken_;
    Arena arena_{arena_octets};
    std::array<Asked, 64> asked_{};  // zones of this batch; a batch of datagrams has no more
    std::size_t asked_size_ = 0;
};

}  // namespace nameplane::server
