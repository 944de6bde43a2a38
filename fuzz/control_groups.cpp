// What the kernel's files say of our control group and its limits, three texts divided by NULs:
// between one processor and all of them are ours.

#include "agent/processors.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

/// A file without a place, that others open by the path of its descriptor.
class Text {
public:
    void set(std::string_view text) const {
        if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, text.data(), text.size(), 0) < 0)
            std::abort();
    }
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_ = ::memfd_create("text", MFD_CLOEXEC);
};

/// Both versions' limits of the root, which every group has above it.
class Groups {
public:
    Groups() {
        std::string made = (std::filesystem::temp_directory_path() / "nameplane-XXXXXX").string();
        if (::mkdtemp(made.data()) == nullptr) std::abort();
        std::filesystem::create_directory(made + "/cpu");
        std::filesystem::create_symlink(texts[1].path(), made + "/cpu.max");
        std::filesystem::create_symlink(texts[1].path(), made + "/cpu/cpu.cfs_quota_us");
        std::filesystem::create_symlink(texts[2].path(), made + "/cpu/cpu.cfs_period_us");
        paths = {texts[0].path(), made};
    }
    ~Groups() { std::filesystem::remove_all(paths.mounts); }
    Groups(const Groups&) = delete;
    Groups& operator=(const Groups&) = delete;

    std::array<Text, 3> texts;
    nameplane::agent::ControlGroupPaths paths;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Groups groups;
    std::string_view rest{reinterpret_cast<const char*>(data), size};
    for (const Text& text : groups.texts) {
        const std::string_view one = rest.substr(0, rest.find('\0'));
        text.set(one);
        rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    }
    const std::size_t processors = nameplane::agent::within_limit(8, groups.paths);
    if (processors < 1 || processors > 8) std::abort();
    return 0;
}
