#pragma once
// header: sets and clears flags of the header, in queries for those behind and in answers.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace nameplane::plugins {

/// Its rules are applied in the order in which they are written.
class Header final : public Plugin {
public:
    static constexpr Syntax syntax{.repeats = true, .free_body = true};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;

    enum class Flag : std::uint8_t { authoritative, recursion_available, recursion_desired };
    struct Rule {
        Flag flag;
        bool state;
    };

private:
    Header(std::vector<Rule> query, std::vector<Rule> response)
        : query_{std::move(query)}, response_{std::move(response)} {}

    std::vector<Rule> query_;
    std::vector<Rule> response_;
};

}  // namespace nameplane::plugins
