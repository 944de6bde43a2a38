#include "conf/print.hpp"

#include "conf/compile.hpp"
#include "conf/directives.hpp"
#include "conf/lexer.hpp"
#include "conf/reader.hpp"
#include "conf/values.hpp"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

namespace nameplane::conf {

namespace {

using Words = std::vector<std::string>;

constexpr std::array<std::pair<log::Level, std::string_view>, 5> levels{
    {{log::Level::debug, "debug"},
     {log::Level::info, "info"},
     {log::Level::warning, "warning"},
     {log::Level::error, "error"},
     {log::Level::off, "off"}}};

std::string text_of(const SocketAddress& address) {
    const bool everywhere = address.address.is_unspecified() && address.address.is_v6();
    return everywhere ? ':' + std::to_string(address.port) : address.to_string();
}

// The words of a value as an option's reader takes them; of Statements, see below.
Words words_of_value(const Options::Value& value) {
    const auto texts = [](const auto& list) {
        Words words;
        for (const auto& item : list) words.push_back(item.to_string());
        return words;
    };
    return std::visit(
        [&](const auto& kind) -> Words {
            using Kind = std::decay_t<decltype(kind)>;
            if constexpr (std::is_same_v<Kind, std::uint64_t>) {
                return {duration_text(std::chrono::milliseconds{kind})};
            } else if constexpr (std::is_same_v<Kind, bool>) {
                return kind ? Words{} : Words{"false"};
            } else if constexpr (std::is_arithmetic_v<Kind>) {
                return {std::to_string(kind)};
            } else if constexpr (std::is_same_v<Kind, std::string>) {
                return {kind};
            } else if constexpr (std::is_same_v<Kind, Words>) {
                return kind;
            } else if constexpr (std::is_same_v<Kind, Ports>) {
                return {std::to_string(kind.first) + '-' + std::to_string(kind.last)};
            } else if constexpr (std::is_same_v<Kind, std::vector<Statement>>) {
                return {};
            } else {
                return texts(kind);
            }
        },
        value);
}

std::string line_of(const Words& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : " ") + quote(word);
    return line;
}

// The block behind a line, "" for none.
std::string block_of(const std::vector<Statement>& body, const std::string& indent) {
    if (body.empty()) return {};
    std::string text = " {\n";
    for (const Statement& line : body) {
        text += indent + "    " + line_of(line.words) + block_of(line.body, indent + "    ") + '\n';
    }
    return text + indent + '}';
}

std::string key_of(const ServedZone& zone) {
    const std::string scheme =
        zone.scheme == Scheme::dns ? "" : std::string{to_string(zone.scheme)} + "://";
    return scheme + zone.name.to_string() +
           (zone.port ? ':' + std::to_string(*zone.port) : std::string{});
}

const OptionTable& table_of(std::span<const OptionTable> plugins, std::string_view name) {
    const auto found = std::ranges::find(plugins, name, &OptionTable::name);
    NP_CHECK(found != plugins.end(), "a configuration has plugins that exist");
    return *found;
}

// What a block says of its connections: directives with their words, and options with theirs.
struct Directions {
    std::string_view name;
    Words words;
    std::vector<Statement> body;
};

Directions tls_directions(const TlsConfig& tls) {
    Directions all{"tls", {tls.certificate, tls.key}, {}};
    if (!tls.authority.empty()) all.words.push_back(tls.authority);
    if (tls.client_auth != ClientAuth::nocert) {
        all.body.push_back(
            {{"client_auth", std::string{client_auth_word(tls.client_auth)}}, {}, {}});
    }
    if (!tls.keylog.empty()) all.body.push_back({{"keylog", tls.keylog}, {}, {}});
    return all;
}

Directions acme_directions(const AcmeConfig& acme) {
    Directions all{"tls", {}, {}};
    Words words{"acme"};
    words.insert(words.end(), acme.domains.begin(), acme.domains.end());
    all.body.push_back({std::move(words), {}, {}});
    const auto add = [&](const char* name, const std::string& value, std::string_view unset) {
        if (value != unset) all.body.push_back({{name, value}, {}, {}});
    };
    add("email", acme.email, "");
    add("ca", acme.directory, lets_encrypt);
    add("storage", acme.storage, acme_storage);
    add("ca_root", acme.authority, "");
    add("resolver", acme.resolver, "");
    return all;
}

std::vector<Directions> directions_of(const ServerConfig& server) {
    std::vector<Directions> all;
    if (server.tls) {
        all.push_back(server.tls->acme ? acme_directions(*server.tls->acme)
                                       : tls_directions(*server.tls));
    }
    if (server.cancel) all.push_back({"cancel", {duration_text(*server.cancel)}, {}});
    if (server.https_connections_max) {
        all.push_back(
            {"https",
             {},
             {{{"max_connections", std::to_string(*server.https_connections_max)}, {}, {}}}});
    }
    std::vector<Statement> timeouts;
    const auto add = [&](const char* name, const std::optional<std::chrono::milliseconds>& time) {
        if (!time || *time < timeout_min) return;  // see not_in_corefile()
        timeouts.push_back({{name, duration_text(*time)}, {}, {}});
    };
    add("read", server.timeouts.read);
    add("write", server.timeouts.write);
    add("idle", server.timeouts.idle);
    if (server.timeouts.queries_max) {
        timeouts.push_back(
            {{"maxtcpqueries", std::to_string(*server.timeouts.queries_max)}, {}, {}});
    }
    if (!timeouts.empty()) all.push_back({"timeouts", {}, std::move(timeouts)});
    return all;
}

// As a Corefile.

class CorefilePrinter {
public:
    explicit CorefilePrinter(std::span<const OptionTable> plugins) : plugins_{plugins} {}

