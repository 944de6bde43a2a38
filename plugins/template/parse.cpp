// The text of a template to nodes.

#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <charconv>

namespace nameplane::plugins::templating {

namespace {

constexpr std::string_view blanks = " \t\r\n";

bool is_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Words of one action: names, fields, strings, numbers and signs.
class Lexer {
public:
    struct Token {
        enum class Kind : std::uint8_t { end, word, field, variable, text, number, sign, bad };
        Kind kind = Kind::end;
        std::string text;
        bool spaced = false;  ///< a blank stands before it
    };

    explicit Lexer(std::string_view action) : left_{action} { advance(); }
    const Token& now() const noexcept { return now_; }
    Token take() {
        Token token = std::move(now_);
        advance();
        return token;
    }

private:
    void advance() {
        const std::size_t before = left_.size();
        left_.remove_prefix(std::min(left_.find_first_not_of(blanks), left_.size()));
        now_ = {};
        now_.spaced = left_.size() != before;
        if (left_.empty()) return;
        const char c = left_.front();
        if (c == '"' || c == '`' || c == '\'') return take_text(c);
        if (c == '.' || c == '$') {
            return take_word(c == '.' ? Token::Kind::field : Token::Kind::variable, 1);
        }
        if ((c >= '0' && c <= '9') ||
            ((c == '-' || c == '+') && left_.size() > 1 && left_[1] >= '0' && left_[1] <= '9')) {
            return take_number();
        }
        if (is_word(c)) return take_word(Token::Kind::word, 0);
        now_.kind = Token::Kind::sign;
        const std::size_t size = left_.starts_with(":=") ? 2 : 1;
        now_.text = left_.substr(0, size);
        left_.remove_prefix(size);
    }

    void take_word(Token::Kind kind, std::size_t skipped) {
        std::size_t end = skipped;
        while (end < left_.size() && is_word(left_[end])) ++end;
        now_.kind = kind;
        now_.text = left_.substr(skipped, end - skipped);
        left_.remove_prefix(end);
    }

    void take_number() {
        std::size_t end = 1;
        while (end < left_.size() && (is_word(left_[end]) || left_[end] == '.')) ++end;
        now_.kind = Token::Kind::number;
        now_.text = left_.substr(0, end);
        left_.remove_prefix(end);
    }

    void take_text(char quote) {
        now_.kind = Token::Kind::text;
        for (std::size_t at = 1; at < left_.size(); ++at) {
            char c = left_[at];
            if (c == quote) {
                if (quote == '\'') {
                    // A character is its number.
                    now_.kind = now_.text.size() == 1 ? Token::Kind::number : Token::Kind::bad;
                    now_.text = std::to_string(static_cast<unsigned char>(now_.text[0]));
                }
                return left_.remove_prefix(at + 1);
            }
            if (c == '\\' && quote != '`' && at + 1 < left_.size()) {
                c = left_[++at];
                c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
            }
            now_.text += c;
        }
        now_.kind = Token::Kind::bad;
        left_ = {};
    }

    std::string_view left_;
    Token now_;
};

using Token = Lexer::Token;

class Parser {
public:
    explicit Parser(std::string_view text) : left_{text} {}

    Result<GoTemplate::Nodes> parse() {
        GoTemplate::Nodes nodes;
        const std::string end = parse_list(nodes);
        if (error_.empty() && !end.empty()) error_ = "'" + end + "', expected an 'if' before it";
        if (!error_.empty()) return Error{Errc::invalid, error_};
        return nodes;
    }
    std::size_t variables() const noexcept { return variables_.size(); }

private:
    using Node = GoTemplate::Node;
    using Nodes = GoTemplate::Nodes;

    void wrong(const std::string& text) {
        if (error_.empty()) error_ = text;
    }

    /// Up to "else" or "end", which is returned with what stands behind it, or the end of the text.
    std::string parse_list(Nodes& nodes) {
        while (error_.empty() && !left_.empty()) {
            const std::size_t open = left_.find("{{");
            add_text(nodes, left_.substr(0, open));
            if (open == std::string_view::npos) {
                left_ = {};
                break;
            }
            left_.remove_prefix(open + 2);
            const auto action = take_action(nodes);
            if (!action || action->starts_with("/*")) continue;
            if (*action == "end" || *action == "else" || action->starts_with("else ")) {
                return std::string{*action};
            }
            parse_action(*action, nodes);
        }
        return {};
    }

    void add_text(Nodes& nodes, std::string_view text) {
        if (trim_next_) text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
        trim_next_ = false;
        if (text.empty()) return;
        Node node;
        node.text = text;
        nodes.push_back(std::move(node));
    }

