#pragma once
// What a query needs that is answered later than its batch: the way back to its client, and a hold
// on what it is answered from.

#include "chain/builder.hpp"
#include "net/udp.hpp"
#include "services/snapshot.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace nameplane::server {

struct Arrival;

/// How a transport finds a client again.
struct Return {
    net::WayBack udp;
    std::uint64_t connection;
    std::uint64_t part;  ///< of the connection: a stream of HTTP
};

/// A transport that sends answers later. Loop thread only.
class Late {
public:
    /// The query that came as `arrival` (of the batch under way) is answered later; writes `way`.
    virtual void hold(const Arrival& arrival, Return& way) noexcept = 0;
    /// Its answer, once; empty: there is none.
    virtual void answer(const Return& way, std::span<const std::uint8_t> message) noexcept = 0;

protected:
    ~Late() = default;
};

/// Keeps alive what the batch under way is answered from.
struct Pins {
    std::shared_ptr<const chain::Chains> chains;
    std::shared_ptr<const services::Snapshot> snapshot;
};
class PinSource {
public:
    virtual Pins pin() const noexcept = 0;

protected:
    ~PinSource() = default;
};

}  // namespace nameplane::server
