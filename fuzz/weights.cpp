// The file of weights that a `loadbalance` reads again and again: what is read gives a weight for
// any address of any name, and an error names its line.

#include "plugins/loadbalance/weights.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nameplane;
    static const dns::Name name = *dns::Name::parse("www.example.");
    static const IpAddress address = *IpAddress::parse("192.0.2.1");
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto weights = plugins::loadbalancing::Weights::read(text);
    if (!weights) {
        if (!weights.error().text.starts_with("line ")) std::abort();
        return 0;
    }
    if (weights->of(name, address) == 0) std::abort();
    return 0;
}
