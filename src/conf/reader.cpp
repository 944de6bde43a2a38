#include "conf/reader.hpp"

#include "conf/directives.hpp"
#include "conf/lexer.hpp"
#include "conf/nearest.hpp"
#include "conf/values.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace nameplane::conf {

namespace {

bool is_number(std::string_view text) noexcept {
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool holds_number(const OptionType& type) noexcept {
    return std::holds_alternative<Seconds>(type) || std::holds_alternative<Integer>(type);
}

std::vector<std::string> words_of_text(std::string_view text) {
    std::vector<std::string> words;
    for (Token& token : lex(text)) words.push_back(std::move(token.text));
    return words;
}

class OptionReader {
public:
    OptionReader(const Directive& directive, const OptionTable& table,
                 std::vector<Problem>& problems)
        : directive_{directive}, table_{table}, problems_{problems}, options_{table.options} {
        options_.set_where(directive.where);
    }

    Options read() && {
        read_words();
        for (const Directive& given : directive_.body) read_option(given);
        require_positional();
        return std::move(options_);
    }

private:
    using Values = std::vector<Statement>;

    void problem(const Where& where, std::string text) {
        problems_.push_back({where, std::move(text)});
    }
    const Option* find(std::string_view name) const noexcept {
        const auto found = std::ranges::find(table_.options, name, &Option::name);
        return found == table_.options.end() ? nullptr : &*found;
    }

    // The words behind the directive, by Syntax::positional.
    void read_words() {
        std::span<const std::string> left = directive_.words;
        const auto& texts = table_.syntax.positional;
        for (std::size_t i = 0; i < texts.size() && !texts[i].empty() && !left.empty(); ++i) {
            const Positional positional = Positional::of(texts[i]);
            const bool is_last = i + 1 == texts.size() || texts[i + 1].empty();
            const Option* const option = find(positional.name);
            NP_CHECK(option != nullptr, "positional options are options of the table");
            // What is no number may be meant for the next one.
            if (positional.optional && !positional.takes_rest && !is_last &&
                holds_number(option->type) && !is_number(left.front())) {
                continue;
            }
            const std::size_t count = positional.takes_rest ? left.size() : 1;
            set(*option, left.first(count), directive_.where);
            left = left.subspan(count);
        }
        if (left.empty()) return;
        problem(directive_.where,
                directive_.name + ": '" + left.front() + "', expected nothing " +
                    (left.size() == directive_.words.size() ? "behind it" : "more behind it"));
    }

    void require_positional() {
        for (const std::string_view text : table_.syntax.positional) {
            if (text.empty()) break;
            const Positional positional = Positional::of(text);
            if (options_.given(positional.name) || failed_.contains(positional.name)) continue;
            const Option& option = *find(positional.name);
            const Words* const words = std::get_if<Words>(&option.type);
            const bool wanted =
                positional.takes_rest ? words != nullptr && words->from > 0 : !positional.optional;
            if (!wanted) continue;
            problem(directive_.where, directive_.name + ": no '" + std::string{positional.name} +
                                          "', expected " + expected_of(option.type));
        }
    }

    bool is_positional(std::string_view name) const {
        return std::ranges::any_of(table_.syntax.positional, [&](std::string_view text) {
            return !text.empty() && Positional::of(text).name == name;
        });
    }

    void read_option(const Directive& given) {
        const Option* const option = find(given.name);
        if (option == nullptr || (given.is_line && is_positional(given.name))) {
            return problem(given.where, unknown_option(given));
        }
        if (std::holds_alternative<Statements>(option->type)) return add_lines(given);
        if (!given.body.empty()) {
            return problem(given.where, given.name + (given.is_line ? ": a block" : ": a table") +
                                            ", expected " + expected_of(option->type));
        }
        if (!given.is_line) {
            if (is_given_twice(given)) return;
            // In TOML an empty list gives nothing.
            if (given.words.empty() && std::holds_alternative<Words>(option->type)) {
                return options_.set(given.name, std::vector<std::string>{}, given.where);
            }
        }
        set(*option, given.words, given.where);
    }

    bool is_given_twice(const Directive& given) {
        const auto first = std::ranges::find(directive_.body, given.name, &Directive::name);
        Where place = first->where;
        if (&*first == &given) {
            if (!options_.given(given.name)) return false;
            place = options_.where(given.name);
        }
        problem(given.where,
                given.name + ": given twice, expected once (first at " + place.to_string() + ")");
        return true;
    }

    std::string unknown_option(const Directive& given) {
        std::vector<std::string_view> names;
        for (const Option& option : table_.options) {
            if (!given.is_line || !is_positional(option.name)) names.push_back(option.name);
        }
        return "unknown option '" + given.name + "'" + did_you_mean(given.name, names);
    }

    void set(const Option& option, std::span<const std::string> words, const Where& where) {
        Result<Options::Value> value = read_value(option.type, words);
        if (!value) {
            failed_.insert(option.name);
            return problem(where, std::string{option.name} + ": " + value.error().text);
        }
        if (options_.given(option.name)) value = appended(option, std::move(value).value());
        options_.set(option.name, std::move(value).value(), where);
    }

    // What a list has already stays before what comes; a single value is replaced.
    Options::Value appended(const Option& option, Options::Value value) const {
        const auto append = [&](auto& all, const auto& before) {
            all.insert(all.begin(), before.begin(), before.end());
        };
        if (auto* const words = std::get_if<std::vector<std::string>>(&value)) {
            // So many and no more are no list, but parts of one value.
            const Words* const type = std::get_if<Words>(&option.type);
            const bool is_list = type != nullptr && type->to == Words{}.to;
            if (is_list) append(*words, options_.words(option.name));
        } else if (auto* const zones = std::get_if<std::vector<dns::Name>>(&value)) {
            append(*zones, options_.zones(option.name));
        } else if (auto* const cidrs = std::get_if<std::vector<Cidr>>(&value)) {
            append(*cidrs, options_.cidrs(option.name));
        } else if (auto* const addresses = std::get_if<std::vector<IpAddress>>(&value)) {
            append(*addresses, options_.addresses(option.name));
        }
        return value;
    }

    // A line gives one Statement, a TOML value one for each of its texts.
    void add_lines(const Directive& given) {
        Values lines = options_.statements(given.name);
        if (given.is_line) {
            lines.push_back(statement_of(given));
        } else if (!given.body.empty()) {
            return problem(given.where, given.name + ": a table, expected lines");
        } else {
            for (const std::string& text : given.words) {
                lines.push_back({words_of_text(text), {}, given.where});
            }
        }
        options_.set(given.name, std::move(lines), given.where);
    }

    const Directive& directive_;
    const OptionTable& table_;
    std::vector<Problem>& problems_;
    Options options_;
    std::set<std::string_view> failed_;
};

}  // namespace

Options read_options(const Directive& directive, const OptionTable& table,
                     std::vector<Problem>& problems) {
    return OptionReader{directive, table, problems}.read();
}

const Where& where_of(const Directive& directive, std::string_view option) noexcept {
    const auto found = std::ranges::find(directive.body, option, &Directive::name);
    return found == directive.body.end() ? directive.where : found->where;
}

}  // namespace nameplane::conf
