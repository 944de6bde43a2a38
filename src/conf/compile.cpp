#include "conf/compile.hpp"

#include "conf/compile_servers.hpp"
#include "conf/nearest.hpp"
#include "conf/reader.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace nameplane::conf {

namespace {

struct DetectWord {
    std::string_view word;
    DetectLocalMode mode;
};
constexpr std::array<DetectWord, 5> detect_words{
    {{"none", DetectLocalMode::none},
     {"cluster_cidr", DetectLocalMode::cluster_cidr},
     {"node_cidr", DetectLocalMode::node_cidr},
     {"bridge_interface", DetectLocalMode::bridge_interface},
     {"interface_name_prefix", DetectLocalMode::interface_name_prefix}}};

std::vector<std::string_view> names_of(std::span<const OptionTable> tables) {
    std::vector<std::string_view> names;
    for (const OptionTable& table : tables) names.push_back(table.name);
    return names;
}

const OptionTable* find_table(std::span<const OptionTable> tables, std::string_view name) {
    const auto found = std::ranges::find(tables, name, &OptionTable::name);
    return found == tables.end() ? nullptr : &*found;
}

class Compiler {
public:
    Compiler(const Document& document, std::span<const OptionTable> plugins)
        : document_{document}, plugins_{plugins} {}

    Compiled compile() && {
        check_tables();
        compile_log();
        compile_dns();
        compile_services();
        compile_api();
        compile_node();
        compile_rules();
        compile_conntrack();
        compile_admin();
        compile_reload();
        compile_servers(document_, plugins_, compiled_);
        for (ServerConfig& server : compiled_.config.runtime.servers) {
            if (!server.timeouts.idle) server.timeouts.idle = tcp_idle_;
        }
        sort_by_place(compiled_.problems);
        return std::move(compiled_);
    }

private:
    // A table of the agent with its values and what is needed to say where one stood.
    struct Table {
        Options options;
        Directive directive;
    };

    StartConfig& start() noexcept { return compiled_.config.start; }
    void problem(const Where& where, std::string text) {
        compiled_.problems.push_back({where, std::move(text)});
    }

    void check_tables() {
        for (const Directive& table : document_.settings) {
            if (find_table(agent_tables(), table.name) == nullptr) {
                std::vector<std::string_view> known = names_of(agent_tables());
                known.push_back("server");
                problem(table.where,
                        "unknown table '" + table.name + "'" + did_you_mean(table.name, known));
            } else if (!table.words.empty()) {
                problem(table.where, table.name + ": not a table, expected [" + table.name + "]");
            }
            const auto first = std::ranges::find(document_.settings, table.name, &Directive::name);
            if (&*first != &table) {
                problem(table.where, "[" + table.name + "]: given twice, expected once (first at " +
                                         first->where.to_string() + ")");
            }
        }
    }

    Table table(std::string_view name) {
        const OptionTable* const known = find_table(agent_tables(), name);
        NP_CHECK(known != nullptr, "the agent's tables have fixed names");
        const auto given = std::ranges::find(document_.settings, name, &Directive::name);
        if (given == document_.settings.end()) return {Options{known->options}, {}};
        Directive directive = *given;
        directive.words.clear();  // said by check_tables()
        Options options = read_options(directive, *known, compiled_.problems);
        return {std::move(options), std::move(directive)};
    }

    void compile_log() {
        const Options options = table("log").options;
        const auto level = log::parse_level(options.word("level"));
        NP_CHECK(level.has_value(), "the table names the levels that exist");
        compiled_.config.runtime.log_level = *level;
    }

    void compile_dns() {
        const Options options = table("dns").options;
        DnsConfig& dns = start().dns;
        dns.listen = options.addresses("listen");
        dns.port = static_cast<std::uint16_t>(options.integer("port"));
        dns.threads = static_cast<std::uint16_t>(options.integer("threads"));
        dns.udp_size_max = static_cast<std::uint16_t>(options.integer("udp_size_max"));
        const std::chrono::milliseconds idle = options.milliseconds("tcp_idle");
        if (idle != DnsConfig::tcp_idle) tcp_idle_ = idle;
        dns.tcp_connections_max =
            static_cast<std::uint32_t>(options.integer("tcp_connections_max"));
    }

    void compile_services() {
        const Table given = table("services");
        ServicesConfig& services = start().services;
        services.manifests = given.options.text("manifests");
        services.service_cidrs = one_of_each_family(given, "service_cidr");
        services.node_ports = given.options.ports("node_port_range");
        services.state_file = given.options.text("state_file");
    }

