// The text of an expression to nodes, with all types checked.

#include "base/expression_node.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace nameplane::expression {

namespace {

using Node = Expression::Node;

constexpr std::size_t depth_max = 64;

std::string_view name_of(Type type) noexcept {
    switch (type) {
    case Type::nothing: return "nil";
    case Type::boolean: return "bool";
    case Type::integer: return "int";
    case Type::real: return "float";
    case Type::text: return "string";
    case Type::list: return "array";
    }
    return {};
}

bool is_number(Type type) noexcept {
    return type == Type::integer || type == Type::real;
}
bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

struct Token {
    enum class Kind : std::uint8_t { end, word, number, text, sign, bad };
    Kind kind = Kind::end;
    std::string text;
};

class Lexer {
public:
    explicit Lexer(std::string_view text) : left_{text} {}

    Token take() {
        left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size()));
        if (left_.empty()) return {};
        const char c = left_.front();
        if (c == '"' || c == '\'' || c == '`') return take_text(c);
        if (is_letter(c))
            return take_while(Token::Kind::word,
                              [](char next) { return is_letter(next) || is_digit(next); });
        if (is_digit(c))
            return take_while(Token::Kind::number, [](char next) {
                return is_letter(next) || is_digit(next) || next == '.';
            });
        for (const std::string_view sign : {"||", "&&", "==", "!=", "<=", ">=", "**"}) {
            if (left_.starts_with(sign)) return take_sign(sign.size());
        }
        return take_sign(1);
    }

private:
    template <class While> Token take_while(Token::Kind kind, While goes_on) {
        const auto end = std::ranges::find_if_not(left_, goes_on);
        Token token{kind, {left_.begin(), end}};
        left_.remove_prefix(token.text.size());
        return token;
    }
    Token take_sign(std::size_t size) {
        Token token{Token::Kind::sign, std::string{left_.substr(0, size)}};
        left_.remove_prefix(size);
        return token;
    }
    Token take_text(char quote) {
        Token token{Token::Kind::text, {}};
        for (std::size_t at = 1; at < left_.size(); ++at) {
            char c = left_[at];
            if (c == quote) {
                left_.remove_prefix(at + 1);
                return token;
            }
            if (c == '\\' && quote != '`' && at + 1 < left_.size()) {
                c = left_[++at];
                c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
            }
            token.text += c;
        }
        left_ = {};
        return {Token::Kind::bad, std::string(1, quote)};
    }

    std::string_view left_;
};

struct Binary {
    std::string_view sign;
    Operator op;
    int level;
};
// A higher level binds closer.
constexpr std::array<Binary, 22> binaries{{{"||", Operator::or_, 10},
                                           {"or", Operator::or_, 10},
                                           {"&&", Operator::and_, 15},
                                           {"and", Operator::and_, 15},
                                           {"==", Operator::equal, 20},
                                           {"!=", Operator::unequal, 20},
                                           {"<", Operator::less, 20},
                                           {"<=", Operator::at_most, 20},
                                           {">", Operator::more, 20},
                                           {">=", Operator::at_least, 20},
                                           {"in", Operator::in, 20},
                                           {"not", Operator::not_in, 20},
                                           {"contains", Operator::contains, 20},
                                           {"startsWith", Operator::starts_with, 20},
                                           {"endsWith", Operator::ends_with, 20},
                                           {"matches", Operator::matches, 20},
                                           {"+", Operator::add, 30},
                                           {"-", Operator::subtract, 30},
                                           {"*", Operator::multiply, 60},
                                           {"/", Operator::divide, 60},
                                           {"%", Operator::remainder, 60},
                                           {"**", Operator::power, 100}}};
constexpr int level_of_not = 50;
constexpr int level_of_minus = 90;

