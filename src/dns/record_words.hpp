#pragma once
// record_words: the words of a record in zone-file form, made fit for ldns: it lets pass numbers
// that are too large and names in quotes, and does not know some types and ways of writing.

#include <nameplane/base/result.hpp>
#include <nameplane/dns/types.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace nameplane::dns {

struct RecordWords {
    std::string text;          ///< as ldns takes it
    std::optional<Type> type;  ///< where ldns reads it as another one of the same form
};

/// `text` is "owner [TTL] [class] type data" without parentheses, strings in quotes apart from what
/// is before and behind them. The error says "'word', expected what"; what ldns refuses by itself
/// may pass.
Result<RecordWords> fit_words(std::string_view text);

/// "3600" or "1h30m", as BIND writes them.
std::optional<Ttl> parse_ttl(std::string_view text) noexcept;

}  // namespace nameplane::dns