    void compile_api() {
        const Table given = table("api");
        const Options& options = given.options;
        ApiConfig& api = start().api;
        api.kubeconfig = options.text("kubeconfig");
        api.context = options.text("context");
        api.endpoint = options.text("endpoint");
        api.certificate = options.text("certificate");
        api.key = options.text("key");
        api.authority = options.text("authority");
        api.headless_forward = options.word("headless") == "forward";
        api.state_file = options.text("state_file");
        needs(given, "context", api.context, "kubeconfig", api.kubeconfig);
        needs(given, "certificate", api.certificate, "endpoint", api.endpoint);
        needs(given, "certificate", api.certificate, "key", api.key);
        needs(given, "key", api.key, "certificate", api.certificate);
        needs(given, "authority", api.authority, "endpoint", api.endpoint);
    }

    static IptablesBackend iptables_backend(std::string_view word) {
        if (word == "legacy") return IptablesBackend::legacy;
        return word == "nft" ? IptablesBackend::nft : IptablesBackend::automatic;
    }

    // An option that means nothing without another.
    void needs(const Table& table, std::string_view option, const std::string& value,
               std::string_view other, const std::string& other_value) {
        if (value.empty() || !other_value.empty()) return;
        problem(where_of(table.directive, option),
                std::string{option} + ": '" + value + "' without '" + std::string{other} +
                    "', expected " + std::string{other} + " to be set as well");
    }

    void compile_node() {
        const Options options = table("node").options;
        start().node.name = options.text("name");
        if (options.given("oom_score_adj")) {
            start().node.oom_score_adj =
                static_cast<std::int16_t>(options.integer("oom_score_adj"));
        }
    }

    void compile_conntrack() {
        const Options options = table("conntrack").options;
        ConntrackConfig& conntrack = start().conntrack;
        conntrack.max_per_core = static_cast<std::uint32_t>(options.integer("max_per_core"));
        conntrack.min = static_cast<std::uint32_t>(options.integer("min"));
        conntrack.tcp_established = options.milliseconds("tcp_established_timeout");
        conntrack.tcp_close_wait = options.milliseconds("tcp_close_wait_timeout");
        conntrack.tcp_be_liberal = options.flag("tcp_be_liberal");
        conntrack.udp = options.milliseconds("udp_timeout");
        conntrack.udp_stream = options.milliseconds("udp_stream_timeout");
    }

    void compile_rules() {
        const Table given = table("rules");
        const Options& options = given.options;
        RulesConfig& rules = start().rules;
        rules.mode = rules_mode(options.word("mode"));
        rules.dispatch =
            options.word("dispatch") == "tree" ? DispatchMode::tree : DispatchMode::linear;
        rules.iptables_backend = iptables_backend(options.word("iptables_backend"));
        rules.masquerade_bit = static_cast<std::uint8_t>(options.integer("masquerade_bit"));
        rules.masquerade_all = options.flag("masquerade_all");
        rules.detect_local =
            std::ranges::find(detect_words, options.word("detect_local_mode"), &DetectWord::word)
                ->mode;
        rules.cluster_cidrs = one_of_each_family(given, "cluster_cidr");
        rules.bridge_interface = options.text("bridge_interface");
        rules.interface_name_prefix = options.text("interface_name_prefix");
        compile_node_port_addresses(given);
        rules.localhost_node_ports = options.flag("localhost_node_ports");
        rules.publish_wait = options.milliseconds("publish_wait");
        rules.full_sync = options.milliseconds("full_sync");
        rules.node_addresses = options.addresses("node_address");
        rules.stale_after = options.milliseconds("stale_after");
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            if (std::ranges::count(rules.node_addresses, family, &IpAddress::family) <= 1) continue;
            problem(where_of(given.directive, "node_address"),
                    "node_address: several addresses of " + std::string{to_string(family)} +
                        ", expected at most one of each family");
        }
        check_detector(given.directive);
    }

    void compile_node_port_addresses(const Table& given) {
        RulesConfig& rules = start().rules;
        const std::vector<std::string>& words = given.options.words("node_port_addresses");
        rules.node_ports_on_primary = words.size() == 1 && words[0] == "primary";
        if (rules.node_ports_on_primary) return;
        for (const std::string& word : words) {
            if (const auto network = Cidr::parse(word)) {
                rules.node_port_addresses.push_back(*network);
                continue;
            }
            problem(where_of(given.directive, "node_port_addresses"),
                    "node_port_addresses: '" + word +
                        "', expected networks such as '10.96.0.0/12', or 'primary' alone");
        }
    }

    // A mode that needs another option is wrong without it.
    void check_detector(const Directive& directive) {
        const RulesConfig& rules = start().rules;
        std::string_view missing;
        switch (rules.detect_local) {
        case DetectLocalMode::cluster_cidr:
            if (rules.cluster_cidrs.empty()) missing = "cluster_cidr";
            break;
        case DetectLocalMode::bridge_interface:
            if (rules.bridge_interface.empty()) missing = "bridge_interface";
            break;
        case DetectLocalMode::interface_name_prefix:
            if (rules.interface_name_prefix.empty()) missing = "interface_name_prefix";
            break;
        case DetectLocalMode::node_cidr:
        case DetectLocalMode::none: break;
        }
        if (missing.empty()) return;
        problem(where_of(directive, "detect_local_mode"),
                "detect_local_mode: '" + std::string{missing} + "' has no value, expected " +
                    std::string{missing} + " to be set as well");
    }