struct Builtins {
    std::string_view name;
    Builtin builtin;
    std::size_t arguments;
    Type result;  ///< nothing: that of the arguments
};
constexpr std::array<Builtins, 16> builtins{{{"len", Builtin::len, 1, Type::integer},
                                             {"lower", Builtin::lower, 1, Type::text},
                                             {"upper", Builtin::upper, 1, Type::text},
                                             {"trim", Builtin::trim, 1, Type::text},
                                             {"trimPrefix", Builtin::trim_prefix, 2, Type::text},
                                             {"trimSuffix", Builtin::trim_suffix, 2, Type::text},
                                             {"hasPrefix", Builtin::has_prefix, 2, Type::boolean},
                                             {"hasSuffix", Builtin::has_suffix, 2, Type::boolean},
                                             {"indexOf", Builtin::index_of, 2, Type::integer},
                                             {"replace", Builtin::replace, 3, Type::text},
                                             {"int", Builtin::to_int, 1, Type::integer},
                                             {"float", Builtin::to_float, 1, Type::real},
                                             {"string", Builtin::to_string, 1, Type::text},
                                             {"abs", Builtin::abs, 1, Type::nothing},
                                             {"min", Builtin::min, 2, Type::nothing},
                                             {"max", Builtin::max, 2, Type::nothing}}};

class Parser {
public:
    Parser(std::string_view text, const Environment& environment)
        : lexer_{text}, environment_{environment}, now_{lexer_.take()} {}

    Result<Node> parse() {
        Node node = parse_choice();
        if (error_.empty() && now_.kind != Token::Kind::end) {
            wrong("'" + now_.text + "', expected the end or an operator");
        }
        if (!error_.empty()) return Error{Errc::invalid, error_};
        return node;
    }

private:
    void wrong(const std::string& text) {
        if (error_.empty()) error_ = text;
    }
    void advance() { now_ = lexer_.take(); }
    bool is_sign(std::string_view sign) const noexcept {
        return now_.kind == Token::Kind::sign && now_.text == sign;
    }
    bool is_word(std::string_view word) const noexcept {
        return now_.kind == Token::Kind::word && now_.text == word;
    }
    void expect(std::string_view sign) {
        if (!is_sign(sign)) {
            return wrong("'" + now_.text + "', expected '" + std::string{sign} + "'");
        }
        advance();
    }

    static Node constant(Value value) {
        Node node;
        node.type = value.type;
        node.constant = value;
        return node;
    }
    Node operation(Operator op, Type type, std::vector<Node> operands) {
        Node node;
        node.kind = Node::Kind::operation;
        node.op = op;
        node.type = type;
        node.operands = std::move(operands);
        return node;
    }

    Node parse_choice() {
        Node condition = parse_binary(0);
        if (!is_sign("?") || !error_.empty()) return condition;
        advance();
        if (condition.type != Type::boolean) wrong("a condition that is no bool before '?'");
        Node yes = parse_choice();
        expect(":");
        Node no = parse_choice();
        if (error_.empty() && yes.type != no.type) {
            wrong(mismatch("? :", yes.type, no.type));
        }
        const Type type = yes.type;
        std::vector<Node> operands;
        operands.push_back(std::move(condition));
        operands.push_back(std::move(yes));
        operands.push_back(std::move(no));
        return operation(Operator::choose, type, std::move(operands));
    }

    static std::string mismatch(std::string_view sign, Type a, Type b) {
        return "'" + std::string{sign} + "' of " + std::string{name_of(a)} + " and " +
               std::string{name_of(b)} + ", expected types that go together";
    }

    const Binary* binary() const noexcept {
        if (now_.kind != Token::Kind::sign && now_.kind != Token::Kind::word) return nullptr;
        if (now_.text == "^") return &binaries.back();
        const auto* const found = std::ranges::find(binaries, now_.text, &Binary::sign);
        return found == binaries.end() ? nullptr : found;
    }

