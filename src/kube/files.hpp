#pragma once
// Files: which object comes from which file, and what stays when a file breaks.
//
// What is broken is one document, or one item of a List. If its kind, name and namespace can be
// read, it is that object: its last good state stays, all others in the file follow their
// documents. If they cannot (a syntax error above or inside `metadata`, a document cut short), it
// might be any object of the file, so no object of that file goes away until it is mended; what is
// new or changed in the file's other documents counts at once. A file that cannot be read at all
// keeps everything; a file that is gone takes its objects with it.
//
// An object in two files: the first by path keeps it, the other is a problem.

#include "kube/complete.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nameplane::kube {

/// Control thread only.
class Files {
public:
    /// `completer` gets the objects; it must outlive this.
    explicit Files(Completer& completer);
    ~Files();

    /// Reads `path`, new or again, or forgets it if it is not there any more. Nothing happens to
    /// objects before apply().
    void read(const std::string& path);
    void forget(const std::string& path);
    /// Whether the last reading of `path` failed as a whole (it may be worth trying again).
    bool unreadable(const std::string& path) const;
    std::vector<std::string> paths() const;

    /// Passes on what was read since the last time.
    void apply();

    /// Whether some document is broken now.
    bool any_broken() const;
    /// "file:line: what, expected what", by file.
    std::vector<std::string> problems() const;
    std::size_t object_count() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::kube
