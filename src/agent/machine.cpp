#include "agent/machine.hpp"

#include <nameplane/base/log.hpp>
#include <nameplane/base/result.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>

namespace nameplane::agent {

namespace {

/// Connections for each slot of the hash table.
constexpr std::int64_t connections_a_slot = 4;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::optional<std::int64_t> read_number(const std::string& path) {
    const File file{std::fopen(path.c_str(), "re"), &std::fclose};
    long long number = 0;
    if (!file || std::fscanf(file.get(), "%lld", &number) != 1) return std::nullopt;
    return number;
}

Status write_number(const std::string& path, std::int64_t number) {
    const File file{std::fopen(path.c_str(), "we"), &std::fclose};
    if (!file || std::fprintf(file.get(), "%lld", static_cast<long long>(number)) < 0 ||
        std::fflush(file.get()) != 0) {
        return errno_error(errno, path);
    }
    return {};
}

// Whether it is so now.
bool set_number(const std::string& path, std::int64_t number) {
    if (read_number(path) == number) return true;
    if (const Status written = write_number(path, number); !written) {
        NP_LOG_WARNING("machine.refused", "value", number, "error", written.error());
        return false;
    }
    NP_LOG_INFO("machine.set", "path", path, "value", number);
    return true;
}

std::int64_t seconds_of(std::chrono::milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

}  // namespace

std::size_t conntrack_max(const conf::ConntrackConfig& config, std::size_t processors) noexcept {
    if (config.max_per_core == 0) return 0;
    return std::max<std::size_t>(config.max_per_core * processors, config.min);
}

void set_conntrack(const conf::ConntrackConfig& config, const MachinePaths& paths) {
    const auto set = [&](const char* name, std::int64_t value) {
        return value > 0 && set_number(paths.netfilter + name, value);
    };
    // Those of the machine, however few we may run on.
    const auto processors = static_cast<std::size_t>(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
    const auto most = static_cast<std::int64_t>(conntrack_max(config, processors));
    // The table is of the machine, as is the limit: who may not set the one leaves the other alone.
    const std::int64_t slots = most / connections_a_slot;
    if (set("nf_conntrack_max", most) && read_number(paths.hash_size).value_or(slots) < slots) {
        set_number(paths.hash_size, slots);
    }
    set("nf_conntrack_tcp_timeout_established", seconds_of(config.tcp_established));
    set("nf_conntrack_tcp_timeout_close_wait", seconds_of(config.tcp_close_wait));
    set("nf_conntrack_tcp_be_liberal", config.tcp_be_liberal ? 1 : 0);
    set("nf_conntrack_udp_timeout", seconds_of(config.udp));
    set("nf_conntrack_udp_timeout_stream", seconds_of(config.udp_stream));
}

void set_oom_score(std::optional<std::int16_t> score, const MachinePaths& paths) {
    if (score) set_number(paths.oom_score_adj, *score);
}

void raise_descriptors() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    // What is refused leaves it as it is.
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

std::size_t share_of_descriptors(std::size_t wanted, std::size_t share) noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    return std::max<std::size_t>(std::min<rlim_t>(wanted, limit.rlim_cur / share), 1);
}

std::size_t connections_allowed(std::size_t wanted) {
    const std::size_t allowed = share_of_descriptors(wanted, 2);
    if (allowed < wanted) {
        NP_LOG_WARNING("machine.fewer_connections", "wanted", wanted, "allowed", allowed);
    }
    return allowed;
}

}  // namespace nameplane::agent
