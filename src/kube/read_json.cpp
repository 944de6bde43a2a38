#include "kube/tree.hpp"

#include <simdjson.h>

#include <algorithm>
#include <exception>

namespace nameplane::kube {
namespace {

namespace sj = simdjson;
namespace od = simdjson::ondemand;

/// Walks a JSON text in order and tells a Tree.
class JsonWalk {
public:
    JsonWalk(Tree& tree, const sj::padded_string& text) : tree_{tree}, text_{text} {}

    bool value(od::value value) {
        od::json_type type{};
        if (const auto error = value.type().get(type)) return failed(error);
        // Numbers, truth values and nulls: the token as it stands, without what follows it.
        std::string_view token = value.raw_json_token();
        at(token.data());
        switch (type) {
        case od::json_type::object: return object(value);
        case od::json_type::array: return array(value);
        case od::json_type::string: return string(value);
        case od::json_type::number: return number(value, token);
        case od::json_type::boolean: return boolean(value);
        case od::json_type::null: return null(value);
        }
        return false;
    }
    bool failed(sj::error_code error) {
        tree_.fail(line_, std::string{"not JSON ("} + sj::error_message(error) +
                              "), expected a JSON document");
        return false;
    }
    bool nested() { return tree_.fault() == nullptr; }

private:
    bool object(od::value value) {
        od::object object;
        if (const auto error = value.get_object().get(object)) return failed(error);
        tree_.open(Shape::map, line_);
        for (auto entry : object) {
            if (!nested()) return false;
            od::field field;
            if (const auto error = std::move(entry).get(field)) return failed(error);
            at(field.key().raw());
            std::string_view key;
            if (const auto error = field.unescaped_key().get(key)) return failed(error);
            tree_.scalar(Shape::text, key, line_);
            if (!this->value(field.value())) return false;
        }
        tree_.close();
        return true;
    }
    bool array(od::value value) {
        od::array array;
        if (const auto error = value.get_array().get(array)) return failed(error);
        tree_.open(Shape::list, line_);
        for (auto element : array) {
            if (!nested()) return false;
            od::value one;
            if (const auto error = std::move(element).get(one)) return failed(error);
            if (!this->value(one)) return false;
        }
        tree_.close();
        return true;
    }
    bool string(od::value value) {
        std::string_view text;
        if (const auto error = value.get_string().get(text)) return failed(error);
        tree_.scalar(Shape::text, text, line_);
        return true;
    }
    bool number(od::value value, std::string_view token) {
        od::number checked;
        if (const auto error = value.get_number().get(checked)) return failed(error);
        const std::size_t end = token.find_first_not_of("+-.0123456789eE");
        tree_.scalar(Shape::plain, token.substr(0, end), line_);
        return true;
    }
    bool boolean(od::value value) {
        bool truth = false;
        if (const auto error = value.get_bool().get(truth)) return failed(error);
        tree_.scalar(Shape::plain, truth ? "true" : "false", line_);
        return true;
    }
    bool null(od::value value) {
        if (!value.is_null()) return failed(sj::N_ATOM_ERROR);
        tree_.scalar(Shape::null, {}, line_);
        return true;
    }
    /// Counts lines up to `place`; the walk only goes forwards.
    void at(const char* place) {
        const char* from = text_.data() + counted_;
        if (place <= from || place > text_.data() + text_.size()) return;
        line_ += static_cast<std::uint32_t>(std::count(from, place, '\n'));
        counted_ = static_cast<std::size_t>(place - text_.data());
    }

    Tree& tree_;
    const sj::padded_string& text_;
    std::size_t counted_ = 0;
    std::uint32_t line_ = 1;
};

/// A document's value cannot be asked for as od::value when it is a scalar, and no object is one.
void walk(Tree& tree, const sj::padded_string& text) {
    JsonWalk walk{tree, text};
    od::parser parser;
    od::document document;
    if (const auto error = parser.iterate(text).get(document)) {
        walk.failed(error);
        return;
    }
    od::value top;
    if (const auto error = document.get_value().get(top)) {
        if (error == sj::SCALAR_DOCUMENT_AS_VALUE)
            tree.fail(1, "document is no object, expected a JSON document");
        else
            walk.failed(error);
        return;
    }
    if (!walk.value(top) || tree.fault() != nullptr) return;
    if (document.current_location().error() != sj::OUT_OF_BOUNDS) walk.failed(sj::TRAILING_CONTENT);
}

}  // namespace

Tree read_json(std::string_view text) {
    // Editors of Windows begin a file with a byte order mark; RFC 8259 8.1 lets us pass over it.
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    if (text.starts_with(mark)) text.remove_prefix(mark.size());
    Tree tree;
    try {
        walk(tree, sj::padded_string{text});
    } catch (const std::exception& error) {
        tree.fail(1, std::string{"not JSON ("} + error.what() + "), expected a JSON document");
    }
    return tree;
}

}  // namespace nameplane::kube
