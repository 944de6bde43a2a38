#include "agent/store_needs.hpp"

#include <algorithm>
#include <optional>

namespace nameplane::agent {

namespace {

using services::Selector;
using services::SelectorSet;

/// The selector that an option of CoreDNS' form holds, several words standing for one text.
std::optional<Selector> selector_of(const Options& options, std::string_view name) {
    std::string text;
    for (const std::string& word : options.words(name))
        text.append(text.empty() ? "" : " ") += word;
    if (text.empty()) return std::nullopt;
    Result<Selector> selector = Selector::parse(text);
    return selector ? std::optional{std::move(*selector)} : std::nullopt;
}

void add(const Options& options, std::string_view name, SelectorSet& selectors) {
    if (const auto selector = selector_of(options, name)) selectors.add(*selector);
}

bool has_plugin(const conf::ServerConfig& server, std::string_view name) {
    return std::ranges::find(server.plugins, name, &conf::PluginConfig::name) !=
           server.plugins.end();
}

/// Calls `visit(server, options)` for each plugin kubernetes.
template <class Visit> void for_each_kubernetes(const conf::RuntimeConfig& runtime, Visit visit) {
    for (const conf::ServerConfig& server : runtime.servers) {
        for (const conf::PluginConfig& plugin : server.plugins) {
            if (plugin.name == "kubernetes") visit(server, plugin.options);
        }
    }
}

}  // namespace

std::string StoreNeeds::to_string() const {
    std::string text = pods ? "pods" : "no pods";
    if (pod_details) text += " with names and labels";
    if (imports) text += ", imports";
    return text + "\nlabels " + selections.objects.to_string() + "\nnamespace_labels " +
           selections.namespaces.to_string();
}

StoreNeeds store_needs(const conf::RuntimeConfig& runtime) {
    StoreNeeds needs;
    for_each_kubernetes(runtime, [&](const conf::ServerConfig& server, const Options& options) {
        const bool pods = options.word("pods") == "verified";
        needs.pods = needs.pods || pods;
        needs.pod_details = needs.pod_details || (pods && has_plugin(server, "metadata"));
        needs.imports = needs.imports || !options.zones("multicluster").empty();
        add(options, "labels", needs.selections.objects);
        add(options, "namespace_labels", needs.selections.namespaces);
    });
    return needs;
}

std::vector<std::string_view> missing_needs(const StoreNeeds& there,
                                            const conf::RuntimeConfig& wanted) {
    std::vector<std::string_view> missing;
    const StoreNeeds needs = store_needs(wanted);
    if (needs.pods && !there.pods) missing.emplace_back("kubernetes.pods");
    if (needs.pods && there.pods && needs.pod_details && !there.pod_details) {
        missing.emplace_back("metadata beside kubernetes.pods");
    }
    if (needs.imports && !there.imports) missing.emplace_back("kubernetes.multicluster");
    const auto lacks = [&](std::string_view name, const SelectorSet& selectors) {
        bool any = false;
        for_each_kubernetes(wanted, [&](const conf::ServerConfig&, const Options& options) {
            const auto selector = selector_of(options, name);
            any = any || (selector && !selectors.bit_of(*selector));
        });
        return any;
    };
    if (lacks("labels", there.selections.objects)) missing.emplace_back("kubernetes.labels");
    if (lacks("namespace_labels", there.selections.namespaces)) {
        missing.emplace_back("kubernetes.namespace_labels");
    }
    return missing;
}

}  // namespace nameplane::agent
