#include "kube/decode.hpp"
#include "kube/json_value.hpp"

#include <charconv>
#include <chrono>
#include <ctime>

namespace nameplane::kube {
namespace {

using services::Endpoint;
using services::EndpointPort;
using services::EndpointSlice;

enum class AddressType : std::uint8_t { none, ipv4, ipv6, fqdn };

/// Leading digits of `text` as a number, which are taken off it.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    int number = 0;
    if (text.size() < digits) return std::nullopt;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (error != std::errc{} || stop != text.data() + digits || number < 0) return std::nullopt;
    text.remove_prefix(digits);
    return number;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

/// RFC 3339 in UTC, "2024-05-01T10:00:00.123456789Z", as Unix nanoseconds; 0 for anything else.
std::int64_t unix_ns(std::string_view text) {
    std::tm utc{};
    const auto year = take_number(text, 4);
    if (!year || !take(text, '-')) return 0;
    const auto month = take_number(text, 2);
    if (!month || !take(text, '-')) return 0;
    const auto day = take_number(text, 2);
    if (!day || !take(text, 'T')) return 0;
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ':')) return 0;
    const auto minute = take_number(text, 2);
    if (!minute || !take(text, ':')) return 0;
    const auto second = take_number(text, 2);
    if (!second || *year < 1970 || *year > 2200) return 0;
    std::int64_t fraction_ns = 0;
    if (take(text, '.')) {
        std::int64_t unit = 100'000'000;
        for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1)) {
            fraction_ns += unit * (text[0] - '0');
            unit /= 10;
        }
    }
    if (text != "Z") return 0;
    utc = {.tm_sec = *second,
           .tm_min = *minute,
           .tm_hour = *hour,
           .tm_mday = *day,
           .tm_mon = *month - 1,
           .tm_year = *year - 1900};
    return static_cast<std::int64_t>(::timegm(&utc)) * 1'000'000'000 + fraction_ns;
}

template <class V>
Endpoint read_endpoint(BasicFieldReader<V>& read, const BasicField<V>& item, Family family) {
    Endpoint endpoint;
    const BasicField<V> list = read.list(item, "addresses");
    read.each(list, read.limits().addresses_max, [&](const BasicField<V>& one) {
        const auto address = read.address(one);
        if (!address) return;
        if (address->family() != family) return read.wrong(one, "an address of addressType");
        endpoint.addresses.push_back(*address);
    });
    if (!list.value.first()) read.wrong(list, "at least one address");
    const BasicField<V> hostname = read.get(item, "hostname");
    endpoint.hostname = read.text(hostname);
    if (!endpoint.hostname.empty() && !is_label(endpoint.hostname))
        read.wrong(hostname, "a DNS label");
    endpoint.node_name = read.text(read.get(item, "nodeName"));
    endpoint.zone = read.text(read.get(item, "zone"));
    const BasicField<V> target = read.map(item, "targetRef");
    if (read.text(read.get(target, "kind")) == "Pod")
        endpoint.pod_name = read.text(read.get(target, "name"));
    // Unset means true for ready and serving (discovery.k8s.io/v1).
    const BasicField<V> conditions = read.map(item, "conditions");
    endpoint.ready = read.flag(read.get(conditions, "ready"), true);
    endpoint.serving = read.flag(read.get(conditions, "serving"), true);
    endpoint.terminating = read.flag(read.get(conditions, "terminating"), false);
    const BasicField<V> hints = read.map(item, "hints");
    const auto names = [&](std::string_view field, std::vector<std::string>& out) {
        read.each_map(
            read.list(hints, field), read.limits().addresses_max,
            [&](const BasicField<V>& one) { out.push_back(read.text(read.get(one, "name"))); });
    };
    names("forZones", endpoint.hint_zones);
    names("forNodes", endpoint.hint_nodes);
    return endpoint;
}

}  // namespace

template <class V>
std::optional<EndpointSlice> decode_slice(BasicFieldReader<V>& read, const BasicField<V>& root,
                                          services::ObjectKey key) {
    static constexpr Word<AddressType> types[] = {{"", AddressType::none},
                                                  {"IPv4", AddressType::ipv4},
                                                  {"IPv6", AddressType::ipv6},
                                                  {"FQDN", AddressType::fqdn}};
    EndpointSlice slice;
    slice.key = std::move(key);
    const BasicField<V> metadata = read.map(root, "metadata");
    slice.labels = read.labels(read.map(metadata, "labels"));
    const auto label = [&](std::string_view name) {
        const auto found = slice.labels.find(name);
        return found == slice.labels.end() ? std::string{} : found->second;
    };
    slice.service = label("kubernetes.io/service-name");
    slice.import = label("multicluster.kubernetes.io/service-name");
    slice.cluster = label("multicluster.kubernetes.io/source-cluster");
    slice.foreign_proxy = services::is_for_another_proxy(slice.labels);
    const BasicField<V> annotations = read.map(metadata, "annotations");
    slice.change_trigger_ns = unix_ns(
        read.text(read.get(annotations, "endpoints.kubernetes.io/last-change-trigger-time")));

    const BasicField<V> type = read.get(root, "addressType");
    const AddressType address_type = read.one_of(type, types);
    if (address_type == AddressType::fqdn) return std::nullopt;
    if (!type.present()) read.wrong(type, "IPv4 or IPv6");
    slice.family = address_type == AddressType::ipv6 ? Family::ipv6 : Family::ipv4;

    read.each_map(read.list(root, "ports"), read.limits().ports_max,
                  [&](const BasicField<V>& item) {
                      slice.ports.push_back({.name = read.text(read.get(item, "name")),
                                             .protocol = read.protocol(read.get(item, "protocol")),
                                             .port = read.port_if_any(read.get(item, "port"))});
                  });
    read.each_map(read.list(root, "endpoints"), read.limits().endpoints_max,
                  [&](const BasicField<V>& item) {
                      slice.endpoints.push_back(read_endpoint(read, item, slice.family));
                  });
    return slice;
}

// The two kinds of documents.
template std::optional<EndpointSlice> decode_slice(BasicFieldReader<Value>&,
                                                   const BasicField<Value>&, services::ObjectKey);
template std::optional<EndpointSlice>
decode_slice(BasicFieldReader<JsonValue>&, const BasicField<JsonValue>&, services::ObjectKey);

}  // namespace nameplane::kube
