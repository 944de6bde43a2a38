// hot path
// What a template does with a query.

#include "plugins/template/nodes.hpp"

#include <algorithm>
#include <array>

namespace nameplane::plugins::templating {

namespace {

using Node = GoTemplate::Node;
using Nodes = GoTemplate::Nodes;
using Definitions = std::span<const GoTemplate::Definition>;

/// What a run has in hand.
class Runner {
public:
    Runner(Definitions definitions, const Data& data, Arena& arena, Output& out) noexcept
        : definitions_{definitions}, data_{data}, arena_{arena}, out_{out} {}

    Outcome run() noexcept {
        const Value whole = Value::object_of(0, &data_);
        if (run(definitions_[0], whole) && !out_.good()) outcome_ = Outcome::too_long;
        return outcome_;
    }

private:
    /// How nodes end; `stop` is the end of the run.
    enum class Flow : std::uint8_t { on, leave, go_on, stop };

    /// One level more, while it lives.
    class Deeper {
    public:
        explicit Deeper(Runner& runner) noexcept : runner_{runner} {
            good_ = ++runner_.depth_ <= GoTemplate::depth_max || runner_.fail(Outcome::too_deep);
        }
        ~Deeper() { --runner_.depth_; }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;
        bool good() const noexcept { return good_; }

    private:
        Runner& runner_;
        bool good_;
    };

    bool fail(Outcome outcome) noexcept {
        outcome_ = outcome;
        return false;
    }
    bool check(Outcome outcome) noexcept { return outcome == Outcome::good || fail(outcome); }
    bool step() noexcept {
        return ++steps_ <= GoTemplate::steps_max || fail(Outcome::too_many_steps);
    }

    /// A definition with variables of its own, whose dot and `$` are `value`.
    bool run(const GoTemplate::Definition& definition, const Value& value) noexcept {
        if (calls_ == frames_.size()) return fail(Outcome::too_deep);
        if (!make_frame(definition)) return false;
        const std::span<Value> variables = variables_;
        const Value* const dot = dot_;
        const Value* const root = root_;
        variables_ = frames_[calls_].first(definition.variables);
        dot_ = &value;
        root_ = &value;
        ++calls_;
        const Flow flow = run(definition.nodes);
        --calls_;
        variables_ = variables;
        dot_ = dot;
        root_ = root;
        return flow != Flow::stop;
    }

    /// Calls of one depth share their memory, however many they are.
    bool make_frame(const GoTemplate::Definition& definition) noexcept {
        std::span<Value>& frame = frames_[calls_];
        if (frame.size() < definition.variables) {
            frame = arena_.array<Value>(calls_ == 0 ? definition.variables : variables_max);
            if (frame.empty()) return fail(Outcome::no_memory);
        }
        std::ranges::fill(frame.first(definition.variables), Value{});
        return true;
    }

    Flow run(const Nodes& nodes) noexcept {
        const Deeper deeper{*this};
        if (!deeper.good()) return Flow::stop;
        for (const Node& node : nodes) {
            const Flow flow = step() ? run(node) : Flow::stop;
            if (flow != Flow::on) return flow;
        }
        return Flow::on;
    }

    Flow run_with_dot(const Nodes& nodes, const Value& value) noexcept {
        const Value* const outer = dot_;
        dot_ = &value;
        const Flow flow = run(nodes);
        dot_ = outer;
        return flow;
    }

    Flow run(const Node& node) noexcept {
        if (node.kind == Node::Kind::text) {
            out_.add(std::string_view{node.text});
            return Flow::on;
        }
        if (node.kind == Node::Kind::leave) return Flow::leave;
        if (node.kind == Node::Kind::go_on) return Flow::go_on;
        Value value;
        if (!node.pipeline.commands.empty() && !evaluate(node.pipeline, value)) return Flow::stop;
        switch (node.kind) {
        case Node::Kind::text:
        case Node::Kind::leave:
        case Node::Kind::go_on: return Flow::on;
        case Node::Kind::action:
            if (!node.pipeline.variables.empty()) return Flow::on;
            return check(print(value, out_)) ? Flow::on : Flow::stop;
        case Node::Kind::branch: return run(value.truth() ? node.then : node.otherwise);
        case Node::Kind::with:
            return value.truth() ? run_with_dot(node.then, value) : run(node.otherwise);
        case Node::Kind::range: return run_range(node, value);
        case Node::Kind::call: return run_call(node, value) ? Flow::on : Flow::stop;
        }
        return Flow::on;
    }

    bool run_call(const Node& node, const Value& value) noexcept {
        if (node.definition == Node::unknown) return fail(Outcome::wrong);
        return run(definitions_[node.definition], value);
    }

    Flow run_range(const Node& node, const Value& over) noexcept {
        const bool is_number = over.kind == Value::Kind::integer;
        const bool has_elements = over.kind == Value::Kind::list || over.kind == Value::Kind::map ||
                                  over.kind == Value::Kind::objects;
        const bool good = has_elements || over.kind == Value::Kind::nothing ||
                          (is_number && node.pipeline.variables.size() < 2);
        if (!good) {
            fail(Outcome::wrong);
            return Flow::stop;
        }
        const bool is_negative = over.width != Value::Width::u64 && over.integer < 0;
        const std::uint64_t count = !is_number    ? over.size()
                                    : is_negative ? 0
                                                  : static_cast<std::uint64_t>(over.integer);
        if (count == 0) return run(node.otherwise);
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto number = static_cast<std::int64_t>(i);
            const Value element = is_number ? Value::of(number, over.width) : over.element(i);
            const Value key =
                over.kind == Value::Kind::map ? Value::of(over.list[2 * i]) : Value::of(number);
            set(node.pipeline, key, element);
            const Flow flow = step() ? run_with_dot(node.then, element) : Flow::stop;
            if (flow == Flow::leave) break;
            if (flow == Flow::stop) return flow;
        }
        return Flow::on;
    }

