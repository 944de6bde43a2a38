#pragma once
// file: zones out of zone files (RFC 1035), read again when they change, off the workers.

#include "zone/authority.hpp"
#include "zone/source.hpp"
#include <nameplane/base/background.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <chrono>
#include <memory>
#include <vector>

namespace nameplane::plugins {

/// All directives of a server block together. Names that a zone does not have go on where
/// `fallthrough` says so.
class File final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override {
        return authority_.ask(this, query, reply);
    }
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override {
        return authority_.woken(this, query, reply);
    }
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override {
        return authority_.metadata(this, query, label);
    }

    struct Settings {
        /// The zones of one directive.
        struct Files {
            std::vector<zone::Source> sources;
            std::chrono::milliseconds reload{60'000};
        };
        std::vector<Files> files;
        zone::Authority::Options options;
    };

private:
    File(Settings settings, std::shared_ptr<zone::Store> store, Background* background);

    zone::Authority authority_;
    std::vector<Settings::Files> files_;
    std::vector<std::unique_ptr<Background::Task>> reloading_;
};

}  // namespace nameplane::plugins
