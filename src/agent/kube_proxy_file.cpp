#include "agent/kube_proxy_file.hpp"

#include "conf/nearest.hpp"
#include "kube/fields.hpp"
#include "kube/tree.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace nameplane::agent {

namespace {

using kube::Shape;
using kube::Value;

constexpr std::string_view kind_word = "KubeProxyConfiguration";
constexpr std::string_view version_word = "kubeproxy.config.k8s.io/v1alpha1";

// Whether something stands below `path`.
bool leads_on(std::string_view path) {
    return std::ranges::any_of(kube_proxy_fields(), [&](const KubeProxyField& field) {
        return field.path.size() > path.size() && field.path.starts_with(path) &&
               field.path[path.size()] == '.';
    });
}

class Reader {
public:
    Reader(std::string_view file, KubeProxyReading& out) : file_{file}, out_{out} {
        out_.values.origin = where(0);
    }

    void take(const Value& root) {
        fields_of(root, "");
        expect("apiVersion", version_word);
        expect("kind", kind_word);
    }
    void problem(std::uint32_t line, std::string text) {
        out_.problems.push_back({where(line), std::move(text)});
    }

private:
    Where where(std::uint32_t line) const { return {file_, line}; }

    void fields_of(const Value& map, const std::string& above) {
        map.for_each([&](const Value& value) {
            const std::string path = above + std::string{value.key()};
            if (const KubeProxyField* const field = find_kube_proxy_field(path)) {
                return take_field(*field, value);
            }
            if (!leads_on(path)) return unknown(path, value.line());
            if (value.shape() == Shape::map) return fields_of(value, path + '.');
            if (value.present()) {
                problem(value.line(), path + ": no map, expected a map of fields");
            }
        });
    }

    void take_field(const KubeProxyField& field, const Value& value) {
        if (!value.present()) return;
        KubeProxyValue given{{}, std::string{field.path}, where(value.line())};
        if (field.kind == KubeProxyKind::list || field.kind == KubeProxyKind::switches) {
            const bool is_list = field.kind == KubeProxyKind::list;
            const Shape wanted = is_list ? Shape::list : Shape::map;
            if (value.shape() != wanted) {
                return problem(value.line(), given.name + (is_list ? ": no list, expected a list"
                                                                   : ": no map, expected a map"));
            }
            value.for_each([&](const Value& item) {
                given.words.push_back(is_list
                                          ? std::string{item.text()}
                                          : std::string{item.key()} + '=' + truth_or_text(item));
            });
        } else if (value.shape() == Shape::list || value.shape() == Shape::map) {
            if (field.kind != KubeProxyKind::anything) {
                return problem(value.line(), given.name + ": a list or map, expected one value");
            }
            given.words.emplace_back("...");
            if (!value.first()) return;
        } else {
            given.words.push_back(field.kind == KubeProxyKind::flag ? truth_or_text(value)
                                                                    : std::string{value.text()});
        }
        keep(field, std::move(given));
    }

    // YAML has several words for a truth value, of which templates write "False".
    static std::string truth_or_text(const Value& value) {
        if (value.shape() == Shape::plain) {
            if (const std::optional<bool> truth = kube::truth_of_word(value.text())) {
                return *truth ? "true" : "false";
            }
        }
        return std::string{value.text()};
    }

    // To kube-proxy an empty text, and a period or rate of nothing, is one that nobody gave.
    void keep(const KubeProxyField& field, KubeProxyValue given) {
        if (given.words.empty() || given.words.front().empty()) return;
        constexpr std::array<std::string_view, 3> rates{
            "clientConnection.burst", "clientConnection.qps", "logging.flushFrequency"};
        const bool is_zero = given.words.front() == "0s" || given.words.front() == "0";
        const bool is_rate = std::ranges::find(rates, field.path) != rates.end();
        if ((is_rate || field.path.ends_with("yncPeriod")) && is_zero) return;
        judge(field, given, out_.problems, out_.warnings);
        if (!misfit(field, given.words)) {
            out_.values.given.insert_or_assign(std::string{field.path}, std::move(given));
        }
    }

    void unknown(const std::string& path, std::uint32_t line) {
        std::vector<std::string_view> names;
        for (const KubeProxyField& field : kube_proxy_fields()) names.push_back(field.path);
        problem(line, "unknown field '" + path + "'" + conf::did_you_mean(path, names));
    }

    void expect(std::string_view path, std::string_view word) {
        const KubeProxyValue* const given = out_.values.find(path);
        const std::string found = given == nullptr ? std::string{} : given->words.front();
        if (found == word) return;
        out_.problems.push_back(
            {given == nullptr ? out_.values.origin : given->where,
             std::string{path} + ": '" + found + "', expected '" + std::string{word} + "'"});
    }

    std::string file_;
    KubeProxyReading& out_;
};

}  // namespace

bool is_kube_proxy_file(std::string_view text) noexcept {
    for (std::size_t at = text.find(kind_word); at != text.npos;
         at = text.find(kind_word, at + 1)) {
        const std::size_t line = text.rfind('\n', at) + 1;
        const std::string_view before = text.substr(line, at - line);
        if (before.find("kind") != before.npos && before.find('#') == before.npos) return true;
    }
    return false;
}

KubeProxyReading read_kube_proxy_file(std::string_view text, std::string_view file) {
    KubeProxyReading reading;
    Reader reader{file, reading};
    const std::vector<kube::DocumentText> documents = kube::split_documents(text);
    const kube::DocumentText* mine = nullptr;
    for (const kube::DocumentText& document : documents) {
        if (is_kube_proxy_file(document.text)) mine = &document;
    }
    if (mine == nullptr) {
        reader.problem(1, "no KubeProxyConfiguration, expected a document of that kind");
        return reading;
    }
    const kube::Tree tree = kube::read_yaml(*mine);
    if (const kube::Fault* const fault = tree.fault()) {
        reader.problem(fault->line, fault->text);
    } else if (tree.root().shape() != Shape::map) {
        reader.problem(tree.root().line(),
                       "no map, expected the fields of a KubeProxyConfiguration");
    } else {
        reader.take(tree.root());
    }
    conf::sort_by_place(reading.problems);
    conf::sort_by_place(reading.warnings);
    return reading;
}

}  // namespace nameplane::agent
