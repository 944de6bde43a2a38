#pragma once
// Tree: one YAML or JSON document as a tree of scalars, lists and maps, each knowing its line. The
// decoder reads only this, so YAML and JSON cannot come to mean different things; what is wrong
// with a document as such (syntax, limits, doubled keys) is said by the two readers below.

#include <nameplane/base/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube {

/// Limits of one document. What exceeds them is refused as a whole.
inline constexpr unsigned nesting_levels_max = 64;
inline constexpr std::uint32_t tree_nodes_max = 32'000'000;
/// Nodes that aliases and merge keys of one document may add by being written out.
inline constexpr std::uint32_t alias_nodes_max = 100'000;

enum class Shape : std::uint8_t {
    null,   ///< nothing, ~ or null
    plain,  ///< a scalar without quotes: number, truth value or word
    text,   ///< a quoted string
    list,
    map,
};

class Tree;

/// One place in a Tree, or nowhere. Valid as long as the Tree stays where it is.
class Value {
public:
    Value() = default;

    /// Whether something other than null stands here.
    bool present() const noexcept;
    Shape shape() const noexcept;
    /// The scalar's text; empty for lists, maps and nothing.
    std::string_view text() const noexcept;
    /// The key under which it stands in its map.
    std::string_view key() const noexcept;
    /// Line in the file, from 1; 0 for nowhere.
    std::uint32_t line() const noexcept;
    /// The map's value of `key`, or nowhere.
    Value find(std::string_view key) const noexcept;
    /// Walks the children of a list or map.
    Value first() const noexcept;
    Value next() const noexcept;
    /// Calls `visit(child)` for each of them.
    template <class F> void for_each(F visit) const {
        for (Value child = first(); child; child = child.next()) visit(child);
    }
    /// Whether it is a place at all (null counts).
    explicit operator bool() const noexcept { return tree_ != nullptr; }

private:
    friend class Tree;
    Value(const Tree* tree, std::uint32_t index) noexcept : tree_{tree}, index_{index} {}

    const Tree* tree_ = nullptr;
    std::uint32_t index_ = 0;
};

/// What a broken document says about itself: where and what.
struct Fault {
    std::uint32_t line = 1;
    std::string text;  ///< "what, expected what"
};

/// Owns its nodes and texts. Built by depth-first calls of the two readers; move-only.
class Tree {
public:
    Tree();
    ~Tree();
    Tree(Tree&&) noexcept;
    Tree& operator=(Tree&&) noexcept;

    Value root() const noexcept;

    // For the readers. After the first fault all calls but fault() do nothing.
    void scalar(Shape shape, std::string_view text, std::uint32_t line);
    void open(Shape shape, std::uint32_t line);
    void close();
    /// A copy of the node `index`, which must be closed.
    void copy(std::uint32_t index, std::uint32_t line);
    void fail(std::uint32_t line, std::string text);
    /// A syntax error takes the place of a fault that was only its consequence.
    void fail_syntax(std::uint32_t line, std::string text);
    /// Index that the next value will get; one that copy() refuses if a key comes next.
    std::uint32_t next_index() const noexcept;
    /// The first fault, or nullptr.
    const Fault* fault() const noexcept;

private:
    friend class Value;
    struct State;
    std::unique_ptr<State> state_;
};

/// The documents of one YAML text, each with the line on which it begins. A line that starts with
/// "---" begins a document whatever comes before it, so a broken one cannot swallow the next.
/// Documents without any content are left out. Views into `text`.
struct DocumentText {
    std::string_view text;
    std::uint32_t first_line = 1;
};
std::vector<DocumentText> split_documents(std::string_view text);

/// Reads one document. With a fault the tree holds what came before it (the outer levels are
/// closed), so that the object can still be recognised.
Tree read_yaml(const DocumentText& document);
/// Reads a whole JSON text, which is one value.
Tree read_json(std::string_view text);

}  // namespace nameplane::kube