    /// The variables of a round: of two the first is the key.
    void set(const Pipeline& pipeline, const Value& key, const Value& element) noexcept {
        const auto& variables = pipeline.variables;
        if (!variables.empty()) variables_[variables.back()] = element;
        if (variables.size() > 1) variables_[variables.front()] = key;
    }

    bool evaluate(const Pipeline& pipeline, Value& value) noexcept {
        const Deeper deeper{*this};
        if (!deeper.good()) return false;
        const Value* piped = nullptr;
        Value last;
        for (const Command& command : pipeline.commands) {
            if (!evaluate(command, piped, value)) return false;
            last = value;
            piped = &last;
        }
        for (const std::size_t variable : pipeline.variables) variables_[variable] = value;
        return true;
    }

    bool evaluate(const Command& command, const Value* piped, Value& value) noexcept {
        const Operand& first = command.operands[0];
        switch (first.kind) {
        case Operand::Kind::constant:
            // A `nil` that is no argument is none of Go's commands.
            if (first.constant.kind == Value::Kind::nothing) return fail(Outcome::wrong);
            return evaluate(first, value);
        case Operand::Kind::value: return evaluate(first, value);
        case Operand::Kind::meta: return call_meta(command, piped, value);
        case Operand::Kind::function: break;
        }
        const bool is_or = first.function == Function::or_;
        if (is_or || first.function == Function::and_) return choose(command, is_or, piped, value);
        return call_function(command, piped, value);
    }

    bool call_function(const Command& command, const Value* piped, Value& value) noexcept {
        std::array<Value, arguments_max + 1> arguments;
        std::size_t count = 0;
        for (std::size_t i = 1; i < command.operands.size(); ++i) {
            if (!evaluate(command.operands[i], arguments[count++])) return false;
        }
        if (piped != nullptr) arguments[count++] = *piped;
        const auto given = std::span{arguments}.first(count);
        return check(call(command.operands[0].function, given, arena_, value));
    }

    /// `and` and `or`: what stands behind the one that decides is not worked out.
    bool choose(const Command& command, bool until, const Value* piped, Value& value) noexcept {
        if (command.operands.size() == 1 && piped == nullptr) return fail(Outcome::wrong);
        for (std::size_t i = 1; i < command.operands.size(); ++i) {
            if (!evaluate(command.operands[i], value)) return false;
            if (value.truth() == until) return true;
        }
        if (piped != nullptr) value = *piped;
        return true;
    }

    bool call_meta(const Command& command, const Value* piped, Value& value) noexcept {
        const Operand& method = command.operands[0];
        const std::size_t given = command.operands.size() - 1 + (piped != nullptr ? 1 : 0);
        if (given == 0) return evaluate(method, value);
        Value label;
        if (!evaluate_base(method, value)) return false;
        if (value.kind == Value::Kind::nothing) return true;
        if (piped != nullptr) label = *piped;
        if (piped == nullptr && !evaluate(command.operands[1], label)) return false;
        const bool good = given == 1 && value.kind == Value::Kind::object && value.object == 0 &&
                          label.kind == Value::Kind::text;
        if (!good) return fail(Outcome::wrong);
        value = Value::of(data_.meta(label.text));
        return true;
    }

    bool evaluate(const Operand& operand, Value& value) noexcept {
        if (!step()) return false;
        switch (operand.kind) {
        case Operand::Kind::constant:
            value = operand.constant;
            if (value.kind == Value::Kind::text) value.text = operand.text;
            return true;
        case Operand::Kind::value:
            if (!evaluate_base(operand, value)) return false;
            return std::ranges::all_of(
                operand.path, [&](std::string_view name) { return take_field(name, value); });
        case Operand::Kind::meta:
            // Without an argument it is a key like others.
            if (!evaluate_base(operand, value)) return false;
            if (value.kind == Value::Kind::nothing) return true;
            if (value.kind != Value::Kind::map) return fail(Outcome::wrong);
            value = value.value_of("Meta");
            return true;
        case Operand::Kind::function: return check(call(operand.function, {}, arena_, value));
        }
        return false;
    }

    bool evaluate_base(const Operand& operand, Value& value) noexcept {
        switch (operand.base) {
        case Operand::Base::dot: value = *dot_; return true;
        case Operand::Base::root: value = *root_; return true;
        case Operand::Base::variable: value = variables_[operand.variable]; return true;
        case Operand::Base::pipeline: return evaluate(operand.pipeline[0], value);
        }
        return false;
    }

    /// ".name" of `value`, into it; of nothing it is nothing.
    bool take_field(std::string_view name, Value& value) noexcept {
        if (value.kind == Value::Kind::nothing) return true;
        if (value.kind == Value::Kind::map) {
            value = value.value_of(name);
            return true;
        }
        if (value.kind != Value::Kind::object || value.null) return fail(Outcome::wrong);
        return check(data_.field(value.object, name, value));
    }

    Definitions definitions_;
    const Data& data_;
    Arena& arena_;
    Output& out_;
    Outcome outcome_ = Outcome::good;
    std::size_t steps_ = 0;
    std::size_t depth_ = 0;
    std::size_t calls_ = 0;
    std::array<std::span<Value>, GoTemplate::calls_max> frames_;
    std::span<Value> variables_;
    const Value* dot_ = nullptr;
    const Value* root_ = nullptr;
};

}  // namespace

Outcome GoTemplate::run(const Data& data, Arena& arena, Output& out) const noexcept {
    return Runner{*definitions_, data, arena, out}.run();
}

}  // namespace nameplane::plugins::templating
