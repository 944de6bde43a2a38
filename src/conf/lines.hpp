#pragma once
// lines: the words of a Corefile to directives, one a line, with the blocks behind them. Knows no
// directive.

#include "conf/document.hpp"
#include "conf/lexer.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::conf {

/// Blocks inside of blocks; more is refused.
inline constexpr std::size_t block_depth_max = 16;

/// A word and where it stood. After imports, neighbours may come from different files.
struct Word {
    std::string text;
    Where where;
    bool begins_line = false;
};

/// `text` as words; lines are counted from `where` on.
std::vector<Word> words_of(std::string_view text, const Where& where);

/// `words` as lines: each begins with a word that begins_line; a "{" opens a block, which a "}" at
/// the beginning of a line closes. The first word is a line's name.
std::vector<Directive> lines_of(std::span<const Word> words, std::vector<Problem>& problems);

}  // namespace nameplane::conf
