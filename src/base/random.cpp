#include <nameplane/base/check.hpp>
#include <nameplane/base/random.hpp>

#include <sys/random.h>

#include <cerrno>

namespace nameplane {

void Random::refill() noexcept {
    // Up to 256 octets come whole; more may be cut by a signal.
    auto* at = reinterpret_cast<std::uint8_t*>(words_.data());
    for (std::size_t left = sizeof words_; left != 0;) {
        const ssize_t got = ::getrandom(at, left, 0);
        NP_CHECK(got > 0 || errno == EINTR, "the kernel has random numbers");
        if (got <= 0) continue;
        at += got;
        left -= static_cast<std::size_t>(got);
    }
    used_ = 0;
}

}  // namespace nameplane
