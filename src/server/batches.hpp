// hot path
#pragma once
// Batches: what both transports of a worker answer from, taken anew for each batch of messages.

#include "base/published.hpp"
#include "chain/builder.hpp"
#include "server/handler.hpp"
#include "services/snapshot.hpp"

#include <chrono>

namespace nameplane::server {

/// Is told of new chains before the first query meets them.
class ChainsUser {
public:
    virtual void begin(const chain::Chains& chains) = 0;

protected:
    ~ChainsUser() = default;
};

/// One a worker. Everything between begin() and end() sees one snapshot and one set of chains.
class Batches final : public PinSource {
public:
    using Time = std::chrono::steady_clock::time_point;

    Batches(Handler& handler, const Published<chain::Chains>& chains,
            const Published<services::Snapshot>& snapshots)
        : handler_{&handler}, chains_{chains}, snapshots_{snapshots} {
        handler.pin_from(*this);
        refresh();
    }
    Batches(const Batches&) = delete;
    Batches& operator=(const Batches&) = delete;

    /// From now on, and for the chains that are there.
    void tell(ChainsUser& user) {
        user_ = &user;
        refresh();
    }

    /// Messages have been received.
    Handler& begin() {
        refresh();
        began_ = std::chrono::steady_clock::now();
        return *handler_;
    }
    /// Their answers have been sent, or lie where they wait for it. The time is that of end().
    Time end() noexcept {
        const Time now = std::chrono::steady_clock::now();
        handler_->batch_took(std::chrono::duration<double>(now - began_).count());
        handler_->end_sample();
        return now;
    }
    Handler& handler() noexcept { return *handler_; }
    /// Lets go of what is no longer the newest: for a worker that gets no queries.
    void refresh() {
        const chain::Chains& chains = chains_.refresh();
        if (user_ != nullptr && &chains != told_) {
            told_ = &chains;
            user_->begin(chains);
        }
        handler_->use(chains, services::ServiceView{snapshots_.refresh()});
    }

    Pins pin() const noexcept override { return {chains_.pin(), snapshots_.pin()}; }

private:
    Handler* handler_;
    Reader<chain::Chains> chains_;
    Reader<services::Snapshot> snapshots_;
    Time began_{};
    ChainsUser* user_ = nullptr;
    const chain::Chains* told_ = nullptr;
};

}  // namespace nameplane::server
