#pragma once
// file: whole files, read and replaced.

#include <nameplane/base/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace nameplane {

/// The whole file. Errors: not a regular file, larger than `octets_max`, unreadable.
Result<std::string> read_file(const std::string& path, std::size_t octets_max);
/// Replaces `path` by a file of this content, or leaves it alone. `mode`: who may read it, as
/// open() takes it.
Status write_file_atomically(const std::string& path, std::string_view content,
                             unsigned mode = 0644);

}  // namespace nameplane
