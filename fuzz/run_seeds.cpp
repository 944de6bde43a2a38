// Runs a fuzz target without a fuzzer: each file below the given folders, its beginnings, and a
// fixed number of mutations of it, the same ones in every run.
// Usage: seeds_<target> [--mutations N] FOLDER...

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Octets = std::vector<std::uint8_t>;

/// Each input is a block of its own, so that a read behind it is seen by a sanitizer.
void run(const Octets& input) {
    const Octets copy(input);
    LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

Octets read(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void run_beginnings(const Octets& seed) {
    constexpr std::size_t beginnings_max = 512;
    for (std::size_t size = 0; size < std::min(seed.size(), beginnings_max); ++size) {
        run({seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size)});
    }
}

/// One to four small changes: an octet set, a bit turned, an octet more or less.
Octets mutated(Octets input, std::minstd_rand& random) {
    for (std::size_t change = 0; change < 1 + random() % 4; ++change) {
        const std::size_t at = input.empty() ? 0 : random() % input.size();
        const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
        const auto octet = static_cast<std::uint8_t>(random());
        switch (input.empty() ? 3 : random() % 4) {
        case 0: *place = octet; break;
        case 1: *place = static_cast<std::uint8_t>(*place ^ 1U << (octet % 8U)); break;
        case 2: input.erase(place); break;
        default: input.insert(place, octet); break;
        }
    }
    return input;
}

std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t mutations = 0;
    std::size_t seeds = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::string_view{argv[i]} == "--mutations" && i + 1 < argc) {
            mutations = std::strtoul(argv[++i], nullptr, 10);
            continue;
        }
        for (const std::filesystem::path& path : files_below(argv[i])) {
            const Octets seed = read(path);
            std::printf("%s: %zu octets\n", path.c_str(), seed.size());
            std::fflush(stdout);
            run(seed);
            run_beginnings(seed);
            std::minstd_rand random{1};
            for (std::size_t n = 0; n < mutations; ++n) run(mutated(seed, random));
            ++seeds;
        }
    }
    std::printf("%zu seeds\n", seeds);
    return seeds == 0 ? 1 : 0;
}
