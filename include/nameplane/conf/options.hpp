#pragma once
// Options: what a plugin (or a table of the agent's own configuration) can be told, as a constexpr
// table. Parser, validation, defaults, messages and documentation read the same table; nobody
// writes a parsing loop.
//
//     static constexpr std::array options{
//         Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL of answers"},
//         Option{"pods", OneOf{{"disabled", "insecure", "verified"}, "disabled"}, "pod names"}};

#include <nameplane/base/ip.hpp>
#include <nameplane/conf/statement.hpp>
#include <nameplane/dns/name.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nameplane {

/// A whole number of seconds; written as a bare number ("30") or a duration ("30s", "1m30s").
struct Seconds {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::uint32_t unset = 0;
};
/// A duration with milliseconds: "10s", "250ms", "1m".
struct Milliseconds {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::uint64_t unset = 0;
};
struct Integer {
    std::int64_t from = 0;
    std::int64_t to = 0;
    std::int64_t unset = 0;
};
/// Present or not; in TOML true or false.
struct Flag {
    bool unset = false;
};
/// One word out of at most eight.
struct OneOf {
    std::array<std::string_view, 8> words{};
    std::string_view unset;
};
/// Any text.
struct Text {
    std::string_view unset;
};
/// Words, `from` to `to` of them where the option is given; unset is none. In TOML an empty list is
/// the same as unset.
struct Words {
    std::size_t from = 0;
    std::size_t to = std::numeric_limits<std::size_t>::max();
};
/// Domain names, absolute, in lower case; a network stands for its reverse zones. Unset is none.
struct Zones {};
/// An option that a plugin reads itself, and that may stand several times: a Statement for each,
/// see Options::statements(). In TOML a text is one line, and a list several: each a text or a list
/// of words.
struct Statements {};
/// Networks; `unset` is a space-separated list.
struct Cidrs {
    std::string_view unset;
};
/// Addresses without port; `unset` is a space-separated list.
struct Addresses {
    std::string_view unset;
};
/// "30000-32767"; unset likewise.
struct PortRange {
    std::string_view unset;
};

using OptionType = std::variant<Seconds, Milliseconds, Integer, Flag, OneOf, Text, Words, Zones,
                                Statements, Cidrs, Addresses, PortRange>;

struct Option {
    std::string_view name;
    OptionType type;
    std::string_view help;
};

/// An inclusive range of ports.
struct Ports {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    friend bool operator==(const Ports&, const Ports&) = default;
};

/// The values given, with the table's defaults for the rest. Asking for a name or type that the
/// table does not have is a bug (NP_CHECK).
class Options {
public:
    using Value = std::variant<std::uint32_t, std::uint64_t, std::int64_t, bool, std::string,
                               std::vector<std::string>, std::vector<dns::Name>, std::vector<Cidr>,
                               std::vector<IpAddress>, Ports, std::vector<Statement>>;

    /// All options of `table` at their defaults. `table` must live as long (it is static).
    explicit Options(std::span<const Option> table);
    Options() = default;

    std::uint32_t seconds(std::string_view name) const;
    std::chrono::milliseconds milliseconds(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    bool flag(std::string_view name) const;
    const std::string& word(std::string_view name) const;  ///< OneOf
    const std::string& text(std::string_view name) const;  ///< Text
    const std::vector<std::string>& words(std::string_view name) const;
    const std::vector<dns::Name>& zones(std::string_view name) const;
    const std::vector<Cidr>& cidrs(std::string_view name) const;
    const std::vector<IpAddress>& addresses(std::string_view name) const;
    Ports ports(std::string_view name) const;
    const std::vector<Statement>& statements(std::string_view name) const;  ///< Statements
    const Value& value(std::string_view name) const { return entry(name).value; }
    /// Whether the table has such an option.
    bool has(std::string_view name) const { return entries_.contains(name); }
    /// Whether the document named it (and not just the default).
    bool given(std::string_view name) const;
    /// With Syntax::free_body, the directives as they were written, in order; else empty.
    const std::vector<Statement>& statements() const noexcept { return statements_; }

    /// Where the directive stands, and the option; that of the directive if it was not given.
    const Where& where() const noexcept { return where_; }
    const Where& where(std::string_view name) const;
    /// What make() returns when the value of `name` is wrong: "file:line: name: what, expected
    /// what".
    Error wrong(std::string_view name, std::string_view what) const;

    void set(std::string_view name, Value value, Where where = {});
    void set_statements(std::vector<Statement> statements) { statements_ = std::move(statements); }
    void set_where(Where where) { where_ = std::move(where); }

    /// Places do not count.
    friend bool operator==(const Options& a, const Options& b) {
        return a.entries_ == b.entries_ && a.statements_ == b.statements_;
    }

private:
    struct Entry {
        Value value;
        bool given = false;
        Where where = {};
        /// Two options mean the same whether a value was written down or is the default.
        friend bool operator==(const Entry& a, const Entry& b) { return a.value == b.value; }
    };
    const Entry& entry(std::string_view name) const;

    std::map<std::string, Entry, std::less<>> entries_;
    std::vector<Statement> statements_;
    Where where_;
};

}  // namespace nameplane
