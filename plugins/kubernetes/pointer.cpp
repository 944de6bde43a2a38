// hot path
// PTR records: from an address back to a Service or its endpoints.

#include "plugins/kubernetes/answer.hpp"
#include "plugins/kubernetes/endpoints.hpp"

namespace nameplane::plugins::kubernetes {

void Answer::pointer(const Found& found) noexcept {
    if (found.kind == Kind::reverse_endpoints) return pointers_to_endpoints(found);
    if (found.kind != Kind::reverse_service) return;
    const auto name = service_name(*found.entry, settings_.primary);
    if (name) reply_.answer(record(query_.name(), dns::Type::ptr, *name));
}

void Answer::pointers_to_endpoints(const Found& found) noexcept {
    // Endpoints come by Service and in order, so the same label twice means the same name twice.
    const services::ServiceEntry* last = nullptr;
    std::optional<dns::NameView> service;
    dns::NameView before;
    for (const services::EndpointOf& place : query_.services().by_endpoint(found.address)) {
        const services::EndpointEntry& endpoint = place.service->endpoints[place.endpoint];
        if (!endpoint.ready || !settings_.selects(endpoint.selected)) continue;
        if (!settings_.shows(place.service->service->key.ns, query_.services())) continue;
        if (place.service != last) {
            last = place.service;
            service = service_name(*place.service, settings_.primary);
            before = {};
        }
        LabelText text;
        const std::string_view label = endpoint_label(settings_, endpoint, text);
        if (!service || before.first_label() == label) continue;
        const auto name = dns::NameBuilder{query_.arena()}.label(label).finish(*service);
        if (!name) continue;
        before = *name;
        reply_.answer(record(query_.name(), dns::Type::ptr, *name));
    }
}

}  // namespace nameplane::plugins::kubernetes
