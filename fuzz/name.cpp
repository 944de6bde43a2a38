// Any octets as a name's wire form, as a name's text, and as a reverse name. What is accepted
// survives the way to the other form and back.

#include "dns/reverse.hpp"

#include <algorithm>
#include <cstdlib>

using namespace nameplane;
using dns::Name, dns::NameView;

namespace {

void there_and_back(NameView name) {
    const std::optional<Name> again = Name::parse(name.to_string());
    if (!again || !std::ranges::equal(again->view().wire(), name.wire())) std::abort();
    const std::optional<IpAddress> address = dns::address_of_reverse(name);
    if (address && !(dns::reverse_name(*address) == Name{name})) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const auto name = NameView::check({data, size})) there_and_back(*name);
    const auto text = Name::parse({reinterpret_cast<const char*>(data), size});
    if (text && !NameView::check(text->view().wire())) std::abort();
    if (text) there_and_back(*text);
    return 0;
}
