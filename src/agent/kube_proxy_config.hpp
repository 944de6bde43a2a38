#pragma once
// kube_proxy_config: what kube-proxy was told, as settings of ours, and as the whole file that
// kube-proxy writes of it (--write-config-to).

#include "agent/kube_proxy_fields.hpp"
#include "conf/document.hpp"

#include <string>
#include <vector>

namespace nameplane::agent {

/// The settings of ours that mean the same; no names are served. What is wrong with values is added
/// to `problems`; those of the wrong kind must have been told by judge(), and count as not given.
conf::Document settings_of(const KubeProxyValues& values, std::vector<conf::Problem>& problems);

/// All fields of kube-proxy 1.35 in YAML, those that nobody gave with its defaults.
std::string kube_proxy_yaml(const KubeProxyValues& values);

}  // namespace nameplane::agent
