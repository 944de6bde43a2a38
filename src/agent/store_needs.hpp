#pragma once
// store_needs: what the plugins of a configuration need of the service cache beyond Services,
// EndpointSlices and Namespaces. It is settled at start: what was not watched or kept then is not
// there when a reload asks for it.

#include "conf/config.hpp"
#include "services/selections.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nameplane::agent {

struct StoreNeeds {
    bool pods = false;         ///< Pods, for `pods verified`
    bool pod_details = false;  ///< their names and labels, for metadata
    bool imports = false;      ///< ServiceImports, for `multicluster`
    services::Selections selections = {};
    /// In words, the same for equal needs.
    std::string to_string() const;
};

/// Selectors that are none, and those that there is no room for, are left out: the plugin that has
/// them says so when it is made.
StoreNeeds store_needs(const conf::RuntimeConfig& runtime);

/// The options that ask for more than `there` has.
std::vector<std::string_view> missing_needs(const StoreNeeds& there,
                                            const conf::RuntimeConfig& wanted);

}  // namespace nameplane::agent
