// /proc/self/stat, /proc/stat and /proc/net/netstat: a number or none, and none of what is cut.

#include "agent/proc_stat.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane::agent;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const std::size_t field : {3, 4, 14, 15, 22, 23, 24, 52}) (void)process_stat(text, field);
    for (const char* name : {"InOctets", "IpExt:", ""}) (void)octets_of(text, name);
    // What comes behind does not change what was told.
    const auto told = boot_time_of(text);
    if (told && boot_time_of(text.substr(0, text.find("\nbtime ") + 7))) std::abort();
    return 0;
}
