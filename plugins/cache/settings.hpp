#pragma once
// What `cache` was told, checked and complete.

#include <nameplane/base/result.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/dns/types.hpp>
#include <nameplane/setup.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

namespace nameplane::plugins::caching {

struct Settings {
    using Milliseconds = std::chrono::milliseconds;

    /// What holds for one kind of answers.
    struct Part {
        std::size_t capacity = 9984;  ///< answers, of all workers together
        dns::Ttl ttl_max = 3600;
        dns::Ttl ttl_min = 5;
        std::vector<dns::Name> disabled;  ///< zones that are not kept
        friend bool operator==(const Part&, const Part&) = default;
    };
    std::vector<dns::Name> zones;
    Part success;
    Part denial{.ttl_max = 1800};
    dns::Ttl servfail_ttl = 5;

    std::uint32_t prefetch = 0;  ///< queries; 0: never
    Milliseconds prefetch_gap{60'000};
    std::uint32_t prefetch_percent = 10;

    bool serve_stale = false;
    dns::Ttl stale_for = 3600;
    bool verify = false;
    Milliseconds verify_time{0};  ///< 0: as long as it takes
    dns::Ttl stale_ttl = 0;
    Milliseconds recheck{0};
    bool prefer_positive = false;
    bool keep_ttl = false;

    friend bool operator==(const Settings&, const Settings&) = default;
};

/// All mistakes at once.
Result<Settings> read_settings(const Options& given, const Setup& setup);

}  // namespace nameplane::plugins::caching
