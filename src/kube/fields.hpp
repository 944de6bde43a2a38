#pragma once
// Fields: typed reading of a Tree. Each reader gives the value, or a harmless one after reporting
// "file:line: path is this, expected that"; so a decoder reads on and all errors come at once.

#include "kube/tree.hpp"
#include "services/model.hpp"
#include <nameplane/base/ip.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube {

/// A value and the way to it from the object's root. Lives on the stack below its parent.
struct Field {
    const Field* parent = nullptr;
    std::string_view name;
    int index = -1;  ///< in a list
    Value value;

    bool present() const noexcept { return value.present(); }
    /// "spec.ports[0].port"; "document" for the root.
    std::string path() const;
    /// Its own line, or that of the nearest thing around it.
    std::uint32_t line() const noexcept;
};

/// Reads the fields of the objects of one file.
class FieldReader {
public:
    FieldReader(std::string_view file, std::vector<std::string>& problems)
        : file_{file}, problems_{problems} {}

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
    std::uint16_t port(const Field& field, std::uint16_t unset);
    std::optional<IpAddress> address(const Field& field);
    std::optional<Cidr> cidr(const Field& field);
    services::Protocol protocol(const Field& field);
    services::Labels labels(const Field& field);
    std::vector<std::string> texts(const Field& field);

    /// One of `words`; the first if absent.
    template <class T> struct Word {
        std::string_view word;
        T value;
    };
    template <class T, std::size_t N> T one_of(const Field& field, const Word<T> (&words)[N]) {
        if (!field.present()) return words[0].value;
        for (const Word<T>& each : words)
            if (field.value.text() == each.word) return each.value;
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
        for (Value one = list.value.first(); one; one = one.next()) {
            const Field item{.parent = &list, .index = index++, .value = one};
            read(item);
        }
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
    std::size_t reported() const noexcept { return problems_.size(); }

private:
    bool fits(const Field& list, std::size_t items_max);
    Field shaped(const Field& parent, std::string_view name, Shape shape, std::string_view word);

    std::string_view file_;
    std::vector<std::string>& problems_;
};

/// RFC 1123 label: lower-case letters, digits and '-', at most 63; starts and ends with none of
/// '-'.
bool is_label(std::string_view text) noexcept;
/// Labels joined by dots, at most 253 characters.
bool is_subdomain(std::string_view text) noexcept;

}  // namespace nameplane::kube
