#include "conf/toml.hpp"

#include "conf/lines.hpp"
#include <nameplane/conf/syntax.hpp>

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
        if (in_server_ && !array->empty() && array->front().is_array()) {
            return add_lines(directive.name, *array, directives);
        }
        if (add_words(directive, *array)) directives.push_back(std::move(directive));
    }

    bool add_words(Directive& directive, const toml::array& array) {
        bool whole = true;
        for (const toml::node& item : array) whole = add_word(directive, item) && whole;
        return whole;
    }

    // Each item is a line of its own: its words, or a text to be cut into words.
    void add_lines(const std::string& name, const toml::array& array,
                   std::vector<Directive>& directives) {
        for (const toml::node& item : array) add_line(name, item, directives);
    }

    void add_line(const std::string& name, const toml::node& item,
                  std::vector<Directive>& directives) {
        Directive line{name, {}, {}, {file_, item.source().begin.line}, true};
        if (set_words(line, item)) directives.push_back(std::move(line));
    }

    // The words of a line: a text to be cut, a list of words, or true for none.
    bool set_words(Directive& line, const toml::node& node) {
        if (const auto* const text = node.as_string()) {
            for (Word& word : words_of(text->get(), line.where)) {
                line.words.push_back(std::move(word.text));
            }
            return true;
        }
        if (const toml::array* const array = node.as_array()) return add_words(line, *array);
        return add_word(line, node);
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
        in_server_ = true;
        for (const auto& [key, node] : table) {
            if (key.str() == zones_key) {
                Directive zones{std::string{key.str()}, {}, {}, this->where(key)};
                read_zones(zones, node);
                block.zones = std::move(zones.words);
            } else {
                add_plugins(key, node, block.plugins);
            }
        }
        in_server_ = false;
        by_line(block.plugins);
        reading_.document.servers.push_back(std::move(block));
    }

    void read_zones(Directive& zones, const toml::node& node) {
        if (const toml::array* const array = node.as_array()) {
            add_words(zones, *array);
        } else {
            add_word(zones, node);
        }
    }

    // [server.cache], [[server.rewrite]], or in short: true for a plugin without options, a text
    // for one line, a list for several.
    void add_plugins(const toml::key& key, const toml::node& node,
                     std::vector<Directive>& plugins) {
        const std::string name{key.str()};
        if (const toml::table* const table = node.as_table()) {
            return add_plugin({name, {}, {}, where(key)}, *table, plugins);
        }
        const toml::array* const array = node.as_array();
        if (array != nullptr && array->is_array_of_tables()) {
            for (const toml::node& item : *array) {
                add_plugin({name, {}, {}, {file_, item.source().begin.line}}, *item.as_table(),
                           plugins);
            }
        } else if (array != nullptr) {
            add_lines(name, *array, plugins);
        } else if (const auto* const wanted = node.as_boolean()) {
            if (wanted->get()) plugins.push_back({name, {}, {}, where(key), true});
        } else {
            add_line(name, node, plugins);
        }
    }

    void add_plugin(Directive plugin, const toml::table& table, std::vector<Directive>& plugins) {
        for (const auto& [key, node] : table) {
            if (key.str() == line_key) {
                set_words(plugin, node);
            } else if (key.str() == body_key) {
                add_body(plugin, key, node);
            } else {
                add_directives(key, node, plugin.body);
            }
        }
        by_line(plugin.body);
        plugins.push_back(std::move(plugin));
    }

    // A text over several lines usually begins behind a line break, which TOML leaves out.
    Where first_line_of(const toml::value<std::string>& text) const {
        const toml::source_region& at = text.source();
        const auto breaks = static_cast<unsigned>(std::ranges::count(text.get(), '\n'));
        return {file_, at.begin.line + (at.end.line - at.begin.line > breaks ? 1U : 0U)};
    }

    // A text is read like the block of a Corefile; a list has a line in each item.
    void add_body(Directive& plugin, const toml::key& key, const toml::node& node) {
        if (const auto* const text = node.as_string()) {
            const std::vector<Word> words = words_of(text->get(), first_line_of(*text));
            for (Directive& line : lines_of(words, reading_.problems)) {
                plugin.body.push_back(std::move(line));
            }
            return;
        }
        const toml::array* const array = node.as_array();
        if (array == nullptr) {
            return problem(where(key),
                           plugin.name + ": body: not lines, expected a text or a list");
        }
        std::vector<Directive> lines;
        add_lines({}, *array, lines);
        for (Directive& line : lines) {
            if (line.words.empty()) continue;
            line.name = std::move(line.words.front());
            line.words.erase(line.words.begin());
            plugin.body.push_back(std::move(line));
        }
    }

    std::string file_;
    TomlReading reading_;
    bool in_server_ = false;  // a list of lists is several lines there
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
