#include "kube/folder_watch.hpp"

#include "kube/folder.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace nameplane::kube {
namespace {

/// Not IN_MODIFY: a file is read when its writer closes it, not half-way.
constexpr std::uint32_t interest = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                   IN_EXCL_UNLINK;
constexpr std::string_view swapped_link = "..data";

std::string join(const std::string& folder, std::string_view name) {
    std::string path = folder;
    if (!path.ends_with('/')) path += '/';
    return path.append(name);
}

/// A new name that is whole at once: nobody is going to write and close it.
bool is_link(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return false;
    return S_ISLNK(info.st_mode) || (S_ISREG(info.st_mode) && info.st_nlink > 1);
}

}  // namespace

Result<FolderWatch> FolderWatch::make() {
    UniqueFd fd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!fd) return errno_error(errno, "inotify");
    return FolderWatch{std::move(fd)};
}

void FolderWatch::begin() {
    ++round_;
}

Status FolderWatch::add(const std::string& folder, Role role, std::string_view name) {
    const int number = ::inotify_add_watch(fd_.get(), folder.c_str(), interest | IN_ONLYDIR);
    if (number < 0) return errno_error(errno, "watch " + folder);
    Watch& watch = watches_[number];
    if (watch.round != round_) watch = {.round = round_};
    // The kernel knows one watch per folder, whatever its paths: that of the tree is what counts.
    if (watch.folder.empty() || role == Role::tree) watch.folder = folder;
    switch (role) {
    case Role::tree: watch.tree = true; break;
    case Role::foreign: watch.foreign = true; break;
    case Role::above: watch.names.emplace(name); break;
    }
    return {};
}

void FolderWatch::end() {
    std::erase_if(watches_, [&](const auto& entry) {
        if (entry.second.round == round_) return false;
        ::inotify_rm_watch(fd_.get(), entry.first);
        return true;
    });
}

void FolderWatch::note(const Watch& watch, std::uint32_t mask, std::string_view name,
                       Changes& out) const {
    if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) out.look_again = true;
    if (name.empty()) return;
    const std::string path = join(watch.folder, name);
    const bool whole = (mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)) != 0;
    const bool link = (mask & (IN_CREATE | IN_MOVED_TO)) != 0 && is_link(path);
    if (name.starts_with(swapped_link)) out.look_again = true;
    if (watch.foreign && (whole || link)) out.look_again = true;
    if (watch.names.contains(std::string{name})) {
        out.look_again = true;
        out.path_itself = out.path_itself || whole || link || (mask & IN_ATTRIB) != 0;
    }
    if (!watch.tree || name.starts_with('.')) return;
    if ((mask & IN_ISDIR) != 0 || link) out.look_again = true;
    if (!is_manifest_name(name) || (mask & IN_ISDIR) != 0) return;
    if (whole || link) out.files.insert(path);
    if ((mask & IN_ATTRIB) != 0) out.touched.insert(path);
}

FolderWatch::Changes FolderWatch::drain() {
    Changes changes;
    alignas(inotify_event) std::array<char, 64 * 1024> buffer{};
    while (true) {
        const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* name = buffer.data() + at + sizeof event;
            at += sizeof event + event.len;
            if ((event.mask & IN_Q_OVERFLOW) != 0) changes.overflow = true;
            const auto found = watches_.find(event.wd);
            if (found == watches_.end()) continue;
            note(found->second, event.mask,
                 event.len == 0 ? std::string_view{} : std::string_view{name}, changes);
            if ((event.mask & IN_IGNORED) != 0) {
                watches_.erase(found);
                changes.look_again = true;
            }
        }
    }
    return changes;
}

}  // namespace nameplane::kube
