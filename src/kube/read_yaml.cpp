#include "kube/tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_map>

namespace nameplane::kube {
namespace {

/// Turns yaml-cpp's events into calls of a Tree. Its own node graph is not used: it is slow, and
/// it expands aliases without a bound.
class TreeBuilder final : public YAML::EventHandler {
public:
    TreeBuilder(Tree& tree, std::uint32_t first_line) : tree_{tree}, first_line_{first_line} {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ == 0) return;
        tree_.fail(line(mark), "second document without '---', expected '---' before it");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        note(anchor);
        tree_.scalar(Shape::null, {}, line(mark));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end())
            return tree_.fail(line(mark), "unknown alias, expected the name of an anchor");
        tree_.copy(found->second, line(mark));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        note(anchor);
        const bool plain = tag == "?";
        tree_.scalar(plain ? Shape::plain : Shape::text, value, line(mark));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        note(anchor);
        tree_.open(Shape::list, line(mark));
    }
    void OnSequenceEnd() override { tree_.close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        note(anchor);
        tree_.open(Shape::map, line(mark));
    }
    void OnMapEnd() override { tree_.close(); }

    std::uint32_t line(const YAML::Mark& mark) const {
        return first_line_ + static_cast<std::uint32_t>(std::max(mark.line, 0));
    }

private:
    void note(YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor && tree_.fault() == nullptr)
            anchors_[anchor] = tree_.next_index();
    }

    Tree& tree_;
    std::uint32_t first_line_;
    std::size_t documents_ = 0;
    std::unordered_map<YAML::anchor_t, std::uint32_t> anchors_;
};

bool begins_document(std::string_view line) {
    return line.starts_with("---") &&
           (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

/// Comments, directives and markers only.
bool has_content(std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with('%')) continue;
        if (begins_document(line) || line.starts_with("...")) line.remove_prefix(3);
        if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
        const std::size_t at = line.find_first_not_of(" \t\r");
        if (at != std::string_view::npos && line[at] != '#') return true;
    }
    return false;
}

}  // namespace

std::vector<DocumentText> split_documents(std::string_view text) {
    std::vector<DocumentText> documents;
    std::size_t begin = 0;
    std::uint32_t first_line = 1;
    std::uint32_t line_number = 1;
    const auto finish = [&](std::size_t end) {
        const std::string_view part = text.substr(begin, end - begin);
        if (has_content(part)) documents.push_back({part, first_line});
        begin = end;
        first_line = line_number;
    };
    for (std::size_t at = 0; at < text.size(); ++line_number) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (at > begin && begins_document(text.substr(at, end - at))) finish(at);
        at = end + 1;
    }
    finish(text.size());
    return documents;
}

Tree read_yaml(const DocumentText& document) {
    Tree tree;
    TreeBuilder builder{tree, document.first_line};
    try {
        std::istringstream stream{std::string{document.text}};
        YAML::Parser parser{stream};
        // On some broken texts the parser finds documents without end and without moving on.
        while (tree.fault() == nullptr && parser.HandleNextDocument(builder)) {}
    } catch (const YAML::Exception& error) {
        const std::uint32_t line =
            error.mark.is_null() ? document.first_line : builder.line(error.mark);
        tree.fail_syntax(line, "not YAML (" + error.msg + "), expected a YAML document");
    } catch (const std::exception& error) {
        tree.fail(document.first_line,
                  std::string{"not YAML ("} + error.what() + "), expected a YAML document");
    }
    return tree;
}

}  // namespace nameplane::kube
