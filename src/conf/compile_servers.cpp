#include "conf/compile_servers.hpp"

#include "conf/directives.hpp"
#include "conf/nearest.hpp"
#include "conf/reader.hpp"
#include "conf/tls_directive.hpp"
#include "conf/values.hpp"
#include "conf/zone_key.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace nameplane::conf {

namespace {

constexpr std::string_view view_name = "view";

ServerBlock default_server() {
    ServerBlock block;
    block.zones = {"cluster.local", "in-addr.arpa", "ip6.arpa"};
    block.plugins = {{"kubernetes", {}, {}, {"(default)", 0}}};
    block.where = {"(default)", 0};
    return block;
}

const OptionTable* find_table(std::span<const OptionTable> tables, std::string_view name) {
    const auto found = std::ranges::find(tables, name, &OptionTable::name);
    return found == tables.end() ? nullptr : &*found;
}

bool has(const ServerBlock& block, std::string_view name) {
    return std::ranges::find(block.plugins, name, &Directive::name) != block.plugins.end();
}

class ServersCompiler {
public:
    ServersCompiler(std::span<const OptionTable> plugins, Compiled& compiled)
        : plugins_{plugins}, config_{compiled.config}, problems_{compiled.problems},
          warnings_{compiled.warnings} {}

    void add(const ServerBlock& block) {
        ServerConfig server;
        server.place = {block.where};
        for (const Directive& directive : block.plugins) check(block, directive);
        apply_directives(block, server);
        add_zones_of(block, server);
        for (const OptionTable& kind : plugins_) add_plugins(block, kind, server.plugins);
        for (const PluginConfig& plugin : server.plugins) {
            if (plugin.name == "kubernetes") set_api(plugin.options);
            if (plugin.name == view_name && plugin.options.has("name")) {
                server.view = plugin.options.text("name");
            }
        }
        config_.runtime.servers.push_back(std::move(server));
    }

private:
    void problem(const Where& where, std::string text) {
        problems_.push_back({where, std::move(text)});
    }

    // A plugin of ours comes before everything else of its name.
    const OptionTable* find_directive(std::string_view name) const {
        const OptionTable* const plugin = find_table(plugins_, name);
        return plugin != nullptr ? plugin : find_table(directive_tables(), name);
    }

    void check(const ServerBlock& block, const Directive& directive) {
        const OptionTable* const known = find_directive(directive.name);
        if (known == nullptr) return unknown(directive);
        if (known->syntax.repeats) return;
        const auto first = std::ranges::find(block.plugins, directive.name, &Directive::name);
        if (&*first == &directive) return;
        std::string text = directive.name +
                           ": given twice in a server block, expected once (first at " +
                           first->where.to_string() + ")";
        switch (known->syntax.again) {
        case Syntax::Again::refused: return problem(directive.where, std::move(text));
        case Syntax::Again::first_counts: text += "; the first one counts"; break;
        case Syntax::Again::last_counts: text += "; the last one counts"; break;
        }
        warnings_.push_back({directive.where, std::move(text)});
    }

    // Whether it is the one that counts of those with its name.
    static bool counts(const ServerBlock& block, const Directive& directive, Syntax::Again again) {
        const auto is_namesake = [&](const Directive& each) { return each.name == directive.name; };
        switch (again) {
        case Syntax::Again::refused: return true;
        case Syntax::Again::first_counts:
            return &*std::ranges::find_if(block.plugins, is_namesake) == &directive;
        case Syntax::Again::last_counts:
            return std::none_of(&directive + 1, block.plugins.data() + block.plugins.size(),
                                is_namesake);
        }
        return true;
    }

    void unknown(const Directive& directive) {
        if (const std::string_view why = why_not_served(directive.name); !why.empty()) {
            return problem(directive.where,
                           directive.name +
                               ": not served, expected another plugin: " + std::string{why});
        }
        std::vector<std::string_view> names;
        for (const OptionTable& kind : plugins_) names.push_back(kind.name);
        for (const OptionTable& table : directive_tables()) names.push_back(table.name);
        if (!directive.is_line) names.push_back("zones");
        problem(directive.where,
                "unknown plugin '" + directive.name + "'" + did_you_mean(directive.name, names));
    }

    // What the block has of one kind: one plugin, or one for each directive of it.
    void add_plugins(const ServerBlock& block, const OptionTable& kind,
                     std::vector<PluginConfig>& plugins) {
        std::vector<Statement> statements;
        for (const Directive& given : block.plugins) {
            if (given.name != kind.name || !counts(block, given, kind.syntax.again)) continue;
            if (kind.syntax.free_body) {
                check_free_body(given);
                statements.push_back(statement_of(given));
            } else {
                const std::size_t before = problems_.size();
                Options options = read_options(given, kind, problems_);
                const bool whole = problems_.size() == before;
                plugins.push_back({given.name, std::move(options), whole});
            }
        }
        if (statements.empty()) return;
        Options options;
        options.set_where(statements.front().where);
        options.set_statements(std::move(statements));
        plugins.push_back({std::string{kind.name}, std::move(options)});
    }

