#include "kube/tree.hpp"

#include <algorithm>
#include <memory_resource>
#include <set>

namespace nameplane::kube {
namespace {

constexpr std::uint32_t none = 0xffffffff;
/// Maps up to this size look for doubled keys by comparing all pairs.
constexpr std::size_t small_map = 24;

struct Node {
    std::string_view key;
    std::string_view text;
    std::uint32_t line = 0;
    std::uint32_t first = none;
    std::uint32_t next = none;
    Shape shape = Shape::null;
};

}  // namespace

struct Tree::State {
    struct Level {
        std::uint32_t node = none;
        std::uint32_t last = none;
        std::uint32_t children = 0;
        bool wants_key = false;
        bool merge = false;
        std::string_view key;
    };
    std::pmr::monotonic_buffer_resource texts{64 * 1024};
    std::vector<Node> nodes;
    std::vector<Level> open;
    std::vector<std::string_view> keys;
    std::uint32_t alias_nodes = 0;
    bool failed = false;
    Fault fault;

    std::string_view keep(std::string_view text) {
        if (text.empty()) return {};
        auto* copy = static_cast<char*>(texts.allocate(text.size(), 1));
        std::ranges::copy(text, copy);
        return {copy, text.size()};
    }
    void fail(std::uint32_t line, std::string text) {
        if (failed) return;
        failed = true;
        fault = {line, std::move(text)};
    }
    std::uint32_t add(Shape shape, std::string_view text, std::uint32_t line);
    bool take_key(Shape shape, std::string_view text, std::uint32_t line);
    std::uint32_t copy(std::uint32_t from, unsigned depth);
    void merge(std::uint32_t map, std::uint32_t from);
    void merge_all(std::uint32_t map);
    void check_keys(std::uint32_t map);
};

/// Links a new node behind its siblings.
std::uint32_t Tree::State::add(Shape shape, std::string_view text, std::uint32_t line) {
    if (nodes.size() >= tree_nodes_max) {
        fail(line, "document of more than " + std::to_string(tree_nodes_max) +
                       " values, expected a smaller one");
        return none;
    }
    const auto index = static_cast<std::uint32_t>(nodes.size());
    nodes.push_back({.text = text, .line = line, .shape = shape});
    if (open.empty()) return index;
    Level& level = open.back();
    nodes[index].key = level.key;
    (level.last == none ? nodes[level.node].first : nodes[level.last].next) = index;
    level.last = index;
    ++level.children;
    if (nodes[level.node].shape == Shape::map) level.wants_key = true;
    return index;
}

/// In a map, every other value is a key. True if this one was.
bool Tree::State::take_key(Shape shape, std::string_view text, std::uint32_t line) {
    if (open.empty() || !open.back().wants_key) return false;
    if (shape == Shape::list || shape == Shape::map) {
        fail(line, "key of a map is a list or a map, expected a word");
        return true;
    }
    Level& level = open.back();
    level.key = keep(text);
    level.wants_key = false;
    if (shape == Shape::plain && text == "<<") level.merge = true;
    return true;
}

/// Copies a subtree into unlinked nodes; none if the budget is used up.
std::uint32_t Tree::State::copy(std::uint32_t from, unsigned depth) {
    if (failed) return none;
    if (++alias_nodes > alias_nodes_max) {
        fail(nodes[from].line, "aliases that write out more than " +
                                   std::to_string(alias_nodes_max) + " values, expected fewer");
        return none;
    }
    if (depth > nesting_levels_max) {
        fail(nodes[from].line,
             "nested deeper than " + std::to_string(nesting_levels_max) + " levels, expected less");
        return none;
    }
    const auto to = static_cast<std::uint32_t>(nodes.size());
    nodes.push_back(nodes[from]);
    nodes[to].first = nodes[to].next = none;
    std::uint32_t last = none;
    for (std::uint32_t child = nodes[from].first; child != none; child = nodes[child].next) {
        const std::uint32_t made = copy(child, depth + 1);
        if (made == none) break;
        (last == none ? nodes[to].first : nodes[last].next) = made;
        last = made;
    }
    return to;
}

/// Appends those entries of `from` whose keys `map` lacks.
void Tree::State::merge(std::uint32_t map, std::uint32_t from) {
    if (nodes[from].shape != Shape::map) {
        fail(nodes[from].line,
             "merge key '<<' of something else, expected a map or a list of maps");
        return;
    }
    for (std::uint32_t entry = nodes[from].first; entry != none; entry = nodes[entry].next) {
        std::uint32_t last = none;
        bool known = false;
        for (std::uint32_t own = nodes[map].first; own != none; own = nodes[own].next) {
            known = known || nodes[own].key == nodes[entry].key;
            last = own;
        }
        if (known) continue;
        const std::uint32_t made = copy(entry, static_cast<unsigned>(open.size()));
        if (made == none) return;
        (last == none ? nodes[map].first : nodes[last].next) = made;
    }
}

void Tree::State::merge_all(std::uint32_t map) {
    for (std::uint32_t entry = nodes[map].first; entry != none && !failed;
         entry = nodes[entry].next) {
        if (nodes[entry].key != "<<") continue;
        if (nodes[entry].shape != Shape::list) {
            merge(map, entry);
            continue;
        }
        for (std::uint32_t one = nodes[entry].first; one != none && !failed; one = nodes[one].next)
            merge(map, one);
    }
}

void Tree::State::check_keys(std::uint32_t map) {
    const auto doubled = [&](std::uint32_t node) {
        fail(nodes[node].line,
             "key '" + std::string{nodes[node].key} + "' stands twice in a map, expected once");
    };
    if (open.back().children <= small_map) {
        for (std::uint32_t a = nodes[map].first; a != none; a = nodes[a].next)
            for (std::uint32_t b = nodes[a].next; b != none; b = nodes[b].next)
                if (nodes[a].key == nodes[b].key) return doubled(b);
        return;
    }
    std::set<std::string_view> seen;
    for (std::uint32_t a = nodes[map].first; a != none; a = nodes[a].next)
        if (!seen.insert(nodes[a].key).second) return doubled(a);
}

Tree::Tree() : state_{std::make_unique<State>()} {}
Tree::~Tree() = default;
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(Tree&&) noexcept = default;

Value Tree::root() const noexcept {
    return state_->nodes.empty() ? Value{} : Value{this, 0};
}

void Tree::scalar(Shape shape, std::string_view text, std::uint32_t line) {
    if (state_->failed || state_->take_key(shape, text, line)) return;
    state_->add(shape, state_->keep(text), line);
}

void Tree::open(Shape shape, std::uint32_t line) {
    if (state_->failed || state_->take_key(shape, {}, line)) return;
    if (state_->open.size() >= nesting_levels_max)
        return fail(line, "nested deeper than " + std::to_string(nesting_levels_max) +
                              " levels, expected less");
    const std::uint32_t index = state_->add(shape, {}, line);
    if (index == none) return;
    state_->open.push_back({.node = index, .wants_key = shape == Shape::map});
}

void Tree::close() {
    if (state_->failed || state_->open.empty()) return;
    const State::Level& level = state_->open.back();
    const std::uint32_t node = level.node;
    if (state_->nodes[node].shape == Shape::map) {
        state_->check_keys(node);
        if (level.merge) state_->merge_all(node);
    }
    state_->open.pop_back();
}

void Tree::copy(std::uint32_t index, std::uint32_t line) {
    State& s = *state_;
    if (s.failed) return;
    if (index >= s.nodes.size()) return fail(line, "alias of a key, expected one of a value");
    if (s.take_key(s.nodes[index].shape, s.nodes[index].text, line)) return;
    for (const State::Level& level : s.open)
        if (level.node == index)
            return fail(line, "alias of a value inside that value, expected one that is complete");
    const std::uint32_t top = s.add(s.nodes[index].shape, s.nodes[index].text, line);
    if (top == none) return;
    std::uint32_t last = none;
    for (std::uint32_t c = s.nodes[index].first; c != none; c = s.nodes[c].next) {
        const std::uint32_t made = s.copy(c, static_cast<unsigned>(s.open.size()) + 1);
        if (made == none) return;
        (last == none ? s.nodes[top].first : s.nodes[last].next) = made;
        last = made;
    }
}

void Tree::fail(std::uint32_t line, std::string text) {
    state_->fail(line, std::move(text));
}

void Tree::fail_syntax(std::uint32_t line, std::string text) {
    state_->failed = true;
    state_->fault = {line, std::move(text)};
}

std::uint32_t Tree::next_index() const noexcept {
    if (!state_->open.empty() && state_->open.back().wants_key) return none;
    return static_cast<std::uint32_t>(state_->nodes.size());
}

const Fault* Tree::fault() const noexcept {
    return state_->failed ? &state_->fault : nullptr;
}

bool Value::present() const noexcept {
    return tree_ != nullptr && shape() != Shape::null;
}

Shape Value::shape() const noexcept {
    return tree_ == nullptr ? Shape::null : tree_->state_->nodes[index_].shape;
}

std::string_view Value::text() const noexcept {
    return tree_ == nullptr ? std::string_view{} : tree_->state_->nodes[index_].text;
}

std::string_view Value::key() const noexcept {
    return tree_ == nullptr ? std::string_view{} : tree_->state_->nodes[index_].key;
}

std::uint32_t Value::line() const noexcept {
    return tree_ == nullptr ? 0 : tree_->state_->nodes[index_].line;
}

Value Value::find(std::string_view key) const noexcept {
    if (shape() != Shape::map) return {};
    for (Value child = first(); child; child = child.next())
        if (child.key() == key) return child;
    return {};
}

Value Value::first() const noexcept {
    if (tree_ == nullptr) return {};
    const std::uint32_t child = tree_->state_->nodes[index_].first;
    return child == none ? Value{} : Value{tree_, child};
}

Value Value::next() const noexcept {
    if (tree_ == nullptr) return {};
    const std::uint32_t sibling = tree_->state_->nodes[index_].next;
    return sibling == none ? Value{} : Value{tree_, sibling};
}

}  // namespace nameplane::kube
