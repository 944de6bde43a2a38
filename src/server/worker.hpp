#pragma once
// Worker: a thread with its loop, its sockets and its handler. Shares nothing that is written with
// other workers but the TCP budget.

#include "net/loop.hpp"
#include "server/batches.hpp"
#include "server/tcp.hpp"
#include "server/udp.hpp"
#include <nameplane/worker.hpp>

#include <chrono>
#include <list>
#include <memory>
#include <thread>
#include <vector>

namespace nameplane::server {

/// Made, started and joined on the control thread; the sockets are added before start().
class Worker final : WorkerContext, ChainsUser {
public:
    struct Parts {
        std::size_t number;
        Handler::Limits limits;
        const Published<AllTerms>& terms;
        TcpCounts& counts;
        const Oddities& oddities;
        const Published<chain::Chains>& chains;
        const Published<services::Snapshot>& snapshots;
        TcpBudget& budget;
        chain::Profile* profile;  ///< nullptr: none
        /// Finds the other workers; all of them live until all have been joined.
        const std::vector<std::unique_ptr<Worker>>& all;
    };
    explicit Worker(const Parts& parts);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// `listener` is their place among those of the chains.
    void add(net::UdpSocket socket, std::size_t listener);
    void add(net::TcpListener socket, std::size_t listener, Protocol protocol);
    void start();
    /// Begins to drain, from any thread; after `grace` it ends whatever is left.
    void drain(std::chrono::milliseconds grace);
    /// Waits for the end of drain(). Not started: nothing.
    void join();

private:
    std::size_t number() const noexcept override { return number_; }
    net::Loop& loop() noexcept override { return loop_; }
    void keep(std::shared_ptr<Tenant> tenant) override;
    void begin(const chain::Chains& chains) override { chains.begin(*this); }

    void run();
    void refresh();
    void drain_udp();
    void end_when_drained();

    std::size_t number_;
    net::Loop loop_;
    Handler handler_;
    Batches batches_;
    TcpService tcp_;
    std::list<UdpService> udp_;
    std::unique_ptr<net::Timer> refresh_;
    std::unique_ptr<net::Timer> udp_retry_;
    std::unique_ptr<net::Timer> grace_over_;
    std::vector<std::shared_ptr<Tenant>> tenants_;
    bool udp_drained_ = false;
    bool tcp_drained_ = false;
    std::thread thread_;
};

}  // namespace nameplane::server
