// Any text as a label selector: it is refused with a reason, or written in a way that means the
// same.

#include "services/selector.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace nameplane::services;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto selector = Selector::parse({reinterpret_cast<const char*>(data), size});
    if (!selector) {
        if (selector.error().text.empty()) std::abort();
        return 0;
    }
    const auto again = Selector::parse(selector->to_string());
    if (!again || *again != *selector) std::abort();
    for (const Labels& labels : {Labels{}, Labels{{"app", "web"}}, Labels{{"env", ""}}}) {
        if (again->matches(labels) != selector->matches(labels)) std::abort();
    }
    return 0;
}
