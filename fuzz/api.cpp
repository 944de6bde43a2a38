// Any octets as an object and as an event of each kind. What is read has a name, what is refused
// has a reason and nothing else, and the same octets again say the same.

#include "kube/decode_api.hpp"

#include <cstdint>
#include <cstdlib>

using namespace nameplane;

namespace {

using services::Kind;
using State = kube::ApiObject::State;

void check(const kube::ApiObject& object) {
    constexpr std::size_t name_max = 253;
    if (object.key.name.size() > name_max || object.key.ns.size() > name_max) std::abort();
    if ((object.state == State::read) != object.put.has_value()) std::abort();
    if (object.state == State::read && object.key.name.empty()) std::abort();
    if (object.state == State::refused && object.reason.empty()) std::abort();
    if (object.reason.size() > 1000 || object.resource_version.size() > 1024) std::abort();
}

void run(kube::ApiDecoder& decoder, Kind kind, std::string_view text) {
    const kube::ApiObject item = decoder.item(kind, text);
    check(item);
    const kube::ApiEvent event = decoder.event(kind, text);
    check(event.object);
    const kube::ApiObject again = decoder.item(kind, text);
    if (item.state != again.state || item.key != again.key || item.reason != again.reason)
        std::abort();
    check(kube::ApiDecoder::item_over_long(kind, text));
    check(kube::ApiDecoder::event_over_long(kind, text).object);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    kube::ApiDecoder decoder;
    for (const Kind kind : {Kind::service, Kind::endpoint_slice, Kind::pod, Kind::node,
                            Kind::namespace_, Kind::service_import, Kind::service_cidr})
        run(decoder, kind, text);
    static_cast<void>(decoder.list_metadata(text));
    return 0;
}
