// Any octets as a manifest, once as YAML and once as JSON. What
// decodes is completed, and a decoder that says nothing has read everything: the same text again
// gives the same objects.

#include "kube/complete.hpp"
#include "kube/decode.hpp"
#include "kube/node_facts.hpp"

#include <cstdint>
#include <cstdlib>

using namespace nameplane;

namespace {

void run(std::string_view text, bool json) {
    kube::AllocateOptions options{.service_cidrs = {*Cidr::parse("10.96.0.0/24")}};
    kube::Completer completer{options, {}};
    kube::Decoded decoded = kube::decode_text(text, "f", json);
    const kube::Decoded again = kube::decode_text(text, "f", json);
    if (decoded.lines != again.lines || decoded.problems != again.problems) std::abort();
    if (!decoded.broken.empty() && decoded.problems.empty()) std::abort();
    if (decoded.unknown_broken && decoded.problems.empty()) std::abort();
    for (kube::Source& source : decoded.objects) completer.put(std::move(source));
    completer.settle(true);
    for (const kube::Source& source : again.objects) completer.remove(kube::id_of(source));
    for (const services::Event& event : completer.settle(true).events)
        if (!std::holds_alternative<services::Remove>(event)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    run(text, false);
    run(text, true);
    static_cast<void>(kube::node_facts_from_text(text, "f", false));
    return 0;
}