    Node parse_binary(int least) {
        if (++depth_ > depth_max) wrong("an expression so deep, expected fewer parentheses");
        Node left = parse_unary();
        for (const Binary* op = binary(); op != nullptr && op->level >= least && error_.empty();
             op = binary()) {
            const std::string sign = now_.text;
            advance();
            if (op->op == Operator::not_in) {
                if (!is_word("in")) wrong("'not', expected 'not in'");
                advance();
            }
            // '**' is done from the right.
            Node right = parse_binary(op->op == Operator::power ? op->level : op->level + 1);
            left = combine(sign, op->op, std::move(left), std::move(right));
        }
        --depth_;
        return left;
    }

    Node combine(std::string_view sign, Operator op, Node left, Node right) {
        const auto type = result_type(op, left.type, right.type);
        if (!type && error_.empty()) wrong(mismatch(sign, left.type, right.type));
        std::vector<Node> operands;
        operands.push_back(std::move(left));
        operands.push_back(std::move(right));
        Node node = operation(op, type.value_or(Type::nothing), std::move(operands));
        if (op == Operator::matches) take_pattern(node);
        return node;
    }

    void take_pattern(Node& node) {
        const Node& right = node.operands[1];
        if (right.kind != Node::Kind::constant)
            return wrong("'matches', expected a pattern in quotes");
        Result<Pattern> pattern = Pattern::make(right.text);
        if (!pattern) return wrong(pattern.error().text);
        node.pattern = std::move(*pattern);
    }

    static std::optional<Type> result_type(Operator op, Type a, Type b) noexcept {
        const bool numbers = is_number(a) && is_number(b);
        const bool texts = a == Type::text && b == Type::text;
        switch (op) {
        case Operator::or_:
        case Operator::and_:
            if (a == Type::boolean && b == Type::boolean) return Type::boolean;
            return std::nullopt;
        case Operator::equal:
        case Operator::unequal:
            if (numbers || a == b || a == Type::nothing || b == Type::nothing) {
                return Type::boolean;
            }
            return std::nullopt;
        case Operator::less:
        case Operator::at_most:
        case Operator::more:
        case Operator::at_least:
            if (numbers || texts) return Type::boolean;
            return std::nullopt;
        case Operator::in:
        case Operator::not_in:
            if (b == Type::list) return Type::boolean;
            return std::nullopt;
        case Operator::contains:
        case Operator::starts_with:
        case Operator::ends_with:
        case Operator::matches:
            if (texts) return Type::boolean;
            return std::nullopt;
        case Operator::add:
            if (texts) return Type::text;
            [[fallthrough]];
        case Operator::subtract:
        case Operator::multiply:
            if (!numbers) return std::nullopt;
            return a == Type::integer && b == Type::integer ? Type::integer : Type::real;
        case Operator::divide:
        case Operator::power:
            if (numbers) return Type::real;
            return std::nullopt;
        case Operator::remainder:
            if (a == Type::integer && b == Type::integer) return Type::integer;
            return std::nullopt;
        case Operator::not_:
        case Operator::minus:
        case Operator::choose:
        case Operator::index: break;
        }
        return std::nullopt;
    }

    Node parse_unary() {
        if (is_sign("!") || is_word("not")) {
            advance();
            Node operand = parse_binary(level_of_not);
            if (operand.type != Type::boolean && error_.empty()) {
                wrong("'not' of " + std::string{name_of(operand.type)} + ", expected a bool");
            }
            return with_one(Operator::not_, Type::boolean, std::move(operand));
        }
        if (is_sign("-") || is_sign("+")) {
            const bool minus = is_sign("-");
            advance();
            Node operand = parse_binary(level_of_minus);
            const Type type = operand.type;
            if (!is_number(type) && error_.empty()) {
                wrong("a sign before " + std::string{name_of(type)} + ", expected a number");
            }
            return minus ? with_one(Operator::minus, type, std::move(operand)) : operand;
        }
        return parse_index(parse_primary());
    }

