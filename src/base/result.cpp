#include <nameplane/base/result.hpp>

#include <cerrno>
#include <cstring>

namespace nameplane {

std::string_view to_string(Errc code) noexcept {
    switch (code) {
    case Errc::invalid: return "invalid";
    case Errc::not_found: return "not_found";
    case Errc::conflict: return "conflict";
    case Errc::exhausted: return "exhausted";
    case Errc::permission: return "permission";
    case Errc::again: return "again";
    case Errc::unsupported: return "unsupported";
    case Errc::io: return "io";
    case Errc::mistakes: return "mistakes";
    case Errc::internal: return "internal";
    }
    return "internal";
}

Error Error::within(std::string_view context) && {
    text.insert(0, ": ");
    text.insert(0, context);
    return std::move(*this);
}

namespace {

Errc errc_of(int number) noexcept {
    switch (number) {
    case EPERM:
    case EACCES: return Errc::permission;
    case EAGAIN:
    case EBUSY: return Errc::again;
    case ENOENT: return Errc::not_found;
    case EEXIST:
    case EADDRINUSE: return Errc::conflict;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case ENOPROTOOPT: return Errc::unsupported;
    case ENOSPC:
    case EMFILE:
    case ENFILE: return Errc::exhausted;
    default: return Errc::io;
    }
}

}  // namespace

Error errno_error(int number, std::string_view what) {
    char buffer[128];
    const char* text = strerror_r(number, buffer, sizeof buffer);
    return Error{errc_of(number), std::string{what} + ": " + text};
}

}  // namespace nameplane
