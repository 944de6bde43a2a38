#include "agent/kube_proxy_config.hpp"

#include "conf/values.hpp"
#include <nameplane/base/ip.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace nameplane::agent {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view primary = "primary";
/// From this verbosity on kube-proxy writes what is of use when looking for a mistake.
constexpr int debug_verbosity = 4;

struct LocalMode {
    std::string_view theirs;
    std::string_view ours;
};
constexpr std::array<LocalMode, 4> local_modes{{{"ClusterCIDR", "cluster_cidr"},
                                                {"NodeCIDR", "node_cidr"},
                                                {"BridgeInterface", "bridge_interface"},
                                                {"InterfaceNamePrefix", "interface_name_prefix"}}};

// An address alone is no network to kube-proxy.
bool is_network(std::string_view word) {
    return word.find('/') != std::string_view::npos && Cidr::parse(word);
}

class Settings {
public:
    Settings(const KubeProxyValues& values, std::vector<conf::Problem>& problems)
        : values_{values}, problems_{problems} {}

    conf::Document take() && {
        table("dns").body.push_back({.name = "listen", .where = values_.origin});
        mode();
        masquerade();
        detector();
        node_port_addresses();
        node_address();
        periods();
        conntrack();
        copy("hostnameOverride", "node", "name");
        copy("oomScoreAdj", "node", "oom_score_adj");
        copy("clientConnection.kubeconfig", "api", "kubeconfig");
        pages();
        if (std::atoi(values_.word("logging.verbosity").c_str()) >= debug_verbosity) {
            set("log", "level", {"debug"}, "logging.verbosity");
        }
        return std::move(document_);
    }

private:
    conf::Directive& table(std::string_view name) {
        auto& all = document_.settings;
        const auto found = std::ranges::find(all, name, &conf::Directive::name);
        if (found != all.end()) return *found;
        return all.emplace_back(
            conf::Directive{.name = std::string{name}, .where = values_.origin});
    }
    // Where `path` was given, or where it could have been.
    const Where& where(std::string_view path) const {
        const KubeProxyValue* const value = values_.find(path);
        return value == nullptr ? values_.origin : value->where;
    }
    void set(std::string_view in, std::string_view option, std::vector<std::string> words,
             std::string_view path) {
        table(in).body.push_back(
            {.name = std::string{option}, .words = std::move(words), .where = where(path)});
    }
    // What was given, or kube-proxy's default, unless that is nothing.
    void copy(std::string_view path, std::string_view in, std::string_view option) {
        std::string word = values_.word(path);
        if (!word.empty()) set(in, option, {std::move(word)}, path);
    }
    void wrong(std::string_view path, std::string_view word, const std::string& expected) {
        const KubeProxyValue* const value = values_.find(path);
        const std::string name = value == nullptr ? std::string{path} : value->name;
        problems_.push_back(
            {where(path), name + ": '" + std::string{word} + "', expected " + expected});
    }

    void mode() {
        std::string word = values_.word("mode");
        if (word.empty()) word = "iptables";
        nftables_ = word == "nftables";
        if (word == "ipvs") {
            wrong("mode", word, "'iptables' or 'nftables': there are no rules of ipvs here");
        } else if (!nftables_ && word != "iptables") {
            wrong("mode", word, "'iptables' or 'nftables'");
        }
        set("rules", "mode", {nftables_ ? "nftables" : "iptables"}, "mode");
    }
    std::string of_mode(std::string_view name) const {
        return (nftables_ ? "nftables." : "iptables.") + std::string{name};
    }

    void masquerade() {
        copy(of_mode("masqueradeBit"), "rules", "masquerade_bit");
        copy(of_mode("masqueradeAll"), "rules", "masquerade_all");
        // Rules of nftables have no node ports on the loopback address.
        if (nftables_) {
            set("rules", "localhost_node_ports", {"false"}, "mode");
        } else {
            copy("iptables.localhostNodePorts", "rules", "localhost_node_ports");
        }
    }