    void compile_admin() {
        const Table given = table("admin");
        AdminConfig& admin = start().admin;
        admin.health = admin_addresses(given, "health");
        admin.ready = admin_addresses(given, "ready");
        admin.metrics = admin_addresses(given, "metrics");
        admin.pprof = admin_addresses(given, "pprof");
        admin.proxy_health = admin_address(given, "proxy_health");
        admin.proxy_metrics = admin_address(given, "proxy_metrics");
        admin.proxy_hard_fail = given.options.flag("proxy_hard_fail");
        warn_of_taken(given);
        compiled_.config.runtime.lameduck = given.options.milliseconds("lameduck");
        compiled_.config.runtime.ready_continuously = given.options.flag("ready_continuously");
    }

    // Pages of kube-proxy have listeners of their own: what another page has they wait for, in
    // vain.
    void warn_of_taken(const Table& given) {
        const AdminConfig& admin = start().admin;
        std::vector<std::pair<std::string_view, SocketAddress>> taken;
        const auto take = [&](std::string_view option, const std::vector<SocketAddress>& all) {
            for (const SocketAddress& each : all) taken.emplace_back(option, each);
        };
        take("health", admin.health);
        take("ready", admin.ready);
        take("metrics", admin.metrics);
        take("pprof", admin.pprof);
        const auto check = [&](std::string_view option, const std::optional<SocketAddress>& page) {
            if (!page) return;
            const auto other = std::ranges::find_if(
                taken, [&](const auto& each) { return collide(each.second, *page); });
            if (other != taken.end()) {
                compiled_.warnings.push_back({where_of(given.directive, option),
                                              std::string{option} + ": " + page->to_string() +
                                                  " is taken by " + std::string{other->first} +
                                                  ", expected an address of its own"});
            }
            taken.emplace_back(option, *page);
        };
        check("proxy_health", admin.proxy_health);
        check("proxy_metrics", admin.proxy_metrics);
    }

    // Whether one of two sockets keeps the other from its port. "::" is every address, 0.0.0.0
    // every one of IPv4.
    static bool collide(const SocketAddress& a, const SocketAddress& b) {
        if (a.port != b.port || a.port == 0) return false;
        const auto covers = [](const IpAddress& wide, const IpAddress& narrow) {
            return wide.is_unspecified() && (wide.is_v6() || narrow.is_v4());
        };
        return a.address == b.address || covers(a.address, b.address) ||
               covers(b.address, a.address);
    }

    void compile_reload() {
        const Options options = table("reload").options;
        compiled_.config.runtime.reload = {options.milliseconds("interval"),
                                           options.milliseconds("jitter")};
    }

    std::vector<SocketAddress> admin_addresses(const Table& table, std::string_view option) {
        std::vector<SocketAddress> addresses;
        for (const std::string& text : table.options.words(option)) {
            if (const auto address = admin_address(table, option, text)) {
                addresses.push_back(*address);
            }
        }
        return addresses;
    }

    std::optional<SocketAddress> admin_address(const Table& table, std::string_view option) {
        return admin_address(table, option, table.options.text(option));
    }

    std::optional<SocketAddress> admin_address(const Table& table, std::string_view option,
                                               const std::string& text) {
        if (text.empty()) return std::nullopt;
        const auto address = parse_admin_address(text);
        if (!address) {
            problem(where_of(table.directive, option),
                    std::string{option} + ": '" + text + "', expected " +
                        std::string{admin_expected} + ", or '' for off");
        }
        return address;
    }

    std::vector<Cidr> one_of_each_family(const Table& table, std::string_view option) {
        const std::vector<Cidr>& cidrs = table.options.cidrs(option);
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            if (std::ranges::count(cidrs, family, &Cidr::family) <= 1) continue;
            problem(where_of(table.directive, option),
                    std::string{option} + ": several networks of " +
                        std::string{to_string(family)} + ", expected at most one of each family");
        }
        return cidrs;
    }

    const Document& document_;
    std::span<const OptionTable> plugins_;
    std::optional<std::chrono::milliseconds> tcp_idle_;  // of blocks that say nothing
    Compiled compiled_;
};

}  // namespace

RulesMode rules_mode(std::string_view word) noexcept {
    if (word == "iptables") return RulesMode::iptables;
    if (word == "nftables") return RulesMode::nftables;
    return word == "auto" ? RulesMode::automatic : RulesMode::off;
}

Compiled compile(const Document& document, std::span<const OptionTable> plugins) {
    return Compiler{document, plugins}.compile();
}

}  // namespace nameplane::conf
