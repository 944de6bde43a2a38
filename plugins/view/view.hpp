#pragma once
// view: conditions under which a query belongs to the server block.

#include <nameplane/base/expression.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace nameplane::plugins {

/// Admits queries for which all expressions are true; one that fails, or is no boolean, is not.
class View final : public Plugin {
public:
    static constexpr std::array options{
        Option{"name", Text{}, "what metrics and the label view/name say"},
        Option{"expr", Statements{}, "a condition; all of them must be true"}};
    static constexpr Syntax syntax{.positional = {"name"}};
    static Result<PluginPtr> make(const Options& given, Setup& setup);

    [[nodiscard]] Step ask(Query&, Reply&) const noexcept override { return Step::next; }
    bool filters() const noexcept override { return true; }
    bool admits(Query& query) const noexcept override;
    std::optional<std::string_view> metadata(Query& query,
                                             std::string_view label) const noexcept override;

private:
    View(std::string name, std::vector<expression::Expression> conditions)
        : name_{std::move(name)}, conditions_{std::move(conditions)} {}

    std::string name_;
    std::vector<expression::Expression> conditions_;
};

}  // namespace nameplane::plugins