    /// What stands between the braces; "{{- " and " -}}" cut blanks off the text beside them.
    std::optional<std::string_view> take_action(Nodes& nodes) {
        const std::size_t close = find_close();
        if (close == std::string_view::npos) {
            wrong("'{{' is not closed, expected '}}'");
            return std::nullopt;
        }
        std::string_view action = left_.substr(0, close);
        left_.remove_prefix(close + 2);
        if (action.starts_with("- ")) {
            action.remove_prefix(1);
            if (!nodes.empty() && nodes.back().kind == Node::Kind::text) {
                std::string& text = nodes.back().text;
                text.erase(text.find_last_not_of(blanks) + 1);
            }
        }
        if (action.ends_with(" -")) {
            action.remove_suffix(1);
            trim_next_ = true;
        }
        action.remove_prefix(std::min(action.find_first_not_of(blanks), action.size()));
        return action.substr(0, action.find_last_not_of(blanks) + 1);
    }

    /// "}}" outside of quotes.
    std::size_t find_close() const noexcept {
        char quote = 0;
        for (std::size_t at = 0; at < left_.size(); ++at) {
            const char c = left_[at];
            if (quote != 0) {
                if (c == '\\' && quote != '`') ++at;
                if (c == quote) quote = 0;
            } else if (c == '"' || c == '`') {
                quote = c;
            } else if (c == '}' && at + 1 < left_.size() && left_[at + 1] == '}') {
                return at;
            }
        }
        return std::string_view::npos;
    }

    void parse_action(std::string_view action, Nodes& nodes) {
        Lexer lexer{action};
        const Token& first = lexer.now();
        if (first.kind == Token::Kind::word && (first.text == "if" || first.text == "with")) {
            const bool is_if = lexer.take().text == "if";
            return parse_branch(lexer, is_if ? Node::Kind::branch : Node::Kind::with, nodes);
        }
        constexpr std::array<std::string_view, 6> others{"range",  "template", "block",
                                                         "define", "break",    "continue"};
        if (first.kind == Token::Kind::word && std::ranges::count(others, first.text) != 0) {
            return wrong("'" + first.text + "', which is not supported, expected 'if' or 'with'");
        }
        Node node;
        node.kind = Node::Kind::print;
        if (first.kind == Token::Kind::variable) {
            Lexer ahead = lexer;
            const std::string name = ahead.take().text;
            const std::string sign = ahead.now().text;
            if (ahead.now().kind == Token::Kind::sign && (sign == ":=" || sign == "=")) {
                ahead.take();
                node.kind = Node::Kind::assign;
                lexer = ahead;
                node.pipeline = parse_pipeline(lexer);
                node.variable = sign == ":=" ? declare(name) : variable(name);
                expect_end(lexer);
                nodes.push_back(std::move(node));
                return;
            }
        }
        node.pipeline = parse_pipeline(lexer);
        expect_end(lexer);
        nodes.push_back(std::move(node));
    }

    void parse_branch(Lexer& lexer, Node::Kind kind, Nodes& nodes) {
        if (++depth_ > 32) return wrong("'if' in 'if', expected at most 32 of them");
        Node node;
        node.kind = kind;
        node.pipeline = parse_pipeline(lexer);
        expect_end(lexer);
        const std::size_t known = variables_.size();
        std::string end = parse_list(node.then);
        hide(known);
        if (end.starts_with("else ")) {
            Lexer other{std::string_view{end}.substr(5)};
            const std::string word = other.take().text;
            if (word != "if" && word != "with") return wrong("'" + end + "', expected 'else if'");
            parse_branch(other, word == "if" ? Node::Kind::branch : Node::Kind::with,
                         node.otherwise);
            end = "end";
        } else if (end == "else") {
            end = parse_list(node.otherwise);
            hide(known);
        }
        if (end != "end") wrong("'if' without its end, expected '{{ end }}'");
        --depth_;
        nodes.push_back(std::move(node));
    }

    /// Variables of a block are gone behind it; their places are not used again.
    void hide(std::size_t known) {
        for (std::size_t i = known; i < variables_.size(); ++i) variables_[i].clear();
    }
    std::size_t declare(const std::string& name) {
        variables_.push_back(name);
        if (name.empty()) wrong("'$', expected a variable's name");
        return variables_.size() - 1;
    }
    std::size_t variable(const std::string& name) {
        for (std::size_t i = variables_.size(); i-- > 0;) {
            if (variables_[i] == name) return i;
        }
        wrong("'$" + name + "', expected a variable that is set before");
        return 0;
    }

    void expect_end(const Lexer& lexer) {
        if (lexer.now().kind != Token::Kind::end) {
            wrong("'" + lexer.now().text + "', expected '}}'");
        }
    }

    bool ends_command(const Token& token) const noexcept {
        return token.kind == Token::Kind::end ||
               (token.kind == Token::Kind::sign && (token.text == "|" || token.text == ")"));
    }

    Pipeline parse_pipeline(Lexer& lexer) {
        Pipeline pipeline;
        for (;;) {
            Command command;
            while (error_.empty() && !ends_command(lexer.now())) {
                command.operands.push_back(parse_operand(lexer, command.operands.empty()));
            }
            if (command.operands.empty()) wrong("'{{' with nothing in it, expected a value");
            if (command.operands.size() > arguments_max) wrong("a function with many arguments");
            check_command(command, !pipeline.commands.empty());
            pipeline.commands.push_back(std::move(command));
            if (!error_.empty() || lexer.now().text != "|" ||
                lexer.now().kind != Token::Kind::sign) {
                return pipeline;
            }
            lexer.take();
        }
    }

