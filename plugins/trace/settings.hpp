#pragma once
// What `trace` was told, checked and complete.

#include <nameplane/base/ip.hpp>
#include <nameplane/conf/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nameplane::plugins::tracing {

struct Settings {
    std::string server;       ///< of the collector: "http://localhost:9411"
    std::string target;       ///< and what is asked for there: "/api/v2/spans"
    std::uint64_t every = 1;  ///< 0: no query is traced
    std::string service;
    bool shares_spans = false;
    std::size_t backlog = 1000;
    std::size_t batch = 100;
    std::chrono::milliseconds interval{1000};
};

Result<Settings> read_settings(const Options& given);

/// The collector's URL for people: without what proves who we are.
std::string label_of(const Settings& settings);

/// Where a server listens whose metrics have this label, such as "dns://127.0.0.1:53"; nothing if
/// at every address.
std::optional<SocketAddress> address_of(std::string_view server_label);

}  // namespace nameplane::plugins::tracing
