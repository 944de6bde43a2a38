#pragma once
// What a query needs that is answered later than its batch: the way back to its client, and a hold
// on what it is answered from.

#include "chain/builder.hpp"
#include "net/udp.hpp"
#include "services/snapshot.hpp"
#include <nameplane/base/check.hpp>

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

/// An answer of many messages on its way (nameplane/stream.hpp), kept by the handler; see
/// Handler::go_on().
struct Flow {};

/// A transport that sends answers later. Loop thread only.
class Late {
public:
    /// The query that came as `arrival` (of the batch under way) is answered later; writes `way`.
    virtual void hold(const Arrival& arrival, Return& way) noexcept = 0;
    /// Its answer, once; empty: there is none.
    virtual void answer(const Return& way, std::span<const std::uint8_t> message) noexcept = 0;
    /// Instead of its answer: the messages of `flow` are to be fetched and sent one by one. Over
    /// TCP only.
    virtual void flow(const Return&, Flow&) noexcept {
        NP_CHECK(false, "only TCP carries answers of many messages");
    }

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