    /// Only functions and .Meta take arguments.
    void check_command(const Command& command, bool piped) {
        if (command.operands.empty()) return;
        const Operand::Kind kind = command.operands[0].kind;
        const bool callable = kind == Operand::Kind::function || kind == Operand::Kind::meta;
        if ((command.operands.size() > 1 || piped) && !callable) {
            wrong("a value with arguments, expected a function in front of them");
        }
    }

    Operand parse_operand(Lexer& lexer, bool first) {
        const Token token = lexer.take();
        Operand operand;
        switch (token.kind) {
        case Token::Kind::text:
            operand.text = token.text;
            operand.constant.kind = Value::Kind::text;
            return operand;
        case Token::Kind::number: return number(token.text);
        case Token::Kind::word: return word(token.text, first);
        case Token::Kind::field: return field(lexer, token);
        case Token::Kind::variable:
            if (token.text.empty()) return root(lexer);
            operand.kind = Operand::Kind::variable;
            operand.variable = variable(token.text);
            return operand;
        case Token::Kind::sign:
            if (token.text == "(") {
                if (++depth_ > 32) wrong("'(' in '(', expected at most 32 of them");
                operand.kind = Operand::Kind::pipeline;
                if (error_.empty()) operand.pipeline.push_back(parse_pipeline(lexer));
                if (lexer.take().text != ")") wrong("'(' is not closed, expected ')'");
                --depth_;
                return operand;
            }
            [[fallthrough]];
        case Token::Kind::end:
        case Token::Kind::bad: wrong("'" + token.text + "', expected a field, text or a function");
        }
        return operand;
    }

    Operand field(Lexer& lexer, const Token& token) {
        Operand operand;
        operand.kind = token.text.empty() ? Operand::Kind::dot : Operand::Kind::field;
        if (token.text.empty()) return operand;
        operand.path.push_back(token.text);
        while (lexer.now().kind == Token::Kind::field && !lexer.now().spaced) {
            operand.path.push_back(lexer.take().text);
        }
        if (operand.path == std::vector<std::string>{"Meta"}) operand.kind = Operand::Kind::meta;
        return operand;
    }

    /// `$`, and what follows it.
    Operand root(Lexer& lexer) {
        Operand operand;
        const Token& next = lexer.now();
        if (next.kind == Token::Kind::field && !next.spaced && !next.text.empty()) {
            const Token name = lexer.take();
            operand = field(lexer, name);
        }
        if (operand.kind != Operand::Kind::meta) operand.kind = Operand::Kind::root;
        return operand;
    }

    Operand number(const std::string& text) {
        Operand operand;
        std::int64_t value = 0;
        const char* begin = text.data();
        const char* const end = text.data() + text.size();
        const bool hex = text.starts_with("0x") || text.starts_with("0X");
        if (hex) begin += 2;
        if (text.starts_with('+')) ++begin;
        const auto [read, error] = std::from_chars(begin, end, value, hex ? 16 : 10);
        if (error == std::errc{} && read == end) {
            operand.constant = Value::of(value);
            return operand;
        }
        double real = 0;
        const auto [read_real, error_real] = std::from_chars(begin, end, real);
        if (error_real != std::errc{} || read_real != end) {
            wrong("'" + text + "', expected a number");
        }
        operand.constant = Value::of(real);
        return operand;
    }

    Operand word(const std::string& text, bool) {
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
    std::size_t depth_ = 0;
    std::vector<std::string> variables_;
};

}  // namespace

Result<GoTemplate> GoTemplate::parse(std::string_view text) {
    Parser parser{text};
    Result<Nodes> nodes = parser.parse();
    if (!nodes) return std::move(nodes).error();
    GoTemplate made;
    made.text_ = text;
    made.nodes_ = std::make_shared<const Nodes>(std::move(*nodes));
    made.variables_ = parser.variables();
    return made;
}

const std::string* GoTemplate::constant() const noexcept {
    if (nodes_->size() != 1 || nodes_->front().kind != Node::Kind::text) return nullptr;
    return &nodes_->front().text;
}

const std::string* GoTemplate::constant_behind_name() const noexcept {
    if (nodes_->size() != 2 || (*nodes_)[0].kind != Node::Kind::print ||
        (*nodes_)[1].kind != Node::Kind::text) {
        return nullptr;
    }
    const auto& commands = (*nodes_)[0].pipeline.commands;
    if (commands.size() != 1 || commands[0].operands.size() != 1) return nullptr;
    const Operand& operand = commands[0].operands[0];
    const bool is_name =
        operand.kind == Operand::Kind::field && operand.path == std::vector<std::string>{"Name"};
    return is_name ? &(*nodes_)[1].text : nullptr;
}

}  // namespace nameplane::plugins::templating
