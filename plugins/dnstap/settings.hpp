#pragma once
// What `dnstap` was told, checked and complete.

#include "net/frame_stream.hpp"
#include "net/tls.hpp"
#include <nameplane/conf/options.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace nameplane::plugins::tapping {

struct Settings {
    net::FrameTarget target;
    bool listens = false;                        ///< readers come to us at `target`
    std::optional<net::TlsServer::Options> tls;  ///< what we prove to them
    std::string label;  ///< the receiver as it was written, or "listen" and where
    bool full = false;  ///< with the messages themselves
    std::size_t queue = 10'000;
    std::string identity;
    std::string version;
    std::string extra;
};

Result<Settings> read_settings(const Options& given);

}  // namespace nameplane::plugins::tapping
