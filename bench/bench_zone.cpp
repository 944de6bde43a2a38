// Nanoseconds of CPU time that an answer out of a zone takes, without reading and writing the
// message; and what a zone of NAMES (100,000) names takes to read and to hold. Usage: bench_zone
// [NAMES [ROUNDS]]; prints the best of seven runs, each of ROUNDS (200,000) answers.

#include "zone/lookup.hpp"
#include "zone/zone_file.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

using namespace nameplane;

namespace {

/// CPU time of ours, which a busy machine disturbs less.
struct Clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept {
        std::timespec time{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return time_point{std::chrono::seconds{time.tv_sec} +
                          std::chrono::nanoseconds{time.tv_nsec}};
    }
};

std::string zone_text(std::size_t names) {
    std::string text = "$TTL 300\n@ SOA ns admin 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
                       "*.wild A 192.0.2.2\nsub NS ns.sub\nns.sub A 192.0.2.3\n";
    for (std::size_t i = 0; i < names; ++i) {
        const std::string name = "host" + std::to_string(i) + ".rack" + std::to_string(i % 100);
        text += name + " A 10." + std::to_string(i >> 16 & 255) + '.' +
                std::to_string(i >> 8 & 255) + '.' + std::to_string(i & 255) + '\n';
    }
    return text;
}

void measure(const char* what, const zone::Zone& zone, const std::vector<dns::Name>& names,
             std::size_t rounds) {
    Arena arena{1 << 16};
    double best = 1e18;
    for (int run = 0; run < 7; ++run) {
        const Clock::time_point start = Clock::now();
        for (std::size_t i = 0; i < rounds; ++i) {
            const dns::NameView name = names[i % names.size()];
            Query query{{.name = name, .asked = name, .arena = &arena}};
            Reply reply{arena};
            const zone::Suffixes suffixes{name};
            zone::Lookup lookup{zone, suffixes, query, reply};
            if (lookup.run() == zone::Outcome::name_error) lookup.deny();
            arena.clear();
        }
        const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
        best = std::min(best, taken.count() / static_cast<double>(rounds));
    }
    std::printf("%-32s %10.1f ns\n", what, best);
}

std::vector<dns::Name> names_of(const char* shape, std::size_t count, std::size_t up_to) {
    std::mt19937 random{1};
    std::vector<dns::Name> names;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t number = random() % up_to;
        std::string text{shape};
        text.replace(text.find('N'), 1, std::to_string(number));
        if (const auto rack = text.find('R'); rack != std::string::npos) {
            text.replace(rack, 1, std::to_string(number % 100));
        }
        names.push_back(*dns::Name::parse(text));
    }
    return names;
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t names = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
    const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 200'000;
    const std::string text = zone_text(names);
    const Clock::time_point start = Clock::now();
    const auto file = zone::read_zone(text, "bench", *dns::Name::parse("example.org"));
    const std::chrono::duration<double, std::milli> taken = Clock::now() - start;
    if (!file) {
        std::fprintf(stderr, "%s\n", file.error().text.c_str());
        return 1;
    }
    const zone::Zone& zone = *file->zone;
    std::printf("%-32s %10zu\n%-32s %10.0f ms\n%-32s %10.1f octets\n", "records",
                zone.record_count(), "read in", taken.count(), "held in, each record",
                static_cast<double>(zone.octets()) / static_cast<double>(zone.record_count()));
    measure("one name of all", zone, names_of("hostN.rackR.example.org", 5000, names), rounds);
    measure("out of a wildcard", zone, names_of("aN.wild.example.org", 5000, names), rounds);
    measure("a name that is not there", zone, names_of("noN.rack1.example.org", 5000, names),
            rounds);
    measure("a referral", zone, names_of("aN.sub.example.org", 5000, names), rounds);
}