    void detector() {
        std::vector<std::string> networks;
        for (std::string& network : split_at_commas(values_.word("clusterCIDR"))) {
            if (is_network(network)) {
                networks.push_back(std::move(network));
            } else {
                wrong("clusterCIDR", network, "networks such as '10.244.0.0/16'");
            }
        }
        const std::string mode = values_.word("detectLocalMode");
        const auto* const known = std::ranges::find(local_modes, mode, &LocalMode::theirs);
        std::string_view missing;
        if (mode == "BridgeInterface") missing = "detectLocal.bridgeInterface";
        if (mode == "InterfaceNamePrefix") missing = "detectLocal.interfaceNamePrefix";
        if (known == local_modes.end()) {
            wrong("detectLocalMode", mode,
                  "one of 'ClusterCIDR' 'NodeCIDR' 'BridgeInterface' 'InterfaceNamePrefix'");
        } else if (!missing.empty() && values_.word(missing).empty()) {
            wrong("detectLocalMode", mode, std::string{missing} + " to be set as well");
        } else {
            // Without a network kube-proxy recognises nothing.
            const bool blind = known->ours == "cluster_cidr" && networks.empty();
            set("rules", "detect_local_mode", {std::string{blind ? "none" : known->ours}},
                "detectLocalMode");
        }
        if (!networks.empty()) set("rules", "cluster_cidr", std::move(networks), "clusterCIDR");
        copy("detectLocal.bridgeInterface", "rules", "bridge_interface");
        copy("detectLocal.interfaceNamePrefix", "rules", "interface_name_prefix");
    }
    void node_port_addresses() {
        const KubeProxyValue* const given = values_.find("nodePortAddresses");
        std::vector<std::string> words;
        if (given != nullptr) {
            const bool alone = given->words.size() == 1;
            for (const std::string& word : given->words) {
                if (is_network(word) || (alone && word == primary)) {
                    words.push_back(word);
                } else {
                    wrong("nodePortAddresses", word,
                          "networks such as '192.0.2.0/24', or 'primary' alone");
                }
            }
        } else if (nftables_) {
            words.emplace_back(primary);
        }
        if (!words.empty()) {
            set("rules", "node_port_addresses", std::move(words), "nodePortAddresses");
        }
    }

    void node_address() {
        const std::string word = values_.word("bindAddress");
        const std::optional<IpAddress> address = IpAddress::parse(word);
        if (!address) return wrong("bindAddress", word, "an IP address");
        bind_v6_ = address->is_v6();
        if (!address->is_unspecified()) set("rules", "node_address", {word}, "bindAddress");
    }

    milliseconds period(const std::string& path) const {
        return conf::parse_duration(values_.word(path)).value_or(milliseconds{0});
    }
    void periods() {
        const std::string path = of_mode("syncPeriod");
        const milliseconds sync = period(path);
        const milliseconds least = period(of_mode("minSyncPeriod"));
        if (sync.count() == 0) return wrong(path, values_.word(path), "more than 0s");
        if (least > sync) {
            return wrong(path, values_.word(path),
                         "no less than minSyncPeriod, which is " + conf::duration_text(least));
        }
        // A second is the least that stale_after may be.
        const milliseconds stale = std::max(2 * sync, milliseconds{1000});
        set("rules", "stale_after", {conf::duration_text(stale)}, path);
    }

    void conntrack() {
        copy("conntrack.maxPerCore", "conntrack", "max_per_core");
        copy("conntrack.min", "conntrack", "min");
        copy("conntrack.tcpEstablishedTimeout", "conntrack", "tcp_established_timeout");
        copy("conntrack.tcpCloseWaitTimeout", "conntrack", "tcp_close_wait_timeout");
        copy("conntrack.tcpBeLiberal", "conntrack", "tcp_be_liberal");
        copy("conntrack.udpTimeout", "conntrack", "udp_timeout");
        copy("conntrack.udpStreamTimeout", "conntrack", "udp_stream_timeout");
    }

    void pages() {
        page("healthzBindAddress", "proxy_health", bind_v6_ ? "[::]" : "0.0.0.0", "10256");
        page("metricsBindAddress", "proxy_metrics", bind_v6_ ? "[::1]" : "127.0.0.1", "10249");
        copy("bindAddressHardFail", "admin", "proxy_hard_fail");
    }
    // An address without a port gets kube-proxy's; a flag with nothing behind it turns a page off.
    void page(std::string_view path, std::string_view option, const std::string& host,
              const std::string& port) {
        const KubeProxyValue* const given = values_.find(path);
        std::string text = given == nullptr ? host + ':' + port : given->words.front();
        if (text.empty()) return;
        if (const auto bare = IpAddress::parse(text)) {
            text = (bare->is_v6() ? '[' + text + ']' : text) + ':' + port;
        }
        const std::optional<SocketAddress> address = SocketAddress::parse(text);
        if (!address || address->port == 0) {
            return wrong(path, text, "an address and a port such as '0.0.0.0:" + port + "'");
        }
        // For kube-proxy, 0.0.0.0 is every address of either family.
        if (address->address.is_unspecified()) text = ':' + std::to_string(address->port);
        set("admin", option, {std::move(text)}, path);
    }

    const KubeProxyValues& values_;
    std::vector<conf::Problem>& problems_;
    conf::Document document_;
    bool nftables_ = false;
    bool bind_v6_ = false;
};

// Whether a text means the same without quotes around it.
bool is_plain(std::string_view text) {
    constexpr std::string_view marks = "-_./:,[]";
    constexpr std::array<std::string_view, 4> words{"true", "false", "null", "~"};
    const auto is_allowed = [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    };
    const bool letter_first = !text.empty() && ((text.front() >= 'a' && text.front() <= 'z') ||
                                                (text.front() >= 'A' && text.front() <= 'Z'));
    const bool address_like = text.find('.') != text.rfind('.');
    return (letter_first || address_like) && std::ranges::all_of(text, is_allowed) &&
           !text.ends_with(':') && std::ranges::find(words, text) == words.end();
}

