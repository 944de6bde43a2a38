#pragma once
// any: a short answer to queries for ANY (RFC 8482), so that nobody can ask for much with little.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

namespace nameplane::plugins {

/// Answers type ANY with one HINFO record; all else goes on.
class Any final : public Plugin {
public:
    static constexpr Syntax syntax{.again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query& query, Reply& reply) const noexcept override;
};

}  // namespace nameplane::plugins
