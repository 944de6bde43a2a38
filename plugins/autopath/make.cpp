// The words of the configuration to settings.

#include "conf/values.hpp"
#include "dns/search_domains.hpp"
#include "plugins/autopath/autopath.hpp"

namespace nameplane::plugins {

Result<PluginPtr> Autopath::make(const Options& given, Setup& setup) {
    std::vector<std::string> words = given.words("path");
    const std::string last = words.back();
    words.pop_back();
    Settings settings;
    for (const std::string& word : words) {
        if (!conf::add_zones(word, settings.zones)) {
            return given.wrong("path", "'" + word + "', expected a zone");
        }
    }
    if (words.empty()) settings.zones.assign(setup.zones.begin(), setup.zones.end());
    if (last.starts_with('@')) {
        settings.plugin = last.substr(1);
    } else {
        auto domains = dns::read_search_domains(last);
        if (!domains) {
            return given.wrong("path", domains.error().text +
                                           ", expected a file like /etc/resolv.conf, or "
                                           "'@kubernetes'");
        }
        settings.domains = std::move(*domains);
    }
    metrics::Counter& found = setup.metrics.counter("coredns_autopath_success_total",
                                                    "Counter of requests that did autopath.",
                                                    {{"server", std::string{setup.server_label}}});
    return PluginPtr{new Autopath{std::move(settings), found}};
}

}  // namespace nameplane::plugins
