#include "conf/toml.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

namespace nameplane::conf {

namespace {

constexpr std::string_view server_key = "server";
constexpr std::string_view zones_key = "zones";

class TomlReader {
public:
    explicit TomlReader(std::string_view file) : file_{file} {}

    void read(const toml::table& root) {
        for (const auto& [key, node] : root) {
            if (key.str() == server_key) {
                read_servers(where(key), node);
            } else {
                add_directives(key, node, reading_.document.settings);
            }
        }
        by_line(reading_.document.settings);
        std::ranges::stable_sort(reading_.document.servers, {},
                                 [](const ServerBlock& block) { return block.where.line; });
    }
    void syntax_error(unsigned line, std::string_view text) {
        reading_.document = {};
        problem({file_, line}, std::string{text} + ", expected TOML");
    }
    TomlReading finish() && {
        sort_by_place(reading_.problems);
        return std::move(reading_);
    }

private:
    Where where(const toml::key& key) const { return {file_, key.source().begin.line}; }
    void problem(Where where, std::string text) {
        reading_.problems.push_back({std::move(where), std::move(text)});
    }
    static void by_line(std::vector<Directive>& directives) {
        std::ranges::stable_sort(directives, {},
                                 [](const Directive& item) { return item.where.line; });
    }

    // The table is a map; lines tell the order of writing.
    std::vector<Directive> body_of(const toml::table& table) {
        std::vector<Directive> body;
        for (const auto& [key, node] : table) add_directives(key, node, body);
        by_line(body);
        return body;
    }

    // An array of tables is the same directive several times; everything else is one directive.
    void add_directives(const toml::key& key, const toml::node& node,
                        std::vector<Directive>& directives) {
        Directive directive{std::string{key.str()}, {}, {}, where(key)};
        if (const toml::table* const table = node.as_table()) {
            directive.body = body_of(*table);
            directives.push_back(std::move(directive));
            return;
        }
        const toml::array* const array = node.as_array();
        if (array == nullptr) {
            if (add_word(directive, node)) directives.push_back(std::move(directive));
            return;
        }
        if (!array->empty() && array->is_array_of_tables()) {
            for (const toml::node& item : *array) {
                directives.push_back({directive.name,
                                      {},
                                      body_of(*item.as_table()),
                                      {file_, item.source().begin.line}});
            }
            return;
        }
        bool whole = true;
        for (const toml::node& item : *array) whole = add_word(directive, item) && whole;
        if (whole) directives.push_back(std::move(directive));
    }

    bool add_word(Directive& directive, const toml::node& node) {
        std::optional<std::string> word;
        if (const auto* const text = node.as_string()) {
            word = text->get();
        } else if (const auto* const integer = node.as_integer()) {
            word = std::to_string(integer->get());
        } else if (const auto* const real = node.as_floating_point()) {
            word = fmt::format("{}", real->get());
        } else if (const auto* const boolean = node.as_boolean()) {
            word = boolean->get() ? "true" : "false";
        }
        if (!word) {
            problem({file_, node.source().begin.line},
                    directive.name + ": not a single value, expected text, a number, true or "
                                     "false, or a list of these");
            return false;
        }
        directive.words.push_back(std::move(*word));
        return true;
    }

    void read_servers(const Where& where, const toml::node& node) {
        const toml::array* const array = node.as_array();
        if (array == nullptr || !array->is_array_of_tables()) {
            problem(where, "server: not a list of tables, expected [[server]]");
            return;
        }
        for (const toml::node& item : *array) {
            read_server(*item.as_table(), {file_, item.source().begin.line});
        }
    }

    void read_server(const toml::table& table, Where where) {
        ServerBlock block;
        block.where = std::move(where);
        for (Directive& directive : body_of(table)) {
            const bool is_table = table.get_as<toml::table>(directive.name) != nullptr;
            if (directive.name == zones_key) {
                block.zones = std::move(directive.words);
            } else if (is_table || directive.words.empty()) {
                block.plugins.push_back(std::move(directive));
            } else {
                problem(directive.where, directive.name + ": not a table, expected [server." +
                                             directive.name + "] or " + directive.name + " = {}");
            }
        }
        reading_.document.servers.push_back(std::move(block));
    }

    std::string file_;
    TomlReading reading_;
};

}  // namespace

TomlReading read_toml(std::string_view text, std::string_view file) {
    TomlReader reader{file};
    try {
        reader.read(toml::parse(text, file));
    } catch (const toml::parse_error& error) {
        reader.syntax_error(error.source().begin.line, error.description());
    } catch (const std::exception& error) {
        reader.syntax_error(1, error.what());
    }
    return std::move(reader).finish();
}

}  // namespace nameplane::conf
