#pragma once
// kube_proxy_flags: the flags of kube-proxy 1.24 to 1.35. A flag that only kube-proxy has, or a
// program that is called kube-proxy, is what tells that the agent stands in its place.

#include "agent/kube_proxy_fields.hpp"
#include <nameplane/base/log.hpp>
#include <nameplane/base/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::agent {

/// The agent in kube-proxy's place, as the flags say it.
struct KubeProxyRole {
    KubeProxyValues values;  ///< fields of its configuration; a file is taken in their place
    /// What has no effect, a sentence each.
    std::vector<conf::Problem> warnings;
    // These count beside a file, too.
    std::optional<std::string> node_name;
    std::optional<log::Level> log_level;
    std::optional<std::string> master;
    // What is done in the place of running.
    bool cleanup = false;
    bool init_only = false;
    std::string write_config_to;
};

/// The role if there is one, and the arguments that are not kube-proxy's own.
struct KubeProxyArguments {
    std::optional<KubeProxyRole> role;
    std::vector<std::string> rest;
};
/// Whether a program with this name, or path, is kube-proxy.
bool is_kube_proxy_name(std::string_view called) noexcept;
/// `called`: the name of the program. Without a role nothing is taken. The error has a line for
/// each mistake: "--proxy-mode: 'x', expected ...".
Result<KubeProxyArguments> take_kube_proxy_flags(const std::vector<std::string>& arguments,
                                                 std::string_view called);

}  // namespace nameplane::agent
