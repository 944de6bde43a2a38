// The words of the configuration to a plugin and, where something runs, its reporter.

#include "plugins/trace/reporter.hpp"
#include "plugins/trace/trace.hpp"
#include <nameplane/heirlooms.hpp>

#include <string>
#include <utility>

namespace nameplane::plugins {

using tracing::Reporter;

namespace {

std::shared_ptr<Reporter> make_reporter(const tracing::Settings& settings, std::string endpoint,
                                        const Setup& setup) {
    const std::string label = tracing::label_of(settings);
    return std::make_shared<Reporter>(
        tracing::Poster::Options{
            .server = settings.server,
            .target = settings.target,
            .label = label,
            .endpoint = std::move(endpoint),
            .backlog = settings.backlog,
            .batch = settings.batch,
            .interval = settings.interval,
            .sent = &setup.metrics.counter("nameplane_trace_spans_total",
                                           "Spans of the plugin trace that a collector has taken.",
                                           {{"to", label}}),
            .dropped = &setup.metrics.counter(
                "nameplane_trace_dropped_total",
                "Spans of the plugin trace that no collector has taken.", {{"to", label}})},
        setup.workers);
}

// What a reporter depends on, so that it goes on over a reload that leaves it alone.
std::string key_of(const tracing::Settings& settings, const std::string& endpoint) {
    return "trace " + settings.server + settings.target + ' ' + std::to_string(settings.backlog) +
           ' ' + std::to_string(settings.batch) + ' ' + std::to_string(settings.interval.count()) +
           ' ' + endpoint;
}

}  // namespace

Trace::Trace(How how, std::shared_ptr<tracing::Sink> sink, std::size_t workers)
    : how_{how}, sink_{std::move(sink)}, locals_{workers} {}

Result<PluginPtr> Trace::make(const Options& given, Setup& setup) {
    const Result<tracing::Settings> settings = tracing::read_settings(given);
    if (!settings) return settings.error();
    std::shared_ptr<Reporter> reporter;
    if (setup.heirlooms != nullptr && settings->every != 0) {
        const std::string endpoint =
            tracing::endpoint_json(settings->service, tracing::address_of(setup.server_label));
        reporter = setup.heirlooms->get<Reporter>(
            key_of(*settings, endpoint), [](const Reporter&) { return true; },
            [&] { return make_reporter(*settings, endpoint, setup); });
    }
    return PluginPtr{new Trace{{.every = settings->every, .shares_spans = settings->shares_spans},
                               std::move(reporter),
                               setup.workers}};
}

}  // namespace nameplane::plugins
