#pragma once
// Reporter: takes what workers have of sampled queries and posts it to a collector, from a thread
// with a loop of its own. A collector that is away, slow or wrong costs spans, which are counted,
// and never a query's time.

#include "net/loop.hpp"
#include "plugins/trace/poster.hpp"
#include "plugins/trace/ring.hpp"
#include "plugins/trace/span.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

namespace nameplane::plugins::tracing {

/// Made and destroyed on the control thread; the destructor ends the thread, whatever it does, and
/// what was not posted by then is dropped.
class Reporter final : public Sink {
public:
    Reporter(Poster::Options options, std::size_t workers);
    ~Reporter();
    Reporter(const Reporter&) = delete;
    Reporter& operator=(const Reporter&) = delete;

    /// Only one thread may use the same `worker`. No heap, no lock.
    void submit(std::size_t worker, const Head& head, dns::NameView name, std::string_view error,
                std::span<const Span> spans, std::size_t left_out) noexcept override;

private:
    void run();
    /// What has gathered in the rings; on the reporter's thread.
    std::vector<Trace> drain();

    Poster::Options options_;
    std::vector<std::unique_ptr<Ring>> rings_;  ///< by worker
    std::atomic<bool> rung_{false};             ///< drain() will be called
    net::Loop loop_;
    std::unique_ptr<net::Timer> gather_;  ///< while the thread runs
    std::unique_ptr<net::Bell> bell_;
    std::thread thread_;
};

}  // namespace nameplane::plugins::tracing
