#pragma once
// Options: what a plugin (or a table of the agent's own configuration) can be told, as a constexpr
// table. Parser, validation, defaults, messages and documentation read the same table; nobody
// writes a parsing loop.
//
//     static constexpr std::array options{
//         Option{"ttl", Seconds{.from = 0, .to = 3600, .unset = 5}, "TTL of answers"},
//         Option{"pods", OneOf{{"disabled", "insecure", "verified"}, "disabled"}, "pod names"}};

#include <nameplane/base/ip.hpp>
#include <nameplane/dns/name.hpp>

#include <array>
#include <chrono>
#include <cstdint>
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
/// Any number of words; unset is none.
struct Words {};
/// Domain names, absolute; unset is none.
struct Zones {};
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
                                Cidrs, Addresses, PortRange>;

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
                               std::vector<IpAddress>, Ports>;

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
    /// Whether the document named it (and not just the default).
    bool given(std::string_view name) const;
    /// Words behind the directive itself, e.g. the zones of `kubernetes cluster.local`.
    const std::vector<std::string>& arguments() const noexcept { return arguments_; }

    void set(std::string_view name, Value value);
    void set_arguments(std::vector<std::string> words) { arguments_ = std::move(words); }

    friend bool operator==(const Options&, const Options&) = default;

private:
    struct Entry {
        Value value;
        bool given = false;
        /// Two options mean the same whether a value was written down or is the default.
        friend bool operator==(const Entry& a, const Entry& b) { return a.value == b.value; }
    };
    const Entry& entry(std::string_view name) const;

    std::map<std::string, Entry, std::less<>> entries_;
    std::vector<std::string> arguments_;
};

}  // namespace nameplane
