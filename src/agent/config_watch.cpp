#include "agent/config_watch.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <random>

namespace nameplane::agent {

std::string fingerprint(std::string_view sources) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    const int done =
        EVP_Digest(sources.data(), sources.size(), digest.data(), &size, EVP_sha512(), nullptr);
    NP_CHECK(done == 1, "SHA-512 is always there");
    constexpr std::string_view hex = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text += hex[digest[i] >> 4];
        text += hex[digest[i] & 0xf];
    }
    return text;
}

ConfigWatch::ConfigWatch(net::Loop& loop, const Overrides& overrides, std::function<void()> changed)
    : overrides_{overrides}, changed_{std::move(changed)}, timer_{loop.timer([this] { look(); })} {}

void ConfigWatch::set(const conf::ReloadConfig& reload) {
    reload_ = reload;
    arm();
}

// So that not all agents of a cluster read and change at the same moment.
void ConfigWatch::arm() {
    if (reload_.interval.count() == 0) return timer_->stop();
    const std::chrono::milliseconds jitter = std::min(reload_.jitter, reload_.interval / 2);
    std::random_device seed;
    std::uniform_int_distribution<std::int64_t> around{-jitter.count(), jitter.count()};
    timer_->start(std::max(reload_.interval + std::chrono::milliseconds{around(seed)},
                           std::chrono::milliseconds{1}));
}

void ConfigWatch::look() {
    const conf::Compiled now = load_settings(overrides_);
    // A file that is wrong is tried once and not at every look; one that cannot be read is away
    // for a moment.
    if (!now.sources.empty() && now.sources != seen_) {
        seen_ = now.sources;
        changed_();
    }
    arm();
}

}  // namespace nameplane::agent
