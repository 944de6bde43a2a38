#pragma once
// The plugins that exist, in the order queries meet them. The list is plugins/meson.build, which
// generates registry.cpp; no plugin registers itself.

#include <nameplane/base/result.hpp>
#include <nameplane/conf/options.hpp>
#include <nameplane/plugin.hpp>
#include <nameplane/setup.hpp>

#include <span>
#include <string_view>

namespace nameplane::chain {

struct PluginKind {
    std::string_view name;
    std::span<const Option> options;
    Result<PluginPtr> (*make)(const Options& given, Setup& setup);
};

/// All kinds, in chain order.
std::span<const PluginKind> plugin_kinds() noexcept;

}  // namespace nameplane::chain
