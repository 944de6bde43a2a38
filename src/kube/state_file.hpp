#pragma once
// State file: what Services held when the agent last ran, so that none of them moves when others
// come. Text, one line a thing, with a checksum in the last line.

#include "kube/allocate.hpp"
#include <nameplane/base/result.hpp>

#include <string>
#include <string_view>

namespace nameplane::kube {

/// The file's text for `memory`, and back. A text that is cut, changed or unknown is an error.
std::string to_text(const Memory& memory);
Result<Memory> memory_from_text(std::string_view text);

/// An empty Memory if there is no such file.
Result<Memory> load_memory(const std::string& path);

}  // namespace nameplane::kube
