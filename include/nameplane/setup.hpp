#pragma once
// Setup: what a plugin gets when it is built, on the control thread, before any query.

#include <nameplane/base/background.hpp>
#include <nameplane/base/ip.hpp>
#include <nameplane/base/line_log.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/base/result.hpp>
#include <nameplane/dns/name.hpp>
#include <nameplane/services/view.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nameplane {

class Clock;
class Heirlooms;
class Options;
class Plugin;
namespace services {
struct Selections;
}
namespace zone {
class Directory;
}

/// Valid during make() only; what the references name lives as long as the agent.
struct Setup {
    /// Zones of the server block, lower case.
    std::span<const dns::Name> zones;
    std::size_t workers = 1;
    metrics::Registry& metrics;
    /// What the label "server" of metrics says, as CoreDNS has it.
    std::string_view server_label = "dns://:53";
    /// What the label "view" of metrics says; empty without one.
    std::string_view view;
    /// No plugin stands behind the one that is being made.
    bool is_last = false;
    /// This machine's own addresses (interfaces, and those we are bound to), loopback left out:
    /// what an NS record of ours may name.
    std::span<const IpAddress> own_addresses;
    /// Endpoints of headless Services are not in the service cache; their names are for a plugin
    /// that knows whom to ask.
    bool headless_elsewhere = false;
    /// The label selectors that objects of the service cache are judged by; nullptr where there is
    /// no cache (`nameplane check`).
    const services::Selections* selections = nullptr;
    /// The options of the first plugin of that name in the same block, or nullptr; empty: of none.
    std::function<const Options*(std::string_view name)> sibling = {};
    /// For work that may block; nullptr where nothing runs (`nameplane check`).
    Background* background = nullptr;
    /// The query log on standard output; nullptr where nothing is asked.
    LineLog* line_log = nullptr;
    /// Whether the published snapshot is synced; safe from any thread.
    std::function<bool()> services_synced;
    /// Folder that relative paths of the block are meant in; empty: the working folder.
    std::string_view root;
    /// `path` as the block means it.
    std::string path_of(std::string_view path) const {
        if (root.empty() || path.starts_with('/')) return std::string{path};
        return std::string{root} + '/' + std::string{path};
    }
    /// How long a query of the block may wait for others at most; nothing: the plugin decides.
    std::optional<std::chrono::milliseconds> patience{};
    /// Zones that plugins of the block hold as a whole, see zone/store.hpp; nullptr: nobody asks.
    std::shared_ptr<zone::Directory> zones_served;
    /// What the plugins of the configuration before this one left; nullptr: none.
    Heirlooms* heirlooms = nullptr;
    /// Makes a plugin of the agent's own that every chain begins with; nothing: there is none.
    std::function<std::unique_ptr<const Plugin>()> first = {};
    /// What time it is, for tests; nullptr: the machine's. Outlives the plugins.
    const Clock* clock = nullptr;
};

}  // namespace nameplane
