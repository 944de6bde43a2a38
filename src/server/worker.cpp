#include "server/worker.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

namespace nameplane::server {

namespace {

constexpr std::chrono::milliseconds refresh_every{1000};
constexpr std::chrono::milliseconds udp_retry_every{2};

/// Signals are for the control thread; a worker must not be woken by them.
void block_signals() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Worker::Worker(const Parts& parts)
    : number_{parts.number}, handler_{parts.number, parts.limits, parts.oddities},
      batches_{handler_, parts.chains, parts.snapshots},
      tcp_{loop_,
           batches_,
           parts.budget,
           {.worker = parts.number, .terms = parts.terms, .counts = parts.counts},
           [&all = parts.all](std::size_t worker, std::function<void(TcpService&)> job) {
               Worker& there = *all[worker];
               there.loop_.post([&there, job = std::move(job)] { job(there.tcp_); });
           }},
      refresh_{loop_.timer([this] { refresh(); })},
      udp_retry_{loop_.timer([this] { drain_udp(); })}, grace_over_{
                                                            loop_.timer([this] { loop_.stop(); })} {
    if (parts.profile != nullptr) handler_.profile(*parts.profile);
}

Worker::~Worker() {
    join();
}

void Worker::add(net::UdpSocket socket, std::size_t listener) {
    udp_.emplace_back(loop_, std::move(socket), listener, batches_);
}

void Worker::add(net::TcpListener socket, std::size_t listener, Protocol protocol) {
    tcp_.listen(std::move(socket), listener, protocol);
}

void Worker::start() {
    thread_ = std::thread{[this] { run(); }};
}

void Worker::run() {
    block_signals();
    pthread_setname_np(pthread_self(), ("np-dns-" + std::to_string(number_)).c_str());
    for (UdpService& udp : udp_) udp.start();
    tcp_.start();
    batches_.tell(*this);
    // Without queries, too, what is no longer the newest must be let go.
    refresh_->start(refresh_every, refresh_every);
    loop_.run();
    for (UdpService& udp : udp_) udp.send_late();
    for (const auto& tenant : tenants_) tenant->close();
    tenants_.clear();
}

void Worker::keep(std::shared_ptr<Tenant> tenant) {
    if (std::ranges::find(tenants_, tenant) == tenants_.end()) {
        tenants_.push_back(std::move(tenant));
    }
}

/// Lets go of what is no longer the newest, and of what nobody else holds any more; looks what has
/// been lost.
void Worker::refresh() {
    batches_.refresh();
    for (UdpService& udp : udp_) udp.count_overflowed();
    std::erase_if(tenants_, [](const std::shared_ptr<Tenant>& tenant) {
        if (tenant.use_count() != 1) return false;
        tenant->close();
        return true;
    });
}

void Worker::drain(std::chrono::milliseconds grace) {
    loop_.post([this, grace] {
        grace_over_->start(grace);
        drain_udp();
        tcp_.drain([this] {
            tcp_drained_ = true;
            end_when_drained();
        });
    });
}

void Worker::drain_udp() {
    udp_drained_ = true;
    for (UdpService& udp : udp_) udp_drained_ = udp.drain() && udp_drained_;
    // Who waits gets its answer, too.
    udp_drained_ = udp_drained_ && handler_.waiting() == 0;
    if (!udp_drained_) udp_retry_->start(udp_retry_every);
    end_when_drained();
}

void Worker::end_when_drained() {
    if (udp_drained_ && tcp_drained_) loop_.stop();
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

}  // namespace nameplane::server
