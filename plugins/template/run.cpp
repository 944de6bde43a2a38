// hot path
#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace nameplane::plugins::templating {

bool Value::truth() const noexcept {
    switch (kind) {
    case Kind::nothing: return false;
    case Kind::boolean: return boolean;
    case Kind::integer: return integer != 0;
    case Kind::real: return real != 0;
    case Kind::text: return !text.empty();
    case Kind::list: return !list.empty();
    }
    return false;
}

void Output::add(std::string_view text) noexcept {
    if (text.size() > room_.size() - size_) {
        good_ = false;
        return;
    }
    std::memcpy(room_.data() + size_, text.data(), text.size());
    size_ += text.size();
}

void Output::add(const Value& value) noexcept {
    std::array<char, 64> digits;
    const auto add_number = [&](auto number) {
        const auto [end, error] =
            std::to_chars(digits.data(), digits.data() + digits.size(), number);
        add({digits.data(), static_cast<std::size_t>(end - digits.data())});
    };
    switch (value.kind) {
    case Value::Kind::nothing: return add("<no value>");
    case Value::Kind::boolean: return add(value.boolean ? "true" : "false");
    case Value::Kind::integer: return add_number(value.integer);
    case Value::Kind::real: return add_number(value.real);
    case Value::Kind::text: return add(value.text);
    case Value::Kind::list:
        add("[");
        for (std::size_t i = 0; i < value.list.size(); ++i) {
            if (i != 0) add(" ");
            add(value.list[i]);
        }
        return add("]");
    }
}

namespace {

/// What a run has in hand.
class Runner {
public:
    Runner(const Data& data, Arena& arena, Output& out, std::span<Value> variables) noexcept
        : data_{data}, arena_{arena}, out_{out}, variables_{variables} {}

    bool run(const GoTemplate::Nodes& nodes) noexcept {
        return std::ranges::all_of(nodes, [this](const auto& node) { return run(node); }) &&
               out_.good();
    }

private:
    using Node = GoTemplate::Node;

    bool run(const Node& node) noexcept {
        if (node.kind == Node::Kind::text) {
            out_.add(std::string_view{node.text});
            return true;
        }
        Value value;
        if (!evaluate(node.pipeline, value)) return false;
        switch (node.kind) {
        case Node::Kind::text: return true;
        case Node::Kind::print: out_.add(value); return true;
        case Node::Kind::assign: variables_[node.variable] = value; return true;
        case Node::Kind::branch: return run(value.truth() ? node.then : node.otherwise);
        case Node::Kind::with: return run_with(node, value);
        }
        return false;
    }

    bool run_with(const Node& node, const Value& value) noexcept {
        if (!value.truth()) return run(node.otherwise);
        const Value* const outer = dot_;
        dot_ = &value;
        const bool good = run(node.then);
        dot_ = outer;
        return good;
    }

    bool evaluate(const Pipeline& pipeline, Value& value) noexcept {
        const Value* piped = nullptr;
        Value last;
        for (const Command& command : pipeline.commands) {
            if (!evaluate(command, piped, value)) return false;
            last = value;
            piped = &last;
        }
        return true;
    }

    bool evaluate(const Command& command, const Value* piped, Value& value) noexcept {
        const Operand& first = command.operands[0];
        if (first.kind != Operand::Kind::function && first.kind != Operand::Kind::meta) {
            return evaluate(first, value);
        }
        std::array<Value, arguments_max + 1> arguments;
        std::size_t count = 0;
        for (std::size_t i = 1; i < command.operands.size(); ++i) {
            if (!evaluate(command.operands[i], arguments[count++])) return false;
        }
        if (piped != nullptr) arguments[count++] = *piped;
        if (first.kind == Operand::Kind::meta) {
            if (count != 1 || arguments[0].kind != Value::Kind::text) return false;
            value = Value::of(data_.meta(arguments[0].text));
            return true;
        }
        return call(first.function, std::span{arguments}.first(count), arena_, value);
    }

    bool evaluate(const Operand& operand, Value& value) noexcept {
        switch (operand.kind) {
        case Operand::Kind::constant:
            value = operand.constant;
            if (value.kind == Value::Kind::text) value.text = operand.text;
            return true;
        case Operand::Kind::field: return dot_ == nullptr && data_.field(operand.path, value);
        // All of it is no value, as where the dot is all of it.
        case Operand::Kind::root: return !operand.path.empty() && data_.field(operand.path, value);
        case Operand::Kind::dot: value = dot_ == nullptr ? Value{} : *dot_; return dot_ != nullptr;
        case Operand::Kind::variable: value = variables_[operand.variable]; return true;
        case Operand::Kind::pipeline: return evaluate(operand.pipeline[0], value);
        case Operand::Kind::function: return call(operand.function, {}, arena_, value);
        case Operand::Kind::meta: return false;
        }
        return false;
    }

    const Data& data_;
    Arena& arena_;
    Output& out_;
    std::span<Value> variables_;
    const Value* dot_ = nullptr;  ///< nullptr: the data itself
};

}  // namespace

bool GoTemplate::run(const Data& data, Arena& arena, Output& out) const noexcept {
    const std::span<Value> variables = arena.array<Value>(variables_);
    if (variables.size() != variables_) return false;
    std::ranges::fill(variables, Value{});
    return Runner{data, arena, out, variables}.run(*nodes_);
}

}  // namespace nameplane::plugins::templating
