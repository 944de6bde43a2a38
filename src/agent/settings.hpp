#pragma once
// settings: the configuration as one run wants it: the file (or the defaults), and over it what the
// command line says. A reload goes through the same door.

#include "agent/kube_proxy_flags.hpp"
#include "agent/setup_errors.hpp"
#include "conf/compile.hpp"
#include "kube/manifests.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nameplane::agent {

/// What the command line says; it wins over the file.
struct Overrides {
    std::string config_path;  ///< empty: the defaults
    std::optional<std::string> manifests;
    std::optional<std::uint16_t> threads;
    std::optional<std::uint16_t> port;
    std::vector<IpAddress> listen;  ///< empty: as the file says
    std::optional<log::Level> log_level;
    std::optional<conf::RulesMode> rules;
    std::optional<std::string> node_name;
    std::optional<std::string> kubeconfig;  ///< this and the next choose the API over manifests
    std::optional<std::string> master;      ///< URL of the API server
    std::optional<std::string> context;
    std::optional<std::string> state_file;
    std::optional<SocketAddress> more_metrics;  ///< a second place for /metrics
    std::optional<KubeProxyRole> kube_proxy;    ///< we stand in its place
    bool share_ports = false;  ///< DNS ports may be another's as well (SO_REUSEPORT)
    const SetupErrors* setup_errors = nullptr;  ///< in /metrics, if there is one; outlives the run
};

/// The configuration file as messages name it, whether there is one or not. No longer than
/// `overrides`.
std::string_view config_name(const Overrides& overrides) noexcept;

/// Where objects come from.
enum class Source : std::uint8_t { none, manifests, api };
/// What the configuration names; the API server of the pod's environment if it names nothing.
Source source_of(const conf::StartConfig& start) noexcept;

/// Whether anything in `config` asks for the objects of a cluster.
bool needs_services(const conf::Config& config);

/// Reads and compiles `overrides.config_path` and lays the overrides over it. A file that cannot be
/// read is a problem like any other.
conf::Compiled load_settings(const Overrides& overrides);

/// Whether a file is a Corefile and not TOML: by its name, else by how it begins.
bool is_corefile(std::string_view text, std::string_view file);

/// The same from text, as if it stood in a file called `file`; no overrides.
conf::Compiled compile_text(std::string_view text, std::string_view file);

/// What the manifest source needs of it.
kube::ManifestOptions manifest_options(const conf::ServicesConfig& services);

/// The names of the options ("dns.port") that differ; all of them need a restart.
std::vector<std::string_view> changed_fields(const conf::StartConfig& before,
                                             const conf::StartConfig& after);

}  // namespace nameplane::agent
