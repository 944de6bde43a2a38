#pragma once
// Folder: which manifest files there are under a path, and their bytes.

#include <nameplane/base/result.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::kube {

inline constexpr std::size_t file_bytes_max = 512UL * 1024 * 1024;
inline constexpr unsigned folder_levels_max = 16;
inline constexpr std::size_t files_max = 100'000;

/// What changes when a file's content does.
struct Signature {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    std::int64_t bytes = 0;
    friend bool operator==(const Signature&, const Signature&) = default;
};

struct FileEntry {
    std::string path;
    Signature signature;
    friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

struct Listing {
    std::vector<FileEntry> files;      ///< by path
    std::vector<std::string> folders;  ///< the root (if it is one) and all below it
    /// Folders elsewhere that symbolic links lead to.
    std::vector<std::string> foreign;
    /// Folders that are there but cannot be read now: what was known of them may stay.
    std::vector<std::string> unreadable;
    std::vector<std::string>
        problems;  ///< folders that cannot be read, limits: "path:1: what, ..."
};

/// *.yaml, *.yml and *.json; not hidden ones and not what editors leave behind (~, #name#).
bool is_manifest_name(std::string_view name) noexcept;
bool is_json_name(std::string_view name) noexcept;

/// All manifests under `root`: itself if it is a file (whatever its name), else those in the folder
/// and its subfolders, hidden ones left out. `enter(folder)` is called before a folder is read, so
/// that a watch can be set first. An error if `root` does not exist or cannot be read at all.
Result<Listing> list_manifests(const std::string& root,
                               const std::function<void(const std::string& folder)>& enter);

/// The whole file. Errors: not a regular file, too large, unreadable.
Result<std::string> read_file(const std::string& path);

}  // namespace nameplane::kube