    void block(const ServerConfig& server, const std::vector<std::string>& first_lines) {
        for (std::size_t i = 0; i < server.zones.size(); ++i) {
            text_ += (i == 0 ? "" : ", ") + quote(key_of(server.zones[i]));
        }
        text_ += " {\n";
        for (const std::string& first : first_lines) line(first);
        if (!server.root.empty()) line(line_of({"root", server.root}));
        if (!server.bind.empty()) {
            const Statement except{server.bind_except, {}, {}};
            std::vector<Statement> body;
            if (!server.bind_except.empty()) {
                body.push_back(except);
                body.back().words.insert(body.back().words.begin(), "except");
            }
            line("bind " + line_of(server.bind) + block_of(body, "    "));
        }
        for (Directions& directions : directions_of(server)) {
            directions.words.insert(directions.words.begin(), std::string{directions.name});
            line(line_of(directions.words) + block_of(directions.body, "    "));
        }
        for (const PluginConfig& plugin : server.plugins) add(plugin);
        text_ += "}\n";
    }
    std::string finish() && { return std::move(text_); }

private:
    void line(const std::string& text) { text_ += "    " + text + '\n'; }

    void add(const PluginConfig& plugin) {
        const OptionTable& table = table_of(plugins_, plugin.name);
        if (table.syntax.free_body) {
            for (const Statement& statement : plugin.options.statements()) {
                Words words = statement.words;
                words.insert(words.begin(), plugin.name);
                line(line_of(words) + block_of(statement.body, "    "));
            }
            return;
        }
        Words words{plugin.name};
        Words positional;
        for (const std::string_view text : table.syntax.positional) {
            if (text.empty()) continue;
            const std::string name{Positional::of(text).name};
            positional.push_back(name);
            if (!plugin.options.given(name)) continue;
            const Words more = words_of_value(plugin.options.value(name));
            words.insert(words.end(), more.begin(), more.end());
        }
        line(line_of(words) + block_of(body_of(plugin.options, table, positional), "    "));
    }

    static std::vector<Statement> body_of(const Options& options, const OptionTable& table,
                                          const Words& positional) {
        std::vector<Statement> body;
        for (const Option& option : table.options) {
            const std::string name{option.name};
            if (!options.given(name) || std::ranges::count(positional, name) > 0) continue;
            std::vector<Statement> lines{{words_of_value(options.value(name)), {}, {}}};
            if (std::holds_alternative<Statements>(option.type)) lines = options.statements(name);
            // An empty list is the same as none.
            const bool is_list = std::holds_alternative<nameplane::Words>(option.type);
            for (Statement& statement : lines) {
                if (is_list && statement.words.empty()) continue;
                statement.words.insert(statement.words.begin(), name);
                body.push_back(std::move(statement));
            }
        }
        return body;
    }

    std::span<const OptionTable> plugins_;
    std::string text_;
};

// As TOML.

std::string toml_text(std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string quoted = "\"";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (octet < 0x20 || octet == 0x7f) {
            quoted += "\\u00";
            quoted += hex[octet >> 4];
            quoted += hex[octet & 0xf];
        } else {
            quoted += c;
        }
    }
    return quoted + '"';
}

std::string toml_list(const Words& words) {
    std::string list = "[";
    for (const std::string& word : words) list += (list.size() == 1 ? "" : ", ") + toml_text(word);
    return list + ']';
}