    void check_free_body(const Directive& plugin) {
        for (const Directive& line : plugin.body) {
            if (line.is_line) continue;
            problem(line.where, plugin.name + ": unknown key '" + line.name +
                                    "', expected 'line' or 'body', which are written as in a "
                                    "Corefile");
        }
    }

    void add_zones_of(const ServerBlock& block, ServerConfig& server) {
        if (block.zones.empty()) {
            problem(block.where, "server: no zones, expected zones such as [\"cluster.local\"]");
        }
        for (const std::string& text : block.zones) {
            Result<ZoneKey> key = parse_zone_key(text);
            if (!key) {
                problem(block.where, "zones: " + key.error().text);
                continue;
            }
            for (const dns::Name& zone : key->zones) {
                server.zones.emplace_back(zone, key->port, key->scheme);
                check_served_once(text, block, server);
            }
        }
    }

    // The zone that was added last: another block may have it on another address, or with views.
    void check_served_once(std::string_view text, const ServerBlock& block,
                           const ServerConfig& server) {
        const ServedZone& zone = server.zones.back();
        const std::uint16_t port = zone.port_or(config_.start.dns.port);
        std::vector<Served>& others = served_[{zone.name.to_string(), port, zone.scheme}];
        const std::set<std::string> bind{server.bind.begin(), server.bind.end()};
        const bool has_view = has(block, view_name);
        for (const Served& other : others) {
            const bool apart = !bind.empty() && !other.bind.empty() &&
                               std::ranges::none_of(bind, [&](const std::string& address) {
                                   return other.bind.contains(address);
                               });
            if (apart || other.has_view) continue;
            const std::string first = "(first at " + other.where.to_string() + ")";
            if (has_view) {
                warnings_.push_back({block.where, "zones: '" + std::string{text} +
                                                      "' is served by a block without a view "
                                                      "before, which leaves this one no query " +
                                                      first});
            } else {
                problem(block.where, "zones: '" + std::string{text} +
                                         "' is served twice, expected once " + first);
            }
            break;
        }
        others.push_back({bind, has_view, block.where});
    }

    // Directives that are no plugins.

    void apply_directives(const ServerBlock& block, ServerConfig& server) {
        for (const Directive& directive : block.plugins) {
            const OptionTable* const table = find_table(directive_tables(), directive.name);
            if (table == nullptr || find_table(plugins_, directive.name) != nullptr) continue;
            if (!counts(block, directive, table->syntax.again)) continue;
            const std::size_t before = problems_.size();
            const Options options = read_options(directive, *table, problems_);
            if (directive.name == "https") check_given_once(directive, "max_connections");
            if (problems_.size() == before) apply(directive.name, options, server);
        }
    }

    void check_given_once(const Directive& directive, std::string_view option) {
        const Directive* first = nullptr;
        for (const Directive& line : directive.body) {
            if (line.name != option) continue;
            if (first != nullptr) {
                problem(line.where, line.name + ": given twice, expected once (first at " +
                                        first->where.to_string() + ")");
            } else {
                first = &line;
            }
        }
    }

    void apply(std::string_view name, const Options& options, ServerConfig& server) {
        AdminConfig& admin = config_.start.admin;
        if (name == "bind") {
            check_bind(options, "addresses");
            check_bind(options, "except");
            append(options.words("addresses"), server.bind);
            append(options.words("except"), server.bind_except);
        } else if (name == "cancel") {
            server.cancel = options.milliseconds("timeout");
        } else if (name == "root") {
            server.root = options.text("path");
        } else if (name == "debug") {
            config_.runtime.log_level = log::Level::debug;
        } else if (name == "health") {
            add_address(options, admin.health);
            if (options.given("lameduck")) {
                config_.runtime.lameduck = options.milliseconds("lameduck");
            }
        } else if (name == "ready") {
            add_address(options, admin.ready);
            config_.runtime.ready_continuously = options.word("monitor") == "continuously";
        } else if (name == "prometheus") {
            add_address(options, admin.metrics);
        } else if (name == "pprof") {
            add_address(options, admin.pprof);
            check_block_rate(options);
        } else if (name == "reload") {
            config_.runtime.reload = {options.milliseconds("interval"),
                                      options.milliseconds("jitter")};
            const std::chrono::milliseconds jitter = config_.runtime.reload.jitter;
            if (jitter > std::chrono::milliseconds{0} && jitter < std::chrono::seconds{1}) {
                problem(options.where("jitter"),
                        "jitter: '" + duration_text(jitter) + "', expected 0, or 1s at least");
            }
        } else if (name == "timeouts") {
            apply_timeouts(options, server.timeouts);
        } else if (name == "tls") {
            server.tls = read_tls(options, problems_);
        } else if (name == "https") {
            if (options.given("max_connections")) {
                server.https_connections_max =
                    static_cast<std::uint32_t>(options.integer("max_connections"));
            }
        }
    }

