#pragma once
// What `dnstap` was told, checked and complete.

#include "net/frame_stream.hpp"
#include <nameplane/conf/options.hpp>

#include <cstddef>
#include <string>

namespace nameplane::plugins::tapping {

struct Settings {
    net::FrameTarget target;
    std::string label;  ///< the receiver as it was written
    bool full = false;  ///< with the messages themselves
    std::size_t queue = 10'000;
    std::string identity;
    std::string version;
    std::string extra;
};

Result<Settings> read_settings(const Options& given);

}  // namespace nameplane::plugins::tapping
