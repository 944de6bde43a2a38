#pragma once
// nearest: the known word that somebody most likely meant, for messages about unknown ones.

#include <span>
#include <string>
#include <string_view>

namespace nameplane::conf {

/// The word of `known` with the smallest edit distance to `word` (insert, delete, replace, swap of
/// neighbours; case ignored), the first one of equals; empty when none is near enough: at most a
/// third of the letters may differ, but two always, and one in words of up to four.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);
/// ", did you mean 'ttl'?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace nameplane::conf