    // Whether the addresses and interfaces are there is seen at the start.
    void check_bind(const Options& options, std::string_view name) {
        for (const std::string& word : options.words(name)) {
            if (word.find_first_of(":/[] ") == word.npos || IpAddress::parse(word)) continue;
            problem(options.where(name),
                    "bind: '" + word + "', expected an address or an interface");
        }
    }

    void apply_timeouts(const Options& options, TimeoutsConfig& timeouts) {
        const auto set = [&](std::string_view name, auto& field) {
            if (!options.given(name)) return;
            // As CoreDNS: a bare number is seconds.
            std::string text = options.text(name);
            if (text.find_first_not_of("0123456789") == text.npos) text += 's';
            constexpr std::uint64_t least = timeout_min.count();
            constexpr Milliseconds allowed{least, 24 * 3600 * 1000, least};
            const std::array words{text};
            Result<Options::Value> value = read_value(allowed, words);
            if (!value) {
                return problem(options.where(name), std::string{name} + ": " + value.error().text);
            }
            field = std::chrono::milliseconds{std::get<std::uint64_t>(*value)};
        };
        set("read", timeouts.read);
        set("write", timeouts.write);
        set("idle", timeouts.idle);
        if (!options.given("maxtcpqueries")) {
            const auto given = [&](const char* name) { return options.given(name); };
            if (!given("read") && !given("write") && !given("idle")) {
                problem(options.where(), "timeouts: nothing, expected read, write, idle or "
                                         "maxtcpqueries");
            }
            return;
        }
        const std::int64_t queries = options.integer("maxtcpqueries");
        if (queries == 0) {
            problem(options.where("maxtcpqueries"),
                    "maxtcpqueries: '0', expected a number from 1, or -1");
        } else if (queries > 0) {
            timeouts.queries_max = static_cast<std::uint32_t>(queries);
        }
    }

    static void append(const std::vector<std::string>& words, std::vector<std::string>& to) {
        to.insert(to.end(), words.begin(), words.end());
    }

    // Of a profile of Go's that is not there.
    void check_block_rate(const Options& options) {
        const std::vector<std::string>& words = options.words("block");
        if (words.empty() || words[0].empty()) return;
        std::int32_t rate = 0;
        const std::string& word = words[0];
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), rate);
        if (error == std::errc{} && end == word.data() + word.size()) return;
        problem(options.where("block"), "block: '" + word + "', expected a number");
    }

    // A page is served at all addresses that blocks name.
    void add_address(const Options& options, std::vector<SocketAddress>& addresses) {
        const std::string& text = options.text("address");
        const std::optional<SocketAddress> wanted = parse_admin_address(text);
        if (!wanted) {
            return problem(options.where("address"),
                           "address: '" + text + "', expected " + std::string{admin_expected});
        }
        if (std::ranges::find(addresses, *wanted) == addresses.end()) addresses.push_back(*wanted);
    }

    // Where the API is, as the plugin is told in a Corefile.
    void set_api(const Options& options) {
        ApiConfig& api = config_.start.api;
        const auto words = [&](std::string_view name) {
            return options.has(name) ? options.words(name) : std::vector<std::string>{};
        };
        const auto set = [&](const std::vector<std::string>& given, std::size_t i,
                             std::string& field) {
            if (i < given.size()) field = given[i];
        };
        const std::vector<std::string> kubeconfig = words("kubeconfig");
        set(kubeconfig, 0, api.kubeconfig);
        set(kubeconfig, 1, api.context);
        set(words("endpoint"), 0, api.endpoint);
        const std::vector<std::string> tls = words("tls");
        // As CoreDNS: one is the authority, two are certificate and key, three are all of them.
        if (tls.size() == 1) set(tls, 0, api.authority);
        if (tls.size() < 2) return;
        set(tls, 0, api.certificate);
        set(tls, 1, api.key);
        set(tls, 2, api.authority);
    }

    struct Served {
        std::set<std::string> bind;
        bool has_view;
        Where where;
    };

    std::span<const OptionTable> plugins_;
    Config& config_;
    std::vector<Problem>& problems_;
    std::vector<Problem>& warnings_;
    std::map<std::tuple<std::string, std::uint16_t, Scheme>, std::vector<Served>> served_;
};

}  // namespace

void compile_servers(const Document& document, std::span<const OptionTable> plugins,
                     Compiled& compiled) {
    ServersCompiler compiler{plugins, compiled};
    if (document.servers.empty()) compiler.add(default_server());
    for (const ServerBlock& block : document.servers) compiler.add(block);
}

}  // namespace nameplane::conf
