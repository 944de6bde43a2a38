// Any octets as an answer of an ACME server: it is read, or there is a sentence, and what is to be
// signed or shown is harmless.

#include "acme/messages.hpp"

#include <cstdint>
#include <cstdlib>

using namespace nameplane;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto directory = acme::read_directory(text);
    if (directory && directory->new_order.empty()) std::abort();
    const auto order = acme::read_order(text);
    if (order && order->state == acme::State::valid && order->certificate.empty()) std::abort();
    const auto asked = acme::read_authorization(text);
    if (asked && asked->dns && asked->dns->token.find_first_of("\"\\\n. ") != std::string::npos) {
        std::abort();
    }
    for (const char octet : acme::read_problem(text).text) {
        if (static_cast<unsigned char>(octet) < ' ') std::abort();
    }
    if (acme::json_text(text).find_first_of("\n\r") != std::string::npos) std::abort();
    return 0;
}
