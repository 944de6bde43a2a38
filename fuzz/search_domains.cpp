// The resolv.conf of a node or of its pods: domains in lower case, no more than the text has room
// for.

#include "dns/search_domains.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const std::vector<dns::Name> domains = dns::search_domains(text);
    if (domains.size() > size / 2) std::abort();
    for (const dns::Name& domain : domains) {
        if (domain.to_string() != domain.lower().to_string()) std::abort();
    }
    return 0;
}
