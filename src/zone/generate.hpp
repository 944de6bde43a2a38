#pragma once
// generate: the $GENERATE directive of zone files, as BIND has it.

#include <nameplane/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace nameplane::zone {

/// "1-20" or "1-20/2".
struct GenerateRange {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t step = 1;
};
Result<GenerateRange> read_range(std::string_view text);

/// `text` with every $ or ${OFFSET[,WIDTH[,BASE]]} replaced for `value`; "$$" and "\$" are a dollar
/// sign. BASE is d, o, x or X.
Result<std::string> generated(std::string_view text, std::int64_t value);

}  // namespace nameplane::zone