    Node with_one(Operator op, Type type, Node operand) {
        std::vector<Node> operands;
        operands.push_back(std::move(operand));
        return operation(op, type, std::move(operands));
    }

    // Only texts of lists are known by type: a list's items must all be so to be taken out.
    Node parse_index(Node node) {
        while (is_sign("[") && error_.empty()) {
            advance();
            Node at = parse_choice();
            expect("]");
            const bool known = node.kind == Node::Kind::list && !node.operands.empty();
            if (!known || at.type != Type::integer)
                wrong("'[', expected it behind a list, and a number in it");
            if (!error_.empty()) return node;
            const Type type = node.operands.front().type;
            const bool same = std::ranges::all_of(
                node.operands, [type](const Node& item) { return item.type == type; });
            if (!same) wrong("'[', expected a list with items of one type");
            std::vector<Node> operands;
            operands.push_back(std::move(node));
            operands.push_back(std::move(at));
            node = operation(Operator::index, type, std::move(operands));
        }
        return node;
    }

    Node parse_primary() {
        const Token token = now_;
        advance();
        switch (token.kind) {
        case Token::Kind::number: return number(token.text);
        case Token::Kind::text: {
            Node node = constant(Value::of(std::string_view{}));
            node.text = token.text;
            return node;
        }
        case Token::Kind::word: return word(token.text);
        case Token::Kind::sign:
            if (token.text == "(") {
                Node node = parse_choice();
                expect(")");
                return node;
            }
            if (token.text == "[") {
                Node node;
                node.kind = Node::Kind::list;
                node.type = Type::list;
                node.operands = parse_arguments("]");
                return node;
            }
            [[fallthrough]];
        case Token::Kind::end:
        case Token::Kind::bad: break;
        }
        wrong(token.kind == Token::Kind::end ? "the end, expected a value"
                                             : "'" + token.text + "', expected a value");
        return {};
    }

    Node number(std::string text) {
        std::erase(text, '_');
        const bool hex = text.starts_with("0x") || text.starts_with("0X");
        const char* const begin = text.data() + (hex ? 2 : 0);
        const char* const end = text.data() + text.size();
        std::int64_t integer = 0;
        const auto [read, error] = std::from_chars(begin, end, integer, hex ? 16 : 10);
        if (error == std::errc{} && read == end) return constant(Value::of(integer));
        double real = 0;
        const auto [read_real, error_real] = std::from_chars(begin, end, real);
        if (error_real != std::errc{} || read_real != end) {
            wrong("'" + text + "', expected a number");
        }
        return constant(Value::of(real));
    }

    std::vector<Node> parse_arguments(std::string_view close) {
        std::vector<Node> nodes;
        while (error_.empty() && !is_sign(close)) {
            nodes.push_back(parse_choice());
            if (nodes.size() > operands_max) wrong("'" + std::string{close} + "', expected sooner");
            if (!is_sign(",")) break;
            advance();
        }
        expect(close);
        return nodes;
    }

    Node word(const std::string& name) {
        if (name == "true" || name == "false") return constant(Value::of(name == "true"));
        if (name == "nil") return constant({});
        if (is_sign("(")) {
            advance();
            return call(name, parse_arguments(")"));
        }
        const auto& variables = environment_.variables;
        const auto found = std::ranges::find(variables, name, &Variable::name);
        if (found == variables.end()) {
            wrong("'" + name + "', expected a variable or a function");
            return {};
        }
        Node node;
        node.kind = Node::Kind::variable;
        node.type = found->type;
        node.variable = static_cast<std::size_t>(found - variables.begin());
        return node;
    }

