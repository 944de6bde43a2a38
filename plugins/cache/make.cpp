// The set-up of the plugin.

#include "plugins/cache/cache.hpp"
#include <nameplane/heirlooms.hpp>

#include <string>
#include <utility>

namespace nameplane::plugins {

Result<PluginPtr> Cache::make(const Options& given, Setup& setup) {
    Result<caching::Settings> settings = caching::read_settings(given, setup);
    if (!settings) return settings.error();
    const auto fresh = [&] {
        return std::make_shared<Content>(*settings, setup.workers, setup.metrics,
                                         setup.server_label, setup.view, setup.clock);
    };
    if (setup.heirlooms == nullptr) return PluginPtr{new Cache{fresh()}};
    std::string key = "cache " + std::string{setup.server_label};
    for (const dns::Name& zone : setup.zones) key += ' ' + zone.to_string();
    key += " view " + std::string{setup.view};
    const auto fits = [&](const Content& there) {
        return there.settings == *settings && there.waiting.size() == setup.workers;
    };
    return PluginPtr{new Cache{setup.heirlooms->get<Content>(key, fits, fresh)}};
}

void Cache::begin(WorkerContext& worker) const {
    if (content_->settings.verify_time.count() == 0) return;
    auto& waiting = content_->waiting.at(worker.number());
    if (waiting == nullptr) waiting = std::make_shared<caching::Waiting>(worker.loop(), *content_);
    worker.keep(waiting);
}

}  // namespace nameplane::plugins
