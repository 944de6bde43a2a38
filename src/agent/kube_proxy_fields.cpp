#include "agent/kube_proxy_fields.hpp"

#include "conf/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace nameplane::agent {

namespace {

using enum KubeProxyKind;
using enum KubeProxyFate;

constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();

constexpr std::string_view merged =
    "a change is written at once, and what comes meanwhile together after it";
constexpr std::string_view no_ipvs = "there are no rules of ipvs here";
constexpr std::string_view no_windows = "this is not Windows";
constexpr std::string_view own_client = "the client of the API server asks for little, and in JSON";
constexpr std::string_view one_log = "the log has one form, and each line is written at once";
constexpr std::string_view long_gone = "kube-proxy itself does not know it any more";

constexpr std::array fields{
    KubeProxyField{"apiVersion", "", text, "kubeproxy.config.k8s.io/v1alpha1"},
    KubeProxyField{"bindAddress", "bind-address", text, "0.0.0.0"},
    KubeProxyField{"bindAddressHardFail", "bind-address-hard-fail", flag, "false"},
    KubeProxyField{"clientConnection.acceptContentTypes", "", text, "\"\"", without, own_client},
    KubeProxyField{"clientConnection.burst", "kube-api-burst", number, "10", without, own_client, 0,
                   int32_max},
    KubeProxyField{"clientConnection.contentType", "kube-api-content-type", text,
                   "application/vnd.kubernetes.protobuf", without, own_client},
    KubeProxyField{"clientConnection.kubeconfig", "kubeconfig", text, "\"\""},
    KubeProxyField{"clientConnection.qps", "kube-api-qps", decimal, "5", without, own_client},
    KubeProxyField{"clusterCIDR", "cluster-cidr", text, "\"\""},
    KubeProxyField{"configSyncPeriod", "config-sync-period", duration, "15m0s", without,
                   "watches tell everything, and nothing is listed again by the clock"},
    KubeProxyField{"conntrack.max", "", anything, "", without, long_gone},
    KubeProxyField{"conntrack.maxPerCore", "conntrack-max-per-core", number, "32768", used, "", 0,
                   int32_max},
    KubeProxyField{"conntrack.min", "conntrack-min", number, "131072", used, "", 0, int32_max},
    KubeProxyField{"conntrack.tcpBeLiberal", "conntrack-tcp-be-liberal", flag, "false"},
    KubeProxyField{"conntrack.tcpCloseWaitTimeout", "conntrack-tcp-timeout-close-wait", duration,
                   "1h0m0s"},
    KubeProxyField{"conntrack.tcpEstablishedTimeout", "conntrack-tcp-timeout-established", duration,
                   "24h0m0s"},
    KubeProxyField{"conntrack.udpStreamTimeout", "conntrack-udp-timeout-stream", duration, "0s"},
    KubeProxyField{"conntrack.udpTimeout", "conntrack-udp-timeout", duration, "0s"},
    KubeProxyField{"detectLocal.bridgeInterface", "pod-bridge-interface", text, "\"\""},
    KubeProxyField{"detectLocal.interfaceNamePrefix", "pod-interface-name-prefix", text, "\"\""},
    KubeProxyField{"detectLocalMode", "detect-local-mode", text, "ClusterCIDR"},
    KubeProxyField{"enableProfiling", "profiling", flag, "false", without,
                   "there are no pages of Go's profiler"},
    KubeProxyField{"featureGates", "feature-gates", switches, "", without,
                   "there are no feature gates here"},
    KubeProxyField{"healthzBindAddress", "healthz-bind-address", text, "0.0.0.0:10256"},
    KubeProxyField{"hostnameOverride", "hostname-override", text, "\"\""},
    KubeProxyField{"iptables.localhostNodePorts", "iptables-localhost-nodeports", flag, "true"},
    KubeProxyField{"iptables.masqueradeAll", "masquerade-all", flag, "false"},
    KubeProxyField{"iptables.masqueradeBit", "iptables-masquerade-bit", number, "14", used, "", 0,
                   31},
    KubeProxyField{"iptables.minSyncPeriod", "iptables-min-sync-period", duration, "1s", without,
                   merged},
    KubeProxyField{"iptables.syncPeriod", "iptables-sync-period", duration, "30s"},
    KubeProxyField{"ipvs.excludeCIDRs", "ipvs-exclude-cidrs", list, "null", without, no_ipvs},
    KubeProxyField{"ipvs.minSyncPeriod", "ipvs-min-sync-period", duration, "0s", without, no_ipvs},
    KubeProxyField{"ipvs.scheduler", "ipvs-scheduler", text, "\"\"", without, no_ipvs},
    KubeProxyField{"ipvs.strictARP", "ipvs-strict-arp", flag, "false", without, no_ipvs},
    KubeProxyField{"ipvs.syncPeriod", "ipvs-sync-period", duration, "30s", without, no_ipvs},
    KubeProxyField{"ipvs.tcpFinTimeout", "ipvs-tcpfin-timeout", duration, "0s", without, no_ipvs},
    KubeProxyField{"ipvs.tcpTimeout", "ipvs-tcp-timeout", duration, "0s", without, no_ipvs},
    KubeProxyField{"ipvs.udpTimeout", "ipvs-udp-timeout", duration, "0s", without, no_ipvs},
    KubeProxyField{"kind", "", text, "KubeProxyConfiguration"},
    KubeProxyField{"logging.flushFrequency", "log-flush-frequency", anything, "5s", without,
                   one_log},
    KubeProxyField{"logging.format", "logging-format", text, "text", without, one_log},
    KubeProxyField{"logging.options.json.infoBufferSize", "log-json-info-buffer-size", text,
                   "\"0\"", without, one_log},
    KubeProxyField{"logging.options.json.splitStream", "log-json-split-stream", flag, "", without,
                   one_log},
    KubeProxyField{"logging.options.text.infoBufferSize", "log-text-info-buffer-size", text,
                   "\"0\"", without, one_log},
    KubeProxyField{"logging.options.text.splitStream", "log-text-split-stream", flag, "", without,
                   one_log},
    KubeProxyField{"logging.verbosity", "v", number, "0", used, "", 0, int32_max},
    KubeProxyField{"logging.vmodule", "vmodule", anything, "", without,
                   "the log has one level for all"},
    KubeProxyField{"metadata", "", anything, "", without, "the file is no object of a cluster"},
    KubeProxyField{"metricsBindAddress", "metrics-bind-address", text, "127.0.0.1:10249"},
    KubeProxyField{"mode", "proxy-mode", text, "iptables"},
    KubeProxyField{"nftables.masqueradeAll", "masquerade-all", flag, "false"},
    KubeProxyField{"nftables.masqueradeBit", "", number, "14", used, "", 0, 31},
    KubeProxyField{"nftables.minSyncPeriod", "iptables-min-sync-period", duration, "1s", without,
                   merged},
    KubeProxyField{"nftables.syncPeriod", "iptables-sync-period", duration, "30s"},
    KubeProxyField{"nodePortAddresses", "nodeport-addresses", list, "null"},
    KubeProxyField{"oomScoreAdj", "oom-score-adj", number, "-999", used, "", -1000, 1000},
    KubeProxyField{"portRange", "", text, "\"\"", without, "kube-proxy does not use it either"},
    KubeProxyField{"resourceContainer", "", anything, "", without, long_gone},
    KubeProxyField{"showHiddenMetricsForVersion", "show-hidden-metrics-for-version", text, "\"\"",
                   without, "no metric is hidden"},
    KubeProxyField{"udpIdleTimeout", "", anything, "", without, long_gone},
    KubeProxyField{"windowsRunAsService", "", flag, "", refused, no_windows},
    KubeProxyField{"winkernel.enableDSR", "", flag, "false", without, no_windows},
    KubeProxyField{"winkernel.forwardHealthCheckVip", "", flag, "false", without, no_windows},
    KubeProxyField{"winkernel.networkName", "", text, "\"\"", without, no_windows},
    KubeProxyField{"winkernel.rootHnsEndpointName", "", text, "\"\"", without, no_windows},
    KubeProxyField{"winkernel.sourceVip", "", text, "\"\"", without, no_windows},
};

bool is_truth(std::string_view word) {
    return word == "true" || word == "false";
}

template <class T> bool is_number_in(std::string_view word, T from, T to) {
    T number{};
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, number);
    return error == std::errc{} && stop == end && number >= from && number <= to;
}

