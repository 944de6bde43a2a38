#pragma once
// Notifier: tells other servers that zones have changed (RFC 1996), over UDP, up to three times
// until they answer. A newer change of a zone takes the place of one that is not told yet.

#include "base/fd.hpp"
#include "plugins/transfer/news.hpp"
#include "plugins/transfer/rule.hpp"
#include <nameplane/base/clock.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/random.hpp>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

namespace nameplane::plugins::transfer {

class Notifier {
public:
    static constexpr unsigned tries_max = 3;
    static constexpr std::chrono::milliseconds patience{2000};
    /// How many zones and hosts may be on the way at once; others wait.
    static constexpr std::size_t on_the_way_max = 256;

    struct Counters {
        metrics::Counter* accepted;
        metrics::Counter* failed;
    };
    /// `rules` must live as long.
    Notifier(const std::vector<Rule>& rules, std::shared_ptr<News> news, const Counters& counters);

    /// Sends, reads and sends again what is due. Does not block. One thread.
    void tick(Monotonic now);
    /// Whether nobody has anything left to be told.
    bool is_idle() const noexcept { return waiting_.empty() && on_the_way_.empty(); }

private:
    struct Telling {
        dns::Name zone;
        std::uint32_t serial = 0;
        SocketAddress to;
        std::optional<IpAddress> source;
        UniqueFd socket{};
        std::uint16_t id = 0;
        unsigned tries = 0;
        Monotonic due{};
    };
    using Tellings = std::list<Telling>;

    void take_news();
    void begin(Telling& telling, Monotonic now);
    bool go_on(Telling& telling, Monotonic now);
    bool try_again(Telling& telling, Monotonic now, const char* why);

    const std::vector<Rule>& rules_;
    std::shared_ptr<News> news_;
    Counters counters_;
    Random random_;
    Tellings waiting_;
    Tellings on_the_way_;
};

}  // namespace nameplane::plugins::transfer
