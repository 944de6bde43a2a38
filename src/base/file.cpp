#include "base/file.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace nameplane {

Result<std::string> read_file(const std::string& path, std::size_t octets_max) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd) return errno_error(errno, "cannot be read");
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return errno_error(errno, "cannot be read");
    if (!S_ISREG(info.st_mode)) return Error{Errc::invalid, "is not a file"};
    std::string text;
    text.resize(std::min(static_cast<std::size_t>(info.st_size), octets_max) + 1);
    std::size_t filled = 0;
    while (true) {
        const ssize_t got = ::read(fd.get(), text.data() + filled, text.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error(errno, "cannot be read");
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
        if (filled > octets_max)
            return Error{Errc::exhausted,
                         "is larger than " + std::to_string(octets_max) + " bytes"};
        if (filled == text.size()) text.resize(std::min(text.size() * 2, octets_max + 1));
    }
    text.resize(filled);
    return text;
}

Status write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
    const std::string next = path + ".new";
    UniqueFd fd{::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (!fd) return errno_error(errno, "write " + next);
    while (!content.empty()) {
        const ssize_t wrote = ::write(fd.get(), content.data(), content.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return errno_error(errno, "write " + next);
        content.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fsync(fd.get()) != 0) return errno_error(errno, "write " + next);
    fd.reset();
    if (::rename(next.c_str(), path.c_str()) != 0) return errno_error(errno, "write " + path);
    return {};
}

}  // namespace nameplane
