#pragma once
// values: words of a document to the typed value of one option, and an option's default. The only
// place that knows how durations, ranges and lists are written.

#include <nameplane/base/result.hpp>
#include <nameplane/conf/options.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nameplane::conf {

/// "1h", "1m30s", "1.5s", "250us": numbers with units of h, m, s, ms, us, ns, rounded up to
/// whole milliseconds. Nothing for any other text and beyond a hundred years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;
/// The shortest text that parse_duration() reads back as the same: "1m30s"; "0s" for zero.
std::string duration_text(std::chrono::milliseconds duration);
/// "30000-32767", or a single port; first at most last, neither zero.
std::optional<Ports> parse_ports(std::string_view text) noexcept;

/// Adds the zone that `text` names to `zones`, in lower case, or the reverse zones of the network;
/// false if it is neither.
bool add_bare_zones(std::string_view text, std::vector<dns::Name>& zones);
/// The same of a word that may have a scheme before it and a port behind it
/// ("dns://example.org:53"), which mean nothing: zones among a plugin's words, as CoreDNS reads
/// them.
bool add_zones(std::string_view text, std::vector<dns::Name>& zones);

/// The value that `words` mean for an option of this type. The error says "what, expected what".
Result<Options::Value> read_value(const OptionType& type, std::span<const std::string> words);
/// The value of an option that nobody gave. A default that does not read is a bug (NP_CHECK).
Options::Value default_of(const OptionType& type);
/// What the option wants, for messages: "a number from 1 to 65535".
std::string expected_of(const OptionType& type);

}  // namespace nameplane::conf
