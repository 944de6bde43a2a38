#pragma once
// auto: a zone for each zone file in a folder. Files may come, change and go.

#include "plugins/auto/scan.hpp"
#include "zone/authority.hpp"
#include "zone/source.hpp"
#include <nameplane/base/background.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>
#include <nameplane/zones.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nameplane::plugins {

class Auto final : public Plugin {
public:
    static constexpr std::array options{
        Option{"zones", Zones{}, "zones to answer for; unset: those of the server block"},
        Option{"directory", Statements{},
               "folder, and if wanted a pattern for its files and a "
               "template for their origins"},
        Option{"reload", Statements{},
               "how often the folder and its files are looked at; 0: never"},
        Option{"upstream", Statements{}, "no effect"}};
    static constexpr Syntax syntax{.positional = {"zones..."}, .repeats = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override {
        return authority_.woken(this, query, reply);
    }
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override {
        return authority_.metadata(this, query, label);
    }

    struct Settings {
        std::vector<dns::Name> zones;
        zone_folder::Rule rule;
        std::chrono::milliseconds reload{60'000};
        bool is_last = false;
    };

private:
    Auto(Settings settings, std::shared_ptr<zone::Store> store, Background* background);
    /// Takes what the folder holds now. On one thread at a time.
    void look();

    Settings settings_;
    zone::Authority authority_;
    std::map<std::string, zone::Source> sources_;  ///< by origin
    std::string complaint_;                        ///< about the folder, logged last
    std::unique_ptr<Background::Task> looking_;
};

}  // namespace nameplane::plugins
