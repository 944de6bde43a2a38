#pragma once
// minimal: answers without the sections that nobody has asked for.

#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

namespace nameplane::plugins {

/// Empties authority and additional section where the answer is in the answer section. Denials,
/// errors and delegations, which live by those sections, stay whole.
class Minimal final : public Plugin {
public:
    static constexpr Syntax syntax{.again = Syntax::Again::last_counts};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query&, Reply&) const noexcept override { return Step::next; }
    [[nodiscard]] Step tell(Query& query, Reply& reply) const noexcept override;
};

}  // namespace nameplane::plugins
