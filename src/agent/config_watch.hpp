#pragma once
// ConfigWatch: looks at the configuration and all that it imports from time to time, and says when
// it reads differently.

#include "agent/settings.hpp"
#include "conf/config.hpp"
#include "net/loop.hpp"
#include <nameplane/base/metrics.hpp>

#include <functional>
#include <memory>
#include <string>

namespace nameplane::agent {

/// SHA-512 of `sources`, in hexadecimal.
std::string fingerprint(std::string_view sources);

/// Control thread only.
class ConfigWatch {
public:
    /// `changed` is called once for each change, whether or not it can be taken.
    ConfigWatch(net::Loop& loop, const Overrides& overrides, std::function<void()> changed);

    /// What was read last; from now on changes are those against it.
    void saw(const std::string& sources) { seen_ = sources; }
    /// How often to look; interval 0: never.
    void set(const conf::ReloadConfig& reload);
    void stop() { timer_->stop(); }

private:
    void arm();
    void look();

    const Overrides& overrides_;
    std::function<void()> changed_;
    conf::ReloadConfig reload_;
    std::string seen_;
    std::unique_ptr<net::Timer> timer_;
};

}  // namespace nameplane::agent
