#pragma once
// ApiAccess: where the API server is and who we are to it. A value, made once from what a Pod is
// given, from a kubeconfig file, or from options; api_client.hpp uses it.

#include "net/http_client.hpp"
#include <nameplane/base/result.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube {

/// A program that prints who we are: `exec` of a kubeconfig file's user.
struct ExecPlugin {
    std::string command;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  ///< "NAME=value"
    std::string api_version;               ///< "client.authentication.k8s.io/v1"
    std::string install_hint;
    /// What the plugin is told of the cluster, as JSON; empty unless it wants to know.
    std::string cluster_json;
    friend bool operator==(const ExecPlugin&, const ExecPlugin&) = default;
};

struct ApiAccess {
    net::HttpPeer peer;
    std::string token;
    std::string token_file;  ///< read again and again; goes before `token`
    std::string username;
    std::string password;
    std::vector<std::string> impersonation;  ///< headers
    std::optional<ExecPlugin> exec;
    bool compression = true;  ///< lists may come compressed
    /// Where all this is from, for messages: "kubeconfig /root/.kube/config, context prod".
    std::string origin;
    friend bool operator==(const ApiAccess&, const ApiAccess&) = default;
};

inline constexpr std::string_view service_account_folder =
    "/var/run/secrets/kubernetes.io/serviceaccount";

/// The value of an environment variable; empty if it is not set.
using Environment = std::function<std::string(const char* name)>;
std::string environment_of_process(const char* name);

/// As a Pod with a service account: KUBERNETES_SERVICE_HOST and _PORT, `token` and `ca.crt` in
/// `folder`. The error says what of it is missing.
Result<ApiAccess> in_cluster_access(const Environment& environment = environment_of_process,
                                    const std::string& folder = std::string{
                                        service_account_folder});

/// The file's `context`, or its current one if that is empty. An error lists all problems, one a
/// line: "file:line: what, expected what". Files that it names are looked for beside it.
Result<ApiAccess> kubeconfig_access(const std::string& path, const std::string& context = {});
/// The same for a text that was read from `path`.
Result<ApiAccess> kubeconfig_from_text(std::string_view text, const std::string& path,
                                       const std::string& context = {});

/// `endpoint` and `tls CERT KEY CACERT` of CoreDNS' plugin kubernetes.
struct EndpointOptions {
    std::string endpoint;     ///< URL; without a scheme, https if there are files, else http
    std::string certificate;  ///< files; empty: none
    std::string key;
    std::string authorities;
};
Result<ApiAccess> endpoint_access(const EndpointOptions& options);

/// The same identity at another server: `--master URL`.
Result<ApiAccess> with_master(ApiAccess access, const std::string& url);

/// An error if `url` is not "http[s]://host[:port][/prefix]"; without the "/" at its end.
Result<std::string> checked_url(std::string_view url);
/// RFC 4648 4, with line ends and spaces passed over; nothing if it is something else.
std::optional<std::string> from_base64(std::string_view text);
std::string to_base64(std::string_view octets);

}  // namespace nameplane::kube
