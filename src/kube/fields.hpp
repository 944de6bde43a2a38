#pragma once
// Fields: typed reading of objects, from a Tree (files) or from JSON (the API), so that a field
// means the same wherever it comes from. Each reader gives the value, or a harmless one after
// reporting "file:line: path is this, expected that"; so a decoder reads on and all errors come at
// once.

#include "kube/tree.hpp"
#include "services/model.hpp"
#include <nameplane/base/ip.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube {

class JsonValue;

/// What a bare word of YAML means if it is a truth value: true, Yes, OFF and the like.
std::optional<bool> truth_of_word(std::string_view word) noexcept;

/// A value and the way to it from the object's root. Lives on the stack below its parent. `V` is
/// Value (tree.hpp) or JsonValue (json_value.hpp).
template <class V> struct BasicField {
    const BasicField* parent = nullptr;
    std::string_view name;
    int index = -1;  ///< in a list
    V value;

    bool present() const noexcept { return value.present(); }
    /// "spec.ports[0].port"; "document" for the root.
    std::string path() const;
    /// Its own line, or that of the nearest thing around it.
    std::uint32_t line() const noexcept;
};

/// What one object may hold, and how much is checked.
struct FieldLimits {
    std::size_t ports_max = 100;       ///< of a Service, slice or container
    std::size_t endpoints_max = 1000;  ///< of an EndpointSlice
    std::size_t addresses_max = 100;   ///< of a Service or Node, and of lists alike
    /// Whether what clashes within one object is looked for: an API server has done it.
    bool clashes = true;
    /// Whether what an API server lets pass although it means nothing is reported; else it counts
    /// as absent.
    bool strict = true;
    /// Further ones are only counted.
    std::size_t problems_max = std::numeric_limits<std::size_t>::max();
};

/// A word that a field may hold, and what it means.
template <class T> struct Word {
    std::string_view word;
    T value;
};

/// Reads the fields of the objects of one file or answer. `file` is empty for an answer, and then
/// messages name no place.
template <class V> class BasicFieldReader {
public:
    using Field = BasicField<V>;
    BasicFieldReader(std::string_view file, std::vector<std::string>& problems,
                     FieldLimits limits = {})
        : file_{file}, problems_{problems}, limits_{limits} {}

    const FieldLimits& limits() const noexcept { return limits_; }
    /// The entry `name` of `parent`, which may be absent.
    Field get(const Field& parent, std::string_view name) const;
    /// The same, reported and absent unless it is a map (or absent).
    Field map(const Field& parent, std::string_view name);
    /// The same for lists.
    Field list(const Field& parent, std::string_view name);

    /// A string; empty if absent.
    std::string text(const Field& field);
    bool flag(const Field& field, bool unset);
    std::uint32_t number(const Field& field, std::uint32_t from, std::uint32_t to,
                         std::uint32_t unset);
    /// Whether it is a bare number, good or not.
    bool is_number(const Field& field) const;
    std::uint16_t port(const Field& field, std::uint16_t unset);
    /// The same where an API server looks at no numbers; 0 if there is none.
    std::uint16_t port_if_any(const Field& field);
    /// In its old forms, too, which API servers take: with leading zeros, and IPv4 mapped to IPv6.
    std::optional<IpAddress> address(const Field& field);
    /// Nothing, and nothing reported, if it is none.
    std::optional<IpAddress> address_if_any(const Field& field);
    std::optional<Cidr> cidr(const Field& field);
    services::Protocol protocol(const Field& field);
    services::Labels labels(const Field& field);
    std::vector<std::string> texts(const Field& field);
    /// Namespace and name of an object; nothing, reported, if they are none. The namespace may be
    /// empty.
    std::optional<services::ObjectKey> key(const Field& root);

    /// One of `words`; the first if absent.
    template <class T, std::size_t N> T one_of(const Field& field, const Word<T> (&words)[N]) {
        if (!field.present()) return words[0].value;
        for (const Word<T>& each : words)
            if (!each.word.empty() && field.value.text() == each.word) return each.value;
        if (is_empty_text(field) && words[0].word.empty()) return words[0].value;
        std::string known;
        for (const Word<T>& each : words) known.append(known.empty() ? "" : ", ").append(each.word);
        wrong(field, "one of " + known);
        return words[0].value;
    }

    /// Calls `read(item)` for each item of a list that is no longer than `items_max`.
    template <std::invocable<const Field&> F>
    void each(const Field& list, std::size_t items_max, F read) {
        if (!fits(list, items_max)) return;
        int index = 0;
        list.value.for_each([&](const V& one) {
            const Field item{.parent = &list, .index = index++, .value = one};
            read(item);
        });
    }
    /// The same for items that must be maps.
    template <std::invocable<const Field&> F>
    void each_map(const Field& list, std::size_t items_max, F read) {
        each(list, items_max, [&](const Field& item) {
            if (item.value.shape() == Shape::map) return read(item);
            wrong(item, "a map");
        });
    }

    /// Reports `field` as "path is VALUE, expected EXPECTED".
    void wrong(const Field& field, std::string_view expected);
    /// Reports `what`, which holds its own "expected".
    void report(std::uint32_t line, std::string_view what);
    std::string_view file() const noexcept { return file_; }
    std::size_t reported() const noexcept { return reported_; }

private:
    bool fits(const Field& list, std::size_t items_max);
    bool is_empty_text(const Field& field) const;
    Field shaped(const Field& parent, std::string_view name, Shape shape, std::string_view word);

    std::string_view file_;
    std::vector<std::string>& problems_;
    FieldLimits limits_;
    std::size_t reported_ = 0;
};

using Field = BasicField<Value>;
using FieldReader = BasicFieldReader<Value>;
using JsonField = BasicField<JsonValue>;
using JsonFieldReader = BasicFieldReader<JsonValue>;

/// RFC 1123 label: lower-case letters, digits and '-', at most 63; starts and ends with none of
/// '-'.
bool is_label(std::string_view text) noexcept;
/// Labels joined by dots, at most 253 characters.
bool is_subdomain(std::string_view text) noexcept;

}  // namespace nameplane::kube
