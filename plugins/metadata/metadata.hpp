#pragma once
// metadata: lets plugins ask each other what they know about a query.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <utility>
#include <vector>

namespace nameplane::plugins {

/// Allows Query::metadata() for names in its zones. Values are worked out when somebody asks, not
/// before.
class Metadata final : public Plugin {
public:
    static constexpr std::array options{
        Option{"zones", Zones{}, "zones of the names; unset: those of the server block"}};
    static constexpr Syntax syntax{.positional = {"zones..."}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    /// Expressions of a view may ask, too.
    bool admits(Query& query) const noexcept override;
    bool takes_unusual() const noexcept override { return true; }

private:
    explicit Metadata(std::vector<dns::Name> zones) : zones_{std::move(zones)} {}
    std::vector<dns::Name> zones_;
};

}  // namespace nameplane::plugins
