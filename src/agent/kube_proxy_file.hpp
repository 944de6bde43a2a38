#pragma once
// kube_proxy_file: kube-proxy's own configuration file (kind KubeProxyConfiguration, v1alpha1, in
// YAML or JSON). Fields that kube-proxy does not know are problems.

#include "agent/kube_proxy_fields.hpp"
#include "conf/document.hpp"

#include <string_view>
#include <vector>

namespace nameplane::agent {

/// Whether a text says that it is such a file.
bool is_kube_proxy_file(std::string_view text) noexcept;

struct KubeProxyReading {
    KubeProxyValues values;
    std::vector<conf::Problem> problems;
    std::vector<conf::Problem> warnings;  ///< what is set and has no effect here
};

/// `file` is the name that messages carry. Of several documents the one of that kind counts.
KubeProxyReading read_kube_proxy_file(std::string_view text, std::string_view file);

}  // namespace nameplane::agent
