#pragma once
// Orders: sees to it that a certificate is there for each domain, and renewed in time: a thread
// that asks one after the other. Who uses the files looks at them again by itself.

#include "acme/challenges.hpp"
#include "conf/config.hpp"
#include <nameplane/base/metrics.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace nameplane::acme {

class Files;

/// Made and destroyed on the control thread; the destructor ends the thread within a second or two,
/// whatever it waits for.
class Orders {
public:
    Orders(std::shared_ptr<Challenges> challenges, metrics::Registry& metrics);
    ~Orders();
    Orders(const Orders&) = delete;
    Orders& operator=(const Orders&) = delete;

    /// From now on these; paths are those of the process. What is under way comes to its end. The
    /// thread starts with the first one, so call it when challenges can be answered.
    void use(const std::vector<conf::AcmeConfig>& all);

private:
    using Time = std::chrono::system_clock::time_point;
    /// One certificate that is to be there.
    struct Wanted {
        conf::AcmeConfig from;
        std::string domain;
        Time due{};  // long ago: the files are to be looked at first
        unsigned failures = 0;
    };

    void run();
    /// Until one is due; nullptr: stop.
    Wanted* next(std::unique_lock<std::mutex>& lock);
    /// What to do about one, without the lock; when it is due again.
    Time see_to(const Wanted& wanted, bool& failed);
    Status obtain(const Wanted& wanted, const Files& files);
    bool pause(std::chrono::milliseconds time);

    class Internet;

    std::shared_ptr<Challenges> challenges_;
    metrics::Registry& metrics_;
    metrics::Counter& done_;
    metrics::Counter& failed_;
    std::mutex mutex_;
    std::condition_variable moved_;
    std::vector<Wanted> wanted_;
    std::uint64_t version_ = 0;  // of wanted_
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace nameplane::acme
