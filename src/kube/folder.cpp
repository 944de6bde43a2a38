#include "kube/folder.hpp"

#include "base/fd.hpp"
#include "base/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <utility>

namespace nameplane::kube {
namespace {

struct CloseFolder {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Signature signature_of(const struct stat& info) {
    return {.device = info.st_dev,
            .inode = info.st_ino,
            .modified_ns = nanoseconds(info.st_mtim),
            .changed_ns = nanoseconds(info.st_ctim),
            .bytes = info.st_size};
}

std::string folder_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    return std::string{path.substr(0, std::max<std::size_t>(slash, 1))};
}

/// Walks a folder tree; each folder is entered once, so links in a circle end.
class Walk {
public:
    explicit Walk(const std::function<void(const std::string&)>& enter) : enter_{enter} {}

    Listing finish() && {
        std::ranges::sort(out_.files, {}, &FileEntry::path);
        std::ranges::sort(out_.foreign);
        const auto doubled = std::ranges::unique(out_.foreign);
        out_.foreign.erase(doubled.begin(), doubled.end());
        return std::move(out_);
    }

    Status folder(const std::string& path, const struct stat& info, unsigned level) {
        if (!entered_.emplace(info.st_dev, info.st_ino).second) return {};
        if (level > folder_levels_max) {
            problem(path, "folder deeper than " + std::to_string(folder_levels_max) +
                              " levels, expected it nearer to the top");
            return {};
        }
        enter_(path);
        const std::unique_ptr<DIR, CloseFolder> folder{::opendir(path.c_str())};
        if (!folder) return errno_error(errno, "read " + path);
        out_.folders.push_back(path);
        std::vector<std::string> names;
        while (const dirent* entry = ::readdir(folder.get()))
            if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
        std::ranges::sort(names);
        for (const std::string& name : names) child(path, name, level);
        return {};
    }

    void file(const std::string& path, const struct stat& info) {
        if (out_.files.size() == files_max) {
            if (!std::exchange(full_, true))
                problem(path, "more than " + std::to_string(files_max) +
                                  " files, expected fewer; this and later ones are left out");
            return;
        }
        out_.files.push_back({path, signature_of(info)});
        link_target(path);
    }

    /// Where a link leads is watched as well.
    void link_target(const std::string& path) {
        struct stat own {};
        if (::lstat(path.c_str(), &own) != 0 || !S_ISLNK(own.st_mode)) return;
        const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr),
                                                               &std::free};
        if (real) out_.foreign.push_back(folder_of(real.get()));
    }

private:
    void child(const std::string& folder_path, const std::string& name, unsigned level) {
        std::string path = folder_path;
        if (!path.ends_with('/')) path += '/';
        path += name;
        struct stat info {};
        if (::stat(path.c_str(), &info) != 0) {
            // ENOENT: a link to nowhere, or gone since. Else whoever reads it will say what is
            // wrong.
            if (is_manifest_name(name) && errno != ENOENT) out_.files.push_back({path, {}});
            return;
        }
        if (S_ISDIR(info.st_mode)) {
            const Status status = folder(path, info, level + 1);
            if (status) return;
            problem(path, status.error().text + ", expected a readable folder");
            out_.unreadable.push_back(path + '/');
            return;
        }
        if (S_ISREG(info.st_mode) && is_manifest_name(name)) file(path, info);
    }
    void problem(const std::string& path, const std::string& what) {
        out_.problems.push_back(path + ":1: " + what);
    }

    const std::function<void(const std::string&)>& enter_;
    Listing out_;
    std::set<std::pair<dev_t, ino_t>> entered_;
    bool full_ = false;
};

}  // namespace

bool is_json_name(std::string_view name) noexcept {
    return name.ends_with(".json");
}

bool is_manifest_name(std::string_view name) noexcept {
    // A backup ("web.yaml~", "#web.yaml#", ".web.yaml.swp") fails one of these tests by itself.
    if (name.starts_with('.') || name.starts_with('#')) return false;
    return name.ends_with(".yaml") || name.ends_with(".yml") || is_json_name(name);
}

Result<Listing> list_manifests(const std::string& root,
                               const std::function<void(const std::string& folder)>& enter) {
    struct stat info {};
    if (::stat(root.c_str(), &info) != 0) return errno_error(errno, "read " + root);
    Walk walk{enter};
    if (S_ISDIR(info.st_mode)) {
        if (Status status = walk.folder(root, info, 1); !status) return std::move(status).error();
    } else if (S_ISREG(info.st_mode)) {
        walk.file(root, info);
    } else {
        return Error{Errc::invalid, "read " + root + ": neither a file nor a folder"};
    }
    return std::move(walk).finish();
}

Result<std::string> read_file(const std::string& path) {
    return nameplane::read_file(path, file_bytes_max);
}

}  // namespace nameplane::kube
