#pragma once
// Poster: gathers traces and posts them to a collector as zipkin-go does: when there are enough
// spans, or some have waited long enough. What the collector cannot take now waits for the next
// time; when too much waits, the oldest traces are dropped.

#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "plugins/trace/json.hpp"
#include <nameplane/base/metrics.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

namespace nameplane::plugins::tracing {

/// The thread of the loop only.
class Poster {
public:
    struct Options {
        std::string server;          ///< "http://localhost:9411"
        std::string target;          ///< "/api/v2/spans"
        std::string label;           ///< the collector, for people
        std::string endpoint;        ///< an endpoint_json()
        std::size_t backlog = 1000;  ///< spans that wait at most, beside those under way
        std::size_t batch = 100;     ///< spans that are worth a request
        std::chrono::milliseconds interval{1000};  ///< after which fewer are, too
        std::chrono::milliseconds time_max{5000};  ///< for a request, as zipkin-go
        metrics::Counter* sent = nullptr;          ///< spans that a collector has taken
        metrics::Counter* dropped = nullptr;
    };
    Poster(Options options, net::Loop& loop);
    /// What was not posted by now is dropped.
    ~Poster();
    Poster(const Poster&) = delete;
    Poster& operator=(const Poster&) = delete;

    void add(Trace trace);

private:
    void post();
    std::string next_body();
    void answered(std::size_t octets);
    void ended(const net::HttpEnd& end);
    void settle(bool taken, const std::string& reason);
    void put_back();
    void trim();
    void wait(std::chrono::milliseconds time);

    Options options_;
    net::HttpClient client_;
    std::unique_ptr<net::Timer> timer_;
    std::unique_ptr<net::HttpTransfer> transfer_;  ///< nullptr: none is under way
    std::deque<Trace> backlog_;
    std::deque<Trace> under_way_;
    std::size_t waiting_ = 0;  ///< spans of backlog_
    int status_ = 0;           ///< of the answer under way; 0: it has no head yet
    std::size_t answer_octets_ = 0;
    bool timed_ = false;    ///< the timer will post
    bool failing_ = false;  ///< the last request was not taken
};

}  // namespace nameplane::plugins::tracing
