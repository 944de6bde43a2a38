#pragma once
// The plugins that exist, in the order queries meet them. The list is plugins/meson.build, which
// generates registry.cpp; no plugin registers itself.

#include "conf/tables.hpp"
#include <nameplane/base/result.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/conf/syntax.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <span>
#include <string_view>
#include <vector>

namespace nameplane::chain {

struct PluginKind {
    std::string_view name;
    std::span<const Option> options;
    Result<PluginPtr> (*make)(const Options& given, Setup& setup);
    Syntax syntax = {};
};

/// The options and the syntax of the plugin class P; none where it does not say.
template <class P> constexpr std::span<const Option> options_of() noexcept {
    if constexpr (requires { P::options; }) {
        return P::options;
    } else {
        return {};
    }
}
template <class P> constexpr Syntax syntax_of() noexcept {
    if constexpr (requires { P::syntax; }) {
        return P::syntax;
    } else {
        return {};
    }
}
template <class P> constexpr PluginKind kind_of(std::string_view name) noexcept {
    static_assert(well_formed(options_of<P>(), syntax_of<P>()),
                  "the options of a plugin and its syntax fit together");
    return {name, options_of<P>(), &P::make, syntax_of<P>()};
}

/// All kinds, in chain order.
std::span<const PluginKind> plugin_kinds() noexcept;

/// What a configuration may say of each of them, in the same order.
std::vector<conf::OptionTable> plugin_tables();

}  // namespace nameplane::chain
