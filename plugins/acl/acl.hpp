#pragma once
// acl: who may ask what. Rules by zone, type and client: allow, block (REFUSED), filter (an empty
// answer) or drop (silence).

#include <nameplane/base/ip.hpp>
#include <nameplane/base/metrics.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace nameplane::plugins {

/// The first policy that matches decides; a query that none matches goes on.
class Acl final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    bool takes_unusual() const noexcept override { return true; }

    enum class Action : std::uint8_t { allow, block, filter, drop };
    struct Policy {
        Action action = Action::allow;
        std::vector<dns::Type> types;  ///< sorted; empty: all
        std::vector<Cidr> networks;    ///< empty: all
        bool matches(dns::Type type, const IpAddress& client) const noexcept;
    };
    /// A zone with what counts what happens in it.
    struct Zone {
        dns::Name name;
        metrics::Counter* blocked;
        metrics::Counter* filtered;
        metrics::Counter* dropped;
    };
    struct Rule {
        std::vector<Zone> zones;
        std::vector<Policy> policies;
    };

private:
    Acl(std::vector<Rule> rules, metrics::Counter& allowed)
        : rules_{std::move(rules)}, allowed_{&allowed} {}
    Step refuse(Action action, const Zone& zone, Query& query, Reply& reply) const noexcept;

    std::vector<Rule> rules_;
    metrics::Counter* allowed_;
};

}  // namespace nameplane::plugins
