#include "support/alloc_guard.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count{0};

void* counted(std::size_t octets, std::size_t alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    ++count;
    const std::size_t rounded = (octets + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, rounded);
    if (memory == nullptr) std::abort();  // no test lives without memory
    return memory;
}

}  // namespace

std::size_t nameplane::test::allocations() noexcept {
    return count;
}

// All forms together: memory from one of a sanitizer's must not come to one of ours.
void* operator new(std::size_t octets) {
    return counted(octets);
}
void* operator new[](std::size_t octets) {
    return counted(octets);
}
void* operator new(std::size_t octets, const std::nothrow_t&) noexcept {
    return counted(octets);
}
void* operator new[](std::size_t octets, const std::nothrow_t&) noexcept {
    return counted(octets);
}
void* operator new(std::size_t octets, std::align_val_t alignment) {
    return counted(octets, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t octets, std::align_val_t alignment) {
    return counted(octets, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