    Node call(const std::string& name, std::vector<Node> arguments) {
        Node node;
        node.operands = std::move(arguments);
        if (!error_.empty()) return node;
        bool known = false;
        for (const Function& function : environment_.functions) {
            if (function.name != name) continue;
            known = true;
            const bool same =
                std::ranges::equal(function.parameters, node.operands, {}, {}, &Node::type);
            if (!same) continue;
            node.kind = Node::Kind::call;
            node.type = function.result;
            node.function = function.id;
            return node;
        }
        const auto* const builtin = std::ranges::find(builtins, name, &Builtins::name);
        if (!known && builtin != builtins.end() && takes(*builtin, node.operands)) {
            node.kind = Node::Kind::builtin;
            node.builtin = builtin->builtin;
            node.type = builtin->result != Type::nothing ? builtin->result : node.operands[0].type;
            return node;
        }
        if (known || builtin != builtins.end()) {
            wrong("'" + name + "()' with such arguments, expected others");
        } else {
            wrong("'" + name + "()', expected a function that exists");
        }
        return node;
    }

    static bool takes(const Builtins& builtin, const std::vector<Node>& arguments) noexcept {
        if (arguments.size() != builtin.arguments) return false;
        const Type first = arguments[0].type;
        switch (builtin.builtin) {
        case Builtin::len: return first == Type::text || first == Type::list;
        case Builtin::to_int:
        case Builtin::to_float: return is_number(first) || first == Type::text;
        case Builtin::to_string: return first != Type::list && first != Type::nothing;
        case Builtin::abs: return is_number(first);
        case Builtin::min:
        case Builtin::max: return is_number(first) && first == arguments[1].type;
        case Builtin::lower:
        case Builtin::upper:
        case Builtin::trim:
        case Builtin::trim_prefix:
        case Builtin::trim_suffix:
        case Builtin::has_prefix:
        case Builtin::has_suffix:
        case Builtin::index_of:
        case Builtin::replace: break;
        }
        return std::ranges::all_of(arguments,
                                   [](const Node& node) { return node.type == Type::text; });
    }

    Lexer lexer_;
    const Environment& environment_;
    Token now_;
    std::string error_;
    std::size_t depth_ = 0;
};

// Words of the language and its functions, those that are not served here included.
constexpr std::array<std::string_view, 84> reserved{
    "true",        "false",     "nil",        "let",
    "if",          "else",      "not",        "in",
    "and",         "or",        "matches",    "contains",
    "startsWith",  "endsWith",  "all",        "none",
    "any",         "one",       "filter",     "map",
    "count",       "sum",       "groupBy",    "sortBy",
    "find",        "findIndex", "findLast",   "findLastIndex",
    "reduce",      "len",       "abs",        "ceil",
    "floor",       "round",     "int",        "float",
    "string",      "trim",      "trimPrefix", "trimSuffix",
    "upper",       "lower",     "split",      "splitAfter",
    "replace",     "repeat",    "join",       "indexOf",
    "lastIndexOf", "hasPrefix", "hasSuffix",  "max",
    "min",         "mean",      "median",     "toJSON",
    "fromJSON",    "toBase64",  "fromBase64", "now",
    "duration",    "date",      "timezone",   "first",
    "last",        "get",       "take",       "keys",
    "values",      "toPairs",   "fromPairs",  "reverse",
    "concat",      "flatten",   "uniq",       "sort",
    "bitand",      "bitor",     "bitxor",     "bitnand",
    "bitnot",      "bitshl",    "bitshr",     "bitushr"};

}  // namespace

bool is_reserved(std::string_view word) noexcept {
    return std::ranges::find(reserved, word) != reserved.end();
}

Result<Expression> Expression::parse(std::string_view text, const Environment& environment) {
    if (text.size() > octets_max) {
        return Error{Errc::invalid, "an expression of " + std::to_string(text.size()) +
                                        " characters, expected at most " +
                                        std::to_string(octets_max)};
    }
    Result<Node> node = Parser{text, environment}.parse();
    if (!node) return std::move(node).error();
    Expression made;
    made.root_ = std::make_shared<const Node>(std::move(*node));
    return made;
}

Type Expression::type() const noexcept {
    return root_->type;
}

}  // namespace nameplane::expression
