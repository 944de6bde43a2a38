// The words of the configuration to rules.

#include "plugins/log/log.hpp"

#include <optional>
#include <string>

namespace nameplane::plugins {

namespace {

using Classes = std::array<bool, 3>;

bool add_class(const std::string& word, Classes& classes) {
    if (word == "all") {
        classes.fill(true);
        return true;
    }
    for (const ReplyClass klass : {ReplyClass::success, ReplyClass::denial, ReplyClass::error}) {
        if (word != to_string(klass)) continue;
        classes[static_cast<std::size_t>(klass)] = true;
        return true;
    }
    return false;
}

Classes classes_of(const Statement& statement, Mistakes& mistakes) {
    Classes classes{};
    for (const Statement& line : statement.body) {
        if (line.words[0] != "class") {
            mistakes.add(line.where, "log: '" + line.words[0] + "', expected 'class'");
        } else if (line.words.size() == 1) {
            mistakes.add(line.where,
                         "log: class: nothing, expected 'success', 'denial', 'error' or 'all'");
        }
        for (std::size_t i = 1; line.words[0] == "class" && i < line.words.size(); ++i) {
            if (add_class(line.words[i], classes)) continue;
            mistakes.add(line.where, "log: class: '" + line.words[i] +
                                         "', expected 'success', 'denial', 'error' or 'all'");
        }
    }
    if (classes == Classes{}) classes.fill(true);
    return classes;
}

/// "log [NAMES...] [FORMAT]": with two words or more, the last is a format if it has a brace.
void read_statement(const Statement& statement, std::vector<Log::Rule>& rules, Mistakes& mistakes) {
    std::vector<std::string> names = statement.words;
    std::string format = "{common}";
    if (names.size() > 1 && names.back().find('{') != std::string::npos) {
        format = names.back();
        names.pop_back();
    }
    if (names.empty()) names = {"."};
    const auto shared = std::make_shared<const query_format::Format>(format);
    const Classes classes = classes_of(statement, mistakes);
    for (const std::string& name : names) {
        if (const auto zone = dns::Name::parse(name)) {
            rules.push_back({zone->lower(), shared, classes});
        } else {
            mistakes.add(statement.where, "log: '" + name + "', expected a domain name");
        }
    }
}

}  // namespace

Result<PluginPtr> Log::make(const Options& given, Setup& setup) {
    std::vector<Rule> rules;
    Mistakes mistakes;
    for (const Statement& statement : given.statements()) {
        read_statement(statement, rules, mistakes);
    }
    if (mistakes.any()) return mistakes.to_error();
    if (setup.line_log != nullptr) setup.line_log->start();
    return PluginPtr{new Log{std::move(rules), setup.line_log}};
}

}  // namespace nameplane::plugins
