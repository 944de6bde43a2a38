#pragma once
// corefile: a Corefile to a Document. Server blocks, snippets, imports and environment variables as
// caddy's parser has them; everything keeps the file and line it stood on. Knows no directive.

#include "conf/document.hpp"
#include <nameplane/base/result.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::conf {

/// Limits of what imports can make of a small file.
inline constexpr std::size_t imports_max = 10'000;
inline constexpr std::size_t words_max = 1'000'000;
inline constexpr std::size_t import_depth_max = 100;

/// What a Corefile may refer to outside of itself.
struct Surroundings {
    std::function<Result<std::string>(const std::string& path)> read;
    /// Files that match a pattern of glob(7), sorted; empty: none.
    std::function<std::vector<std::string>(const std::string& pattern)> glob;
    /// The value of an environment variable; empty if there is none.
    std::function<std::string(const std::string& name)> variable;
};
/// This machine's files and this process' environment.
Surroundings real_surroundings();

struct CorefileReading {
    Document document;
    std::vector<Problem> problems;  ///< sorted by place
    std::vector<Problem> warnings;  ///< imports that match no file
    /// Paths and contents of the files that were imported, in order: what else the meaning rests
    /// on.
    std::vector<std::pair<std::string, std::string>> imported;
};

/// `file` is the path of the Corefile: imports are relative to the file they stand in.
CorefileReading read_corefile(std::string_view text, std::string_view file,
                              const Surroundings& surroundings);

}  // namespace nameplane::conf
