#pragma once
// FolderWatch: inotify over the folders of a manifest path, turned into "read this file" and "look
// again at everything". Knows the ways in which files change: written in place, renamed over, a
// link swapped (..data of a mounted ConfigMap), a folder removed and made again.

#include "base/fd.hpp"
#include <nameplane/base/result.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nameplane::kube {

/// Owns the inotify descriptor; move-only. Control thread only.
class FolderWatch {
public:
    static Result<FolderWatch> make();

    int fd() const noexcept { return fd_.get(); }

    /// Why a folder is watched.
    enum class Role : std::uint8_t {
        tree,     ///< its manifests are ours
        foreign,  ///< links lead there: any change means to look again
        above,    ///< one name in it matters: the path itself, or the way to it
    };
    /// Between begin() and end() every folder of interest is named; others are dropped at the end.
    void begin();
    Status add(const std::string& folder, Role role, std::string_view name = {});
    void end();

    struct Changes {
        std::set<std::string> files;    ///< to be read, or forgotten if they are gone
        std::set<std::string> touched;  ///< only their attributes changed
        bool path_itself = false;       ///< what `above` was set for, if that is a file: read it
        bool look_again = false;        ///< list all, read what differs
        bool overflow = false;          ///< events were lost: read all
    };
    /// Everything that is in the queue now; does not block.
    Changes drain();

private:
    explicit FolderWatch(UniqueFd fd) : fd_{std::move(fd)} {}

    struct Watch {
        std::string folder;  ///< as a listing spells it
        bool tree = false;
        bool foreign = false;
        std::set<std::string> names;  ///< that matter in the role `above`
        std::uint64_t round = 0;
    };
    void note(const Watch& watch, std::uint32_t mask, std::string_view name, Changes& out) const;

    UniqueFd fd_;
    std::unordered_map<int, Watch> watches_;
    std::uint64_t round_ = 0;
};

}  // namespace nameplane::kube