std::string yaml_text(std::string_view text) {
    if (is_plain(text)) return std::string{text};
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

// As Go writes a duration: "24h0m0s", "1m30s", "1.5s".
std::string go_duration(const std::string& word) {
    const auto duration = conf::parse_duration(word).value_or(milliseconds{0});
    const std::int64_t seconds = duration.count() / 1000;
    std::string text;
    if (seconds >= 3600) text += std::to_string(seconds / 3600) + 'h';
    if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + 'm';
    std::string fraction = std::to_string(1000 + duration.count() % 1000).substr(1);
    while (fraction.ends_with('0')) fraction.pop_back();
    if (seconds == 0 && !fraction.empty()) return std::to_string(duration.count()) + "ms";
    text += std::to_string(seconds % 60);
    return text + (fraction.empty() ? "" : '.' + fraction) + 's';
}

std::string yaml_scalar(const KubeProxyField& field, const std::string& word) {
    switch (field.kind) {
    case KubeProxyKind::flag:
    case KubeProxyKind::number:
    case KubeProxyKind::decimal: return word;
    case KubeProxyKind::duration: return go_duration(word);
    case KubeProxyKind::text:
    case KubeProxyKind::list:
    case KubeProxyKind::switches:
    case KubeProxyKind::anything: break;
    }
    return yaml_text(word);
}

// What stands behind the colon; empty: the field is left out.
std::string yaml_value(const KubeProxyField& field, const KubeProxyValue* given,
                       const std::string& indent) {
    // kube-proxy does not know them either, but for vmodule, of which only the name was looked at.
    if (field.kind == KubeProxyKind::anything && field.unset.empty()) return {};
    if (given == nullptr || given->words.empty()) {
        return field.unset.empty() ? std::string{} : ' ' + std::string{field.unset};
    }
    if (field.kind == KubeProxyKind::list) {
        std::string items;
        for (const std::string& word : given->words)
            items += '\n' + indent + "- " + yaml_text(word);
        return items;
    }
    if (field.kind == KubeProxyKind::switches) {
        std::string items;
        std::vector<std::string> sorted = given->words;
        std::ranges::sort(sorted);
        for (const std::string& word : sorted) {
            const std::size_t equals = word.find('=');
            items += '\n' + indent + "  " + word.substr(0, equals) + ": " + word.substr(equals + 1);
        }
        return items;
    }
    return ' ' + yaml_scalar(field, given->words.front());
}

// Defaults that depend on what was given. The file has no word for a page that is turned off:
// there, an address of nothing is the default.
KubeProxyValues with_derived(KubeProxyValues values) {
    for (const std::string_view path : {"healthzBindAddress", "metricsBindAddress"}) {
        const KubeProxyValue* const given = values.find(path);
        if (given != nullptr && given->words.front().empty())
            values.given.erase(values.given.find(path));
    }
    const auto derive = [&](const char* path, const char* word) {
        values.given.try_emplace(path, KubeProxyValue{{word}, path, values.origin});
    };
    const std::optional<IpAddress> bind = IpAddress::parse(values.word("bindAddress"));
    if (bind && bind->is_v6()) {
        derive("healthzBindAddress", "[::]:10256");
        derive("metricsBindAddress", "[::1]:10249");
    }
    if (values.word("mode") == "nftables") derive("nodePortAddresses", "primary");
    return values;
}

}  // namespace

conf::Document settings_of(const KubeProxyValues& values, std::vector<conf::Problem>& problems) {
    return Settings{values, problems}.take();
}

std::string kube_proxy_yaml(const KubeProxyValues& given) {
    const KubeProxyValues values = with_derived(given);
    std::string text;
    std::vector<std::string_view> open;  // maps that the last line stood in
    const std::string_view idle = values.word("mode") == "nftables" ? "iptables." : "nftables.";
    for (const KubeProxyField& field : kube_proxy_fields()) {
        std::vector<std::string_view> names;
        for (std::string_view rest = field.path;;) {
            const std::size_t dot = rest.find('.');
            names.push_back(rest.substr(0, dot));
            if (dot == std::string_view::npos) break;
            rest.remove_prefix(dot + 1);
        }
        const std::string indent((names.size() - 1) * 2, ' ');
        std::string value = yaml_value(field, values.find(field.path), indent);
        // Only the mode in use has periods, and says whether all is masqueraded.
        const bool is_idle = field.path.starts_with(idle) || field.path.starts_with("ipvs.");
        if (is_idle && field.path.ends_with("yncPeriod")) value = " 0s";
        if (field.path.starts_with(idle) && field.path.ends_with("All")) value = " false";
        if (value.empty()) continue;
        for (std::size_t depth = 0; depth + 1 < names.size(); ++depth) {
            if (depth < open.size() && open[depth] == names[depth]) continue;
            open.resize(depth);
            open.push_back(names[depth]);
            text += std::string(depth * 2, ' ') + std::string{names[depth]} + ":\n";
        }
        open.resize(names.size() - 1);
        text += indent + std::string{names.back()} + ':' + value + '\n';
    }
    return text;
}

}  // namespace nameplane::agent
