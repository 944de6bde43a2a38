#pragma once
// secondary: zones fetched from other servers (AXFR), kept new by their SOA and by NOTIFY, answered
// as the plugin `file` does.
//
//     transfer_in  messages to a Zone                                 pure
//     fetch        one question to one primary
//     held_zone    when, from whom, until when
//     turns        how many fetch at once
//     keeper       the thread they run on
//     places       which zone a NOTIFY is for
//     catalog      a catalog zone to the zones that it lists          pure
//     members      which of them are served, for which catalog        pure
//     legacy       what the next configuration takes over

#include "plugins/secondary/keeper.hpp"
#include "plugins/secondary/places.hpp"
#include "zone/authority.hpp"
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <memory>
#include <vector>

namespace nameplane::plugins {

/// All directives of a server block together.
class Secondary final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step woken(Query& query, Reply& reply) const noexcept override {
        return authority_.woken(this, query, reply);
    }
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override {
        return authority_.metadata(this, query, label);
    }
    bool takes_unusual() const noexcept override { return true; }

private:
    Secondary(std::vector<secondary::ZoneSettings> zones, std::shared_ptr<zone::Store> store,
              zone::Authority::Options options, Setup& setup);
    Step hear(Query& query, Reply& reply) const noexcept;

    zone::Authority authority_;
    secondary::Places places_;
    std::unique_ptr<secondary::Keeper> keeper_;  // last: it writes the places
};

}  // namespace nameplane::plugins
