#include <nameplane/base/arena.hpp>
#include <nameplane/base/check.hpp>

#include <sys/mman.h>

namespace nameplane {

namespace {

/// From here on a block gets pages of its own.
constexpr std::size_t own_pages_octets_min = 64 << 10;

}  // namespace

std::byte* Arena::take_block(std::size_t octets) {
    if (octets < own_pages_octets_min) return new std::byte[octets];
    void* block =
        ::mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NP_CHECK(block != MAP_FAILED, "an arena is made when a worker starts or takes one query more");
    // A query uses a page or two; a huge page for each would be 2 MiB.
    ::madvise(block, octets, MADV_NOHUGEPAGE);
    return static_cast<std::byte*>(block);
}

void Arena::GiveBack::operator()(std::byte* block) const noexcept {
    if (octets < own_pages_octets_min) {
        delete[] block;
    } else {
        ::munmap(block, octets);
    }
}

}  // namespace nameplane
