// hot path
#include "plugins/kubernetes/endpoints.hpp"

#include <algorithm>

namespace nameplane::plugins::kubernetes {

namespace {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::optional<IpAddress> parse_with(std::string_view label, char separator) noexcept {
    LabelText text;
    if (label.empty() || label.size() > text.size()) return std::nullopt;
    std::ranges::replace_copy(label, text.begin(), '-', separator);
    return IpAddress::parse({text.data(), label.size()});
}

/// The four octets, which inet_ntop() prints many times slower.
std::string_view dashed_v4(std::span<const std::uint8_t> octets, LabelText& room) noexcept {
    std::size_t size = 0;
    for (const std::uint8_t octet : octets) {
        if (size != 0) room[size++] = '-';
        if (octet >= 100) room[size++] = static_cast<char>('0' + octet / 100);
        if (octet >= 10) room[size++] = static_cast<char>('0' + octet / 10 % 10);
        room[size++] = static_cast<char>('0' + octet % 10);
    }
    return {room.data(), size};
}

/// The pod's name as a label, or nothing.
std::string_view pod_label(const Settings& settings,
                           const services::EndpointEntry& endpoint) noexcept {
    const bool usable = settings.endpoint_pod_names &&
                        endpoint.pod_name.size() <= dns::label_octets_max &&
                        endpoint.pod_name.find('.') == std::string_view::npos;
    return usable ? endpoint.pod_name : std::string_view{};
}

}  // namespace

bool same_label(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view dashed(const IpAddress& address, LabelText& room) noexcept {
    if (address.is_v4()) return dashed_v4(address.bytes(), room);
    std::array<char, 46> text;
    std::size_t size = address.write_text(text);
    std::ranges::transform(text.begin(), text.begin() + size, room.begin(),
                           [](char c) { return c == '.' || c == ':' ? '-' : c; });
    if (room[size - 1] == '-') room[size++] = '0';
    return {room.data(), size};
}

std::optional<IpAddress> parse_dashed(std::string_view label) noexcept {
    const std::optional<IpAddress> address = parse_pod_label(label);
    LabelText room;
    if (!address || dashed(*address, room) != label) return std::nullopt;
    return address;
}

std::optional<IpAddress> parse_pod_label(std::string_view label) noexcept {
    const bool dotted = std::ranges::count(label, '-') == 3 && label.find("--") == label.npos;
    return parse_with(label, dotted ? '.' : ':');
}

std::string_view endpoint_label(const Settings& settings, const services::EndpointEntry& endpoint,
                                LabelText& room) noexcept {
    if (!endpoint.hostname.empty()) return endpoint.hostname;
    const std::string_view pod = pod_label(settings, endpoint);
    return pod.empty() ? dashed(endpoint.address, room) : pod;
}

bool PortFilter::matches(std::string_view name, services::Protocol protocol) const noexcept {
    return (name_.empty() || same_label(name_, name)) &&
           (protocol_.empty() || protocol_ == services::to_string(protocol));
}

bool PortFilter::any(const services::ServiceHead& service) const noexcept {
    if (all()) return true;
    for (std::size_t i = 0; i < service.port_count(); ++i) {
        const services::ServiceHead::Port port = service.port(i);
        if (matches(port.name, port.protocol)) return true;
    }
    return false;
}

bool is_topology(std::string_view topology, std::string_view name) noexcept {
    while (!topology.empty()) {
        const std::string_view label = topology.substr(1, static_cast<std::uint8_t>(topology[0]));
        topology.remove_prefix(1 + label.size());
        if (name.size() < label.size() || !same_label(name.substr(0, label.size()), label)) {
            return false;
        }
        name.remove_prefix(label.size());
        if (topology.empty()) break;
        if (!name.starts_with('.')) return false;
        name.remove_prefix(1);
    }
    return name.empty();
}

bool EndpointFilter::has_label(const services::EndpointEntry& endpoint) const noexcept {
    if (by_cluster_ && !same_label(cluster_, *endpoint.node)) return false;
    if (!endpoint.hostname.empty()) return same_label(label_, endpoint.hostname);
    const std::string_view pod = pod_label(*settings_, endpoint);
    return pod.empty() ? address_ == endpoint.address : same_label(label_, pod);
}

}  // namespace nameplane::plugins::kubernetes
