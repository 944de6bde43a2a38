#pragma once
// erratic: answers that are late, cut off, or not there at all, for testing clients.
//
//     settings   what is done to which queries
//     delays     queries that wait for their time

#include "plugins/erratic/delays.hpp"
#include <nameplane/base/worker_local.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

namespace nameplane::plugins {

/// Answers A and AAAA with fixed addresses, a transfer with a small zone, and all else SERVFAIL;
/// and does something to every so manieth query, over all workers.
class Erratic final : public Plugin {
public:
    static constexpr std::array options{
        Option{"drop", Words{.from = 0, .to = 1}, "one in so many gets no answer; unset: 2"},
        Option{"truncate", Words{.from = 0, .to = 1}, "one in so many has TC set"},
        Option{"delay", Words{.from = 0, .to = 2}, "one in so many comes so late; unset: 2 100ms"},
        Option{"large", Flag{}, "thirty A records instead of one"}};
    static constexpr Syntax syntax{.again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    bool takes_unusual() const noexcept override { return true; }  // transfers
    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override;
    /// Between the third query and the fifth.
    bool ready() const noexcept override;
    bool search_path(Query& query, SearchPath& path) const noexcept override;
    void begin(WorkerContext& worker) const override;

private:
    struct Settings {
        std::uint64_t drop = 0;  ///< 0: none
        std::uint64_t truncate = 0;
        std::uint64_t delay = 0;
        std::chrono::milliseconds delay_for{100};
        bool large = false;
    };
    /// What a query carries while it waits.
    struct Note {
        erratic::Waiter waiter;
        std::uint64_t number = 0;
    };
    Erratic(const Settings& settings, std::size_t workers)
        : settings_{settings}, delays_{workers} {}

    static Result<Settings> read(const Options& given);
    Step answer(std::uint64_t number, Query& query, Reply& reply) const noexcept;
    bool wait(std::uint64_t number, Query& query) const noexcept;

    Settings settings_;
    mutable std::atomic<std::uint64_t> asked_{0};
    mutable WorkerLocal<std::shared_ptr<erratic::Delays>> delays_;
};

}  // namespace nameplane::plugins