bool is_switch(std::string_view word) {
    const std::size_t equals = word.find('=');
    return equals != std::string_view::npos && equals != 0 && is_truth(word.substr(equals + 1));
}

// As it would stand between quotes, or without.
std::string_view unquoted(std::string_view text) {
    const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
    return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

std::span<const KubeProxyField> kube_proxy_fields() noexcept {
    return fields;
}

const KubeProxyField* find_kube_proxy_field(std::string_view path) noexcept {
    const auto* const found = std::ranges::find(fields, path, &KubeProxyField::path);
    return found == fields.end() ? nullptr : &*found;
}

const KubeProxyValue* KubeProxyValues::find(std::string_view path) const {
    const auto found = given.find(path);
    return found == given.end() ? nullptr : &found->second;
}

std::string KubeProxyValues::word(std::string_view path) const {
    if (const KubeProxyValue* const value = find(path); value != nullptr && !value->words.empty()) {
        return value->words.front();
    }
    const KubeProxyField* const field = find_kube_proxy_field(path);
    return std::string{field == nullptr ? std::string_view{} : unquoted(field->unset)};
}

std::optional<std::string> misfit(const KubeProxyField& field,
                                  const std::vector<std::string>& words) {
    const std::string_view word = words.empty() ? std::string_view{} : words.front();
    bool fits = true;
    std::string expected;
    switch (field.kind) {
    case text:
    case list:
    case anything: break;
    case flag:
        fits = is_truth(word);
        expected = "true or false";
        break;
    case number:
        fits = is_number_in<std::int64_t>(word, field.from, field.to);
        expected =
            "a number from " + std::to_string(field.from) + " to " + std::to_string(field.to);
        break;
    case decimal:
        fits = is_number_in<double>(word, -1e9, 1e9);
        expected = "a number";
        break;
    case duration:
        // Go takes a 0 without a unit.
        fits = word == "0" || conf::parse_duration(word).has_value();
        expected = "a duration such as '30s' or '2h22m'";
        break;
    case switches:
        fits = std::ranges::all_of(words, is_switch);
        expected = "names that are true or false";
        break;
    }
    if (fits) return std::nullopt;
    return expected;
}

bool says_nothing(const KubeProxyField& field, const std::vector<std::string>& words) {
    if (words.empty()) return true;
    if (words.size() > 1 || field.kind == list || field.kind == switches) return false;
    constexpr std::array<std::string_view, 4> zeros{"", "0", "0s", "false"};
    const std::string& word = words.front();
    if (word == unquoted(field.unset)) return true;
    if (std::ranges::find(zeros, word) != zeros.end()) return true;
    return field.kind == duration &&
           conf::parse_duration(word) == conf::parse_duration(field.unset);
}

void judge(const KubeProxyField& field, const KubeProxyValue& value,
           std::vector<conf::Problem>& problems, std::vector<conf::Problem>& warnings) {
    if (const auto expected = misfit(field, value.words)) {
        std::string words;
        for (const std::string& word : value.words) words += (words.empty() ? "" : ",") + word;
        problems.push_back({value.where, value.name + ": '" + words + "', expected " + *expected});
        return;
    }
    if (field.fate == used || says_nothing(field, value.words)) return;
    const std::string why{field.why};
    if (field.fate == refused) {
        problems.push_back(
            {value.where, value.name + ": not possible here, expected nothing, since " + why});
    } else {
        warnings.push_back({value.where, value.name + ": accepted without effect, since " + why});
    }
}

std::vector<std::string> split_at_commas(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        if (comma != 0) parts.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

}  // namespace nameplane::agent