std::string toml_value(const Options::Value& value) {
    if (const auto* const seconds = std::get_if<std::uint32_t>(&value)) {
        return std::to_string(*seconds);
    }
    if (const auto* const number = std::get_if<std::int64_t>(&value)) {
        return std::to_string(*number);
    }
    if (const auto* const flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* const lines = std::get_if<std::vector<Statement>>(&value)) {
        Words texts;
        for (const Statement& line : *lines) texts.push_back(line_of(line.words));
        return toml_list(texts);
    }
    const Words words = words_of_value(value);
    const bool is_one = std::holds_alternative<std::string>(value) ||
                        std::holds_alternative<std::uint64_t>(value) ||
                        std::holds_alternative<Ports>(value);
    return is_one ? toml_text(words.front()) : toml_list(words);
}

class TomlPrinter {
public:
    explicit TomlPrinter(std::span<const OptionTable> plugins) : plugins_{plugins} {}

    void table(std::string_view name) { text_ += '[' + std::string{name} + "]\n"; }
    void key(std::string_view name, const std::string& value) {
        text_ += std::string{name} + " = " + value + '\n';
    }
    void end() { text_ += '\n'; }

    void block(const ServerConfig& server) {
        text_ += "[[server]]\n";
        Words zones;
        for (const ServedZone& zone : server.zones) zones.push_back(key_of(zone));
        key("zones", toml_list(zones));
        if (!server.root.empty()) key("root", toml_text(quote(server.root)));
        end();
        if (!server.bind.empty()) {
            table("server.bind");
            key("addresses", toml_list(server.bind));
            if (!server.bind_except.empty()) key("except", toml_list(server.bind_except));
            end();
        }
        for (const Directions& directions : directions_of(server)) {
            table("server." + std::string{directions.name});
            if (!directions.words.empty()) key("line", toml_list(directions.words));
            if (!directions.body.empty()) key("body", body_of(directions.body));
            end();
        }
        for (const PluginConfig& plugin : server.plugins) add(plugin);
    }
    std::string finish() && { return std::move(text_); }

private:
    void heading(const OptionTable& kind) {
        const std::string name = "server." + std::string{kind.name};
        table(kind.syntax.repeats ? '[' + name + ']' : name);
    }

    void add(const PluginConfig& plugin) {
        const OptionTable& kind = table_of(plugins_, plugin.name);
        if (kind.syntax.free_body) {
            for (const Statement& statement : plugin.options.statements()) {
                heading(kind);
                if (!statement.words.empty()) key("line", toml_list(statement.words));
                if (!statement.body.empty()) key("body", body_of(statement.body));
                end();
            }
            return;
        }
        heading(kind);
        for (const Option& option : kind.options) {
            if (!plugin.options.given(option.name)) continue;
            key(option.name, toml_value(plugin.options.value(option.name)));
        }
        end();
    }

    // A list of lines, or, with blocks inside, the text of all.
    static std::string body_of(const std::vector<Statement>& body) {
        if (std::ranges::all_of(body, [](const Statement& line) { return line.body.empty(); })) {
            std::string list = "[";
            for (const Statement& line : body) {
                list += (list.size() == 1 ? "" : ", ") + toml_text(line_of(line.words));
            }
            return list + ']';
        }
        std::string text;
        for (const Statement& line : body) {
            text += line_of(line.words) + block_of(line.body, "") + '\n';
        }
        return toml_text(text);
    }

    std::span<const OptionTable> plugins_;
    std::string text_;
};

// What a Corefile has no directive for, by name.
std::vector<std::string> not_in_corefile(const Config& config) {
    const Config usual = compile({}, {}).config;
    std::vector<std::string> names;
    const auto note = [&](const char* name, const auto& a, const auto& b) {
        if (!(a == b)) names.emplace_back(name);
    };
    note("[dns]", config.start.dns, usual.start.dns);
    const auto is_short = [](const ServerConfig& server) {
        return server.timeouts.idle && *server.timeouts.idle < timeout_min;
    };
    if (std::ranges::any_of(config.runtime.servers, is_short)) {
        names.emplace_back("[dns] tcp_idle below 1s");
    }
    note("[services]", config.start.services, usual.start.services);
    note("[rules]", config.start.rules, usual.start.rules);
    note("[node]", config.start.node, usual.start.node);
    if (config.runtime.log_level != log::Level::debug) {
        note("[log]", config.runtime.log_level, usual.runtime.log_level);
    }
    return names;
}

