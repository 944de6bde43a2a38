#include "conf/reader.hpp"

#include "conf/nearest.hpp"
#include "conf/values.hpp"

#include <algorithm>

namespace nameplane::conf {

namespace {

std::string unknown_option(const Directive& given, std::span<const Option> table) {
    std::vector<std::string_view> names;
    for (const Option& option : table) names.push_back(option.name);
    return "unknown option '" + given.name + "'" + did_you_mean(given.name, names);
}

}  // namespace

Options read_options(const Directive& directive, std::span<const Option> table,
                     std::vector<Problem>& problems) {
    Options options{table};
    options.set_arguments(directive.words);
    for (const Directive& given : directive.body) {
        const auto option = std::ranges::find(table, given.name, &Option::name);
        if (option == table.end()) {
            problems.push_back({given.where, unknown_option(given, table)});
            continue;
        }
        const auto first = std::ranges::find(directive.body, given.name, &Directive::name);
        if (&*first != &given) {
            problems.push_back({given.where, given.name +
                                                 ": given twice, expected once (first at " +
                                                 first->where.to_string() + ")"});
            continue;
        }
        if (!given.body.empty()) {
            problems.push_back(
                {given.where, given.name + ": a table, expected " + expected_of(option->type)});
            continue;
        }
        Result<Options::Value> value = read_value(option->type, given.words);
        if (value) {
            options.set(given.name, std::move(value).value());
        } else {
            problems.push_back({given.where, given.name + ": " + value.error().text});
        }
    }
    return options;
}

const Where& where_of(const Directive& directive, std::string_view option) noexcept {
    const auto found = std::ranges::find(directive.body, option, &Directive::name);
    return found == directive.body.end() ? directive.where : found->where;
}

}  // namespace nameplane::conf
