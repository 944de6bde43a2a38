// The text of a template to nodes.

#include "plugins/template/lexer.hpp"
#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace nameplane::plugins::templating {

namespace {

using Token = Lexer::Token;
using Node = GoTemplate::Node;
using Nodes = GoTemplate::Nodes;
using Definition = GoTemplate::Definition;

constexpr std::size_t depth_max = 32;

/// Whether nothing but blanks comes of it.
bool is_empty(const Nodes& nodes) noexcept {
    return std::ranges::all_of(nodes, [](const Node& node) {
        return node.kind == Node::Kind::text &&
               node.text.find_first_not_of(blanks) == std::string::npos;
    });
}

std::string_view trimmed_right(std::string_view text) noexcept {
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::string_view trimmed_left(std::string_view text) noexcept {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text;
}

bool is_printer(const Operand& operand) noexcept {
    return operand.kind == Operand::Kind::function &&
           (operand.function == Function::print || operand.function == Function::printf ||
            operand.function == Function::println);
}

class Parser {
public:
    explicit Parser(std::string_view text) : left_{text} {}

    /// The first is the whole.
    Result<std::vector<Definition>> parse(std::string_view name) {
        Definition whole;
        whole.name = name;
        const std::string end = parse_list(whole.nodes);
        if (!end.empty()) wrong("'" + end + "', expected an 'if' before it");
        whole.variables = scope_.variables.size();
        const auto same = std::ranges::find(definitions_, whole.name, &Definition::name);
        if (same != definitions_.end() && is_empty(whole.nodes)) {
            whole = *same;
        } else if (same != definitions_.end() && !is_empty(same->nodes)) {
            wrong("'" + whole.name + "' again, expected one template of that name");
        }
        definitions_.insert(definitions_.begin(), std::move(whole));
        for (Definition& definition : definitions_) resolve(definition.nodes);
        if (!error_.empty()) return Error{Errc::invalid, error_};
        return std::move(definitions_);
    }
    std::vector<GoTemplate::Use>& uses() noexcept { return uses_; }

private:
    /// What the text of one definition has in hand.
    struct Scope {
        std::vector<std::string> variables;  ///< by place; those that are gone have no name
        std::size_t ranges = 0;
        bool dot_is_data = true;
        bool root_is_data = true;
    };

    void wrong(const std::string& text) {
        if (error_.empty()) error_ = text;
    }

    /// Up to "else" or "end", which is returned with what stands behind it, or the end of the text.
    std::string parse_list(Nodes& nodes) {
        while (error_.empty() && !left_.empty()) {
            const std::size_t open = left_.find("{{");
            std::string_view text = left_.substr(0, open);
            left_.remove_prefix(open == std::string_view::npos ? left_.size() : open + 2);
            if (trim_next_) text = trimmed_left(text);
            trim_next_ = false;
            if (open != std::string_view::npos && trims_before(left_)) text = trimmed_right(text);
            add_text(nodes, text);
            if (open == std::string_view::npos) break;
            if (take_comment()) continue;
            const auto action = take_action();
            if (!action) break;
            const Token first = Lexer{*action}.now();
            const bool is_word = first.kind == Token::Kind::word;
            if (is_word && (first.text == "end" || first.text == "else")) {
                return std::string{*action};
            }
            parse_action(*action, nodes);
        }
        return {};
    }

    static void add_text(Nodes& nodes, std::string_view text) {
        if (text.empty()) return;
        if (nodes.empty() || nodes.back().kind != Node::Kind::text) nodes.emplace_back();
        nodes.back().text += text;
    }

    bool take_comment() {
        const std::size_t size = comment_size(left_);
        if (size == std::string_view::npos) wrong("'/*' is not closed, expected '*/}}'");
        if (size == std::string_view::npos || size == 0) return false;
        trim_next_ = left_.substr(0, size).ends_with("-}}");
        left_.remove_prefix(size);
        return true;
    }

    /// What stands between the braces.
    std::optional<std::string_view> take_action() {
        const std::size_t close = find_close(left_);
        if (close == std::string_view::npos) {
            wrong("'{{' is not closed, expected '}}'");
            return std::nullopt;
        }
        std::string_view action = left_.substr(0, close);
        left_.remove_prefix(close + 2);
        if (trims_before(action)) action.remove_prefix(1);
        if (trims_after(action)) {
            action.remove_suffix(1);
            trim_next_ = true;
        }
        return trimmed_left(trimmed_right(action));
    }

    void parse_action(std::string_view action, Nodes& nodes) {
        Lexer lexer{action};
        const Token first = lexer.now();
        const std::string_view word =
            first.kind == Token::Kind::word ? std::string_view{first.text} : std::string_view{};
        if (word == "if") return parse_branch(lexer, Node::Kind::branch, nodes);
        if (word == "with") return parse_branch(lexer, Node::Kind::with, nodes);
        if (word == "range") return parse_branch(lexer, Node::Kind::range, nodes);
        if (word == "break") return parse_leave(lexer, Node::Kind::leave, nodes);
        if (word == "continue") return parse_leave(lexer, Node::Kind::go_on, nodes);
        if (word == "define") return parse_define(lexer);
        if (word == "block") return parse_call(lexer, true, nodes);
        if (word == "template") return parse_call(lexer, false, nodes);
        Node node;
        node.kind = Node::Kind::action;
        node.pipeline = parse_pipeline(lexer);
        expect_end(lexer);
        const auto& commands = node.pipeline.commands;
        if (node.pipeline.variables.empty() && commands.size() == 1 &&
            commands[0].operands.size() == 1) {
            use(commands[0].operands[0], true);
        }
        nodes.push_back(std::move(node));
    }

    static std::string name_of(Node::Kind kind) {
        return kind == Node::Kind::branch  ? "if"
               : kind == Node::Kind::with  ? "with"
               : kind == Node::Kind::range ? "range"
               : kind == Node::Kind::leave ? "break"
                                           : "continue";
    }

    void parse_branch(Lexer& lexer, Node::Kind kind, Nodes& nodes) {
        const std::string word = name_of(kind);
        if (++depth_ > depth_max) return wrong("'" + word + "' in others, expected at most 32");
        lexer.take();
        Node node;
        node.kind = kind;
        const std::size_t outside = scope_.variables.size();
        node.pipeline = parse_pipeline(lexer, kind == Node::Kind::range);
        expect_end(lexer);
        const std::size_t inside = scope_.variables.size();
        const bool dot_is_data = scope_.dot_is_data;
        if (kind != Node::Kind::branch) scope_.dot_is_data = false;
        if (kind == Node::Kind::range) ++scope_.ranges;
        std::string end = parse_list(node.then);
        if (kind == Node::Kind::range) --scope_.ranges;
        scope_.dot_is_data = dot_is_data;
        hide(inside);
        if (end != "end" && !end.empty()) end = parse_else(end, kind, node.otherwise);
        hide(outside);
        if (end != "end") wrong("'" + word + "' without its end, expected '{{ end }}'");
        --depth_;
        nodes.push_back(std::move(node));
    }

    /// "else", and what may stand behind it; returns what ends it.
    std::string parse_else(const std::string& action, Node::Kind kind, Nodes& nodes) {
        Lexer lexer{action};
        const bool is_else = lexer.take().text == "else";
        if (is_else && lexer.now().kind == Token::Kind::end) return parse_list(nodes);
        const bool is_same = lexer.now().kind == Token::Kind::word && kind != Node::Kind::range &&
                             lexer.now().text == name_of(kind);
        if (!is_else || !is_same) {
            wrong("'" + action + "', expected 'else'" +
                  (kind == Node::Kind::range ? "" : " or 'else " + name_of(kind) + "'"));
            return {};
        }
        parse_branch(lexer, kind, nodes);
        return "end";
    }

    void parse_leave(Lexer& lexer, Node::Kind kind, Nodes& nodes) {
        lexer.take();
        expect_end(lexer);
        if (scope_.ranges == 0) wrong("'" + name_of(kind) + "', expected a 'range' around it");
        nodes.emplace_back().kind = kind;
    }

    std::string parse_name(Lexer& lexer) {
        const std::string word = lexer.take().text;
        const Token name = lexer.take();
        if (name.kind != Token::Kind::text) wrong("'" + word + "', expected a name in quotes");
        return name.text;
    }

    void parse_define(Lexer& lexer) {
        const std::string name = parse_name(lexer);
        expect_end(lexer);
        if (depth_ != 0 || is_inner_) wrong("'define' in others, expected it outside of them");
        parse_definition(name, "define");
    }

    /// "{{ template }}", or "{{ block }}", which defines what it calls.
    void parse_call(Lexer& lexer, bool is_block, Nodes& nodes) {
        Node node;
        node.kind = Node::Kind::call;
        node.text = parse_name(lexer);
        if (is_block || lexer.now().kind != Token::Kind::end) {
            node.pipeline = parse_pipeline(lexer);
        }
        expect_end(lexer);
        if (is_block) parse_definition(node.text, "block");
        nodes.push_back(std::move(node));
    }

    void parse_definition(const std::string& name, const std::string& word) {
        if (++depth_ > depth_max) return wrong("'" + word + "' in others, expected at most 32");
        Scope inner;
        inner.dot_is_data = false;
        inner.root_is_data = false;
        std::swap(scope_, inner);
        const bool was_inner = std::exchange(is_inner_, true);
        Definition made;
        made.name = name;
        const std::string end = parse_list(made.nodes);
        if (end != "end") wrong("'" + word + "' without its end, expected '{{ end }}'");
        made.variables = scope_.variables.size();
        is_inner_ = was_inner;
        std::swap(scope_, inner);
        --depth_;
        add(std::move(made));
    }

    void add(Definition made) {
        const auto same = std::ranges::find(definitions_, made.name, &Definition::name);
        if (same == definitions_.end()) {
            definitions_.push_back(std::move(made));
        } else if (is_empty(same->nodes)) {
            *same = std::move(made);
        } else if (!is_empty(made.nodes)) {
            wrong("'" + made.name + "' again, expected one template of that name");
        }
    }

    /// What calls call, now that all is read.
    void resolve(Nodes& nodes) const {
        for (Node& node : nodes) {
            resolve(node.then);
            resolve(node.otherwise);
            if (node.kind != Node::Kind::call) continue;
            const auto found = std::ranges::find(definitions_, node.text, &Definition::name);
            if (found != definitions_.end()) {
                node.definition = static_cast<std::size_t>(found - definitions_.begin());
            }
        }
    }

    /// Variables of a block are gone behind it; their places are not used again.
    void hide(std::size_t known) {
        for (std::size_t i = known; i < scope_.variables.size(); ++i) scope_.variables[i].clear();
    }
    std::size_t declare(const std::string& name) {
        if (name.empty()) wrong("'$', expected a variable's name");
        if (scope_.variables.size() >= variables_max) {
            wrong("'$" + name + "', expected at most " + std::to_string(variables_max) +
                  " variables");
        }
        scope_.variables.push_back(name);
        return scope_.variables.size() - 1;
    }
    std::size_t variable(const std::string& name) {
        for (std::size_t i = scope_.variables.size(); !name.empty() && i-- > 0;) {
            if (scope_.variables[i] == name) return i;
        }
        wrong("'$" + name + "', expected a variable that is set before");
        return 0;
    }

    void expect_end(const Lexer& lexer) {
        if (lexer.now().kind != Token::Kind::end) {
            wrong("'" + lexer.now().text + "', expected '}}'");
        }
    }

    static bool ends_command(const Token& token) noexcept {
        return token.kind == Token::Kind::end || token.is("|") || token.is(")");
    }

    /// "$x :=", "$x =" and, of `range`, "$i, $x :=": the names and the sign; none if no such stand
    /// there.
    static std::vector<std::string> take_names(Lexer& lexer, bool is_range, std::string& sign) {
        std::vector<std::string> names;
        Lexer ahead = lexer;
        while (ahead.now().kind == Token::Kind::variable && names.size() < 2) {
            names.push_back(ahead.take().text);
            if (!is_range || names.size() == 2 || !ahead.now().is(",")) break;
            ahead.take();
        }
        if (names.empty() || !(ahead.now().is(":=") || ahead.now().is("="))) return {};
        sign = ahead.take().text;
        lexer = ahead;
        return names;
    }

    Pipeline parse_pipeline(Lexer& lexer, bool is_range = false) {
        Pipeline pipeline;
        std::string sign;
        const std::vector<std::string> names = take_names(lexer, is_range, sign);
        for (;;) {
            pipeline.commands.push_back(parse_command(lexer, !pipeline.commands.empty()));
            if (!error_.empty() || !lexer.now().is("|")) break;
            lexer.take();
        }
        for (const std::string& name : names) {
            pipeline.variables.push_back(sign == "=" ? variable(name) : declare(name));
        }
        return pipeline;
    }

    Command parse_command(Lexer& lexer, bool piped) {
        Command command;
        while (error_.empty() && !ends_command(lexer.now())) {
            if (!command.operands.empty() && !lexer.now().spaced) {
                wrong("'" + lexer.now().text + "', expected a blank before it");
            }
            command.operands.push_back(parse_operand(lexer));
        }
        if (command.operands.empty()) {
            wrong("'{{' with nothing in it, expected a value");
            return command;
        }
        if (command.operands.size() > arguments_max) wrong("a function with many arguments");
        // Only functions and .Meta take arguments.
        const Operand::Kind kind = command.operands[0].kind;
        const bool callable = kind == Operand::Kind::function || kind == Operand::Kind::meta;
        if ((command.operands.size() > 1 || piped) && !callable) {
            wrong("a value with arguments, expected a function in front of them");
        }
        for (std::size_t i = 0; i < command.operands.size(); ++i) {
            use(command.operands[i], i != 0 && is_printer(command.operands[0]));
        }
        return command;
    }

    void use(const Operand& operand, bool as_text) {
        if (operand.kind != Operand::Kind::value || operand.base == Operand::Base::pipeline) return;
        GoTemplate::Use found;
        found.path = operand.path;
        found.as_text = as_text;
        found.of_data = (operand.base == Operand::Base::dot && scope_.dot_is_data) ||
                        (operand.base == Operand::Base::root && scope_.root_is_data);
        uses_.push_back(std::move(found));
    }

    Operand parse_operand(Lexer& lexer) {
        const Token token = lexer.take();
        Operand operand;
        switch (token.kind) {
        case Token::Kind::text:
            operand.text = token.text;
            operand.constant.kind = Value::Kind::text;
            break;
        case Token::Kind::number: operand = number(token.text); break;
        case Token::Kind::word: operand = word(token.text); break;
        case Token::Kind::field:
            operand.kind = Operand::Kind::value;
            if (!token.text.empty()) operand.path.push_back(token.text);
            break;
        case Token::Kind::variable:
            operand.kind = Operand::Kind::value;
            operand.base = token.text.empty() ? Operand::Base::root : Operand::Base::variable;
            if (!token.text.empty()) operand.variable = variable(token.text);
            break;
        case Token::Kind::sign:
            if (token.text == "(") {
                operand = parenthesised(lexer);
                break;
            }
            [[fallthrough]];
        case Token::Kind::end:
        case Token::Kind::bad: wrong("'" + token.text + "', expected a field, text or a function");
        }
        // The dot itself has no fields behind it: "..Name".
        const bool takes_fields = operand.kind == Operand::Kind::value &&
                                  (operand.base != Operand::Base::dot || !operand.path.empty());
        while (lexer.now().kind == Token::Kind::field && !lexer.now().spaced) {
            const std::string name = lexer.take().text;
            if (!takes_fields || name.empty()) wrong("'." + name + "', expected a value before it");
            operand.path.push_back(name);
        }
        if (operand.path == std::vector<std::string>{"Meta"}) {
            operand.kind = Operand::Kind::meta;
            operand.path.clear();
        }
        return operand;
    }

    Operand parenthesised(Lexer& lexer) {
        if (++depth_ > depth_max) wrong("'(' in '(', expected at most 32 of them");
        Operand operand;
        operand.kind = Operand::Kind::value;
        operand.base = Operand::Base::pipeline;
        if (error_.empty()) operand.pipeline.push_back(parse_pipeline(lexer));
        if (!lexer.take().is(")")) wrong("'(' is not closed, expected ')'");
        --depth_;
        return operand;
    }

    Operand number(const std::string& text) {
        Operand operand;
        if (const auto integer = integer_of(text)) {
            operand.constant = Value::of(*integer);
            return operand;
        }
        double real = 0;
        const char* const begin = text.data() + (text.starts_with('+') ? 1 : 0);
        const char* const end = text.data() + text.size();
        const auto [read, error] = std::from_chars(begin, end, real);
        if (error != std::errc{} || read != end) wrong("'" + text + "', expected a number");
        operand.constant = Value::of(real);
        return operand;
    }

    /// Decimal, or with the prefixes 0x, 0o, 0b and 0.
    static std::optional<std::int64_t> integer_of(std::string_view text) {
        const bool negative = text.starts_with('-');
        if (negative || text.starts_with('+')) text.remove_prefix(1);
        const char second = text.size() > 1 && text[0] == '0' ? text[1] : ' ';
        const bool hex = second == 'x' || second == 'X';
        const bool octal = second == 'o' || second == 'O';
        const bool binary = second == 'b' || second == 'B';
        if (hex || octal || binary) text.remove_prefix(2);
        const int base = hex ? 16 : binary ? 2 : octal || second != ' ' ? 8 : 10;
        std::uint64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [read, error] = std::from_chars(text.data(), end, value, base);
        const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
        if (error != std::errc{} || read != end || value > most + (negative ? 1 : 0)) {
            return std::nullopt;
        }
        return static_cast<std::int64_t>(negative ? 0 - value : value);
    }

    Operand word(const std::string& text) {
        Operand operand;
        if (text == "true" || text == "false") {
            operand.constant = Value::of(text == "true");
            return operand;
        }
        if (text == "nil") return operand;
        const auto* const found =
            std::ranges::find(functions, text, &std::pair<std::string_view, Function>::first);
        if (found == functions.end()) {
            wrong("'" + text + "', expected a function such as 'index' or 'parseInt'");
            return operand;
        }
        operand.kind = Operand::Kind::function;
        operand.function = found->second;
        return operand;
    }

    std::string_view left_;
    std::string error_;
    bool trim_next_ = false;
    bool is_inner_ = false;  ///< in a definition
    std::size_t depth_ = 0;
    Scope scope_;
    std::vector<Definition> definitions_;
    std::vector<GoTemplate::Use> uses_;
};

}  // namespace

Result<GoTemplate> GoTemplate::parse(std::string_view text, std::string_view name) {
    Parser parser{text};
    auto definitions = parser.parse(name);
    if (!definitions) return std::move(definitions).error();
    GoTemplate made;
    made.text_ = text;
    made.definitions_ = std::make_shared<const std::vector<Definition>>(std::move(*definitions));
    made.uses_ = std::move(parser.uses());
    return made;
}

const GoTemplate::Nodes& GoTemplate::nodes() const noexcept {
    return definitions_->front().nodes;
}

const std::string* GoTemplate::constant() const noexcept {
    if (nodes().size() != 1 || nodes().front().kind != Node::Kind::text) return nullptr;
    return &nodes().front().text;
}

const std::string* GoTemplate::constant_behind_name() const noexcept {
    if (nodes().size() != 2 || nodes()[0].kind != Node::Kind::action ||
        nodes()[1].kind != Node::Kind::text) {
        return nullptr;
    }
    const Pipeline& pipeline = nodes()[0].pipeline;
    const bool is_word = pipeline.variables.empty() && pipeline.commands.size() == 1 &&
                         pipeline.commands[0].operands.size() == 1;
    if (!is_word) return nullptr;
    const Operand& operand = pipeline.commands[0].operands[0];
    const bool is_name =
        operand.kind == Operand::Kind::value && operand.base != Operand::Base::variable &&
        operand.base != Operand::Base::pipeline && operand.path == std::vector<std::string>{"Name"};
    return is_name ? &nodes()[1].text : nullptr;
}

}  // namespace nameplane::plugins::templating