std::vector<std::string> agent_lines(const Config& config) {
    std::vector<std::string> lines;
    const AdminConfig& admin = config.start.admin;
    const RuntimeConfig& runtime = config.runtime;
    if (runtime.log_level == log::Level::debug) lines.emplace_back("debug");
    if (runtime.reload.interval.count() > 0) {
        lines.push_back("reload " + duration_text(runtime.reload.interval) + ' ' +
                        duration_text(runtime.reload.jitter));
    }
    if (!admin.health.empty()) {
        lines.push_back("health " + text_of(admin.health.front()));
        if (runtime.lameduck.count() > 0) {
            lines.back() += " {\n        lameduck " + duration_text(runtime.lameduck) + "\n    }";
        }
    }
    if (!admin.ready.empty()) {
        lines.push_back("ready " + text_of(admin.ready.front()));
        if (runtime.ready_continuously) lines.back() += " {\n        monitor continuously\n    }";
    }
    if (!admin.metrics.empty()) lines.push_back("prometheus " + text_of(admin.metrics.front()));
    if (!admin.pprof.empty()) lines.push_back("pprof " + text_of(admin.pprof.front()));
    return lines;
}

// A block has one page of a kind: the others go to the blocks behind the first.
void add_page_lines(const AdminConfig& admin, std::size_t block, std::vector<std::string>& lines) {
    if (block == 1) return;  // agent_lines()
    const auto add = [&](const char* directive, const std::vector<SocketAddress>& addresses) {
        if (block > addresses.size()) return;
        lines.push_back(std::string{directive} + ' ' + text_of(addresses[block - 1]));
    };
    add("health", admin.health);
    add("ready", admin.ready);
    add("prometheus", admin.metrics);
}

std::size_t pages_max(const AdminConfig& admin) {
    return std::max({admin.health.size(), admin.ready.size(), admin.metrics.size()});
}

std::string toml_pages(const std::vector<SocketAddress>& addresses) {
    Words words;
    for (const SocketAddress& address : addresses) words.push_back(text_of(address));
    return words.size() == 1 ? toml_text(words.front()) : toml_list(words);
}

}  // namespace

Printed print_corefile(const Config& config, std::span<const OptionTable> plugins) {
    CorefilePrinter printer{plugins};
    std::vector<std::string> first_lines = agent_lines(config);
    std::size_t number = 0;
    for (const ServerConfig& server : config.runtime.servers) {
        add_page_lines(config.start.admin, ++number, first_lines);
        printer.block(server, std::exchange(first_lines, {}));
    }
    std::vector<std::string> left_out = not_in_corefile(config);
    if (pages_max(config.start.admin) > config.runtime.servers.size()) {
        left_out.emplace_back("[admin]");
    }
    return {std::move(printer).finish(), std::move(left_out)};
}

std::string print_settings(const Document& document) {
    TomlPrinter printer{{}};
    for (const Directive& given : document.settings) {
        const OptionTable& table = table_of(agent_tables(), given.name);
        std::vector<Problem> problems;
        const Options options = read_options(given, table, problems);
        NP_CHECK(problems.empty(), "they were compiled without a problem");
        printer.table(table.name);
        for (const Option& option : table.options) {
            if (options.given(option.name)) {
                printer.key(option.name, toml_value(options.value(option.name)));
            }
        }
        printer.end();
    }
    return std::move(printer).finish();
}

Printed print_toml(const Config& config, std::span<const OptionTable> plugins) {
    TomlPrinter printer{plugins};
    const AdminConfig& admin = config.start.admin;
    const RuntimeConfig& runtime = config.runtime;
    if (runtime.log_level != RuntimeConfig{}.log_level) {
        printer.table("log");
        printer.key("level", toml_text(std::ranges::find(levels, runtime.log_level,
                                                         &decltype(levels)::value_type::first)
                                           ->second));
        printer.end();
    }
    printer.table("admin");
    if (!admin.health.empty()) printer.key("health", toml_pages(admin.health));
    if (!admin.ready.empty()) printer.key("ready", toml_pages(admin.ready));
    if (runtime.ready_continuously) printer.key("ready_continuously", "true");
    if (!admin.metrics.empty()) printer.key("metrics", toml_pages(admin.metrics));
    if (!admin.pprof.empty()) printer.key("pprof", toml_pages(admin.pprof));
    if (runtime.lameduck.count() > 0) {
        printer.key("lameduck", toml_text(duration_text(runtime.lameduck)));
    }
    printer.end();
    if (runtime.reload.interval.count() > 0) {
        printer.table("reload");
        printer.key("interval", toml_text(duration_text(runtime.reload.interval)));
        printer.key("jitter", toml_text(duration_text(runtime.reload.jitter)));
        printer.end();
    }
    for (const ServerConfig& server : runtime.servers) printer.block(server);
    return {std::move(printer).finish(), {}};
}

}  // namespace nameplane::conf
