#pragma once
// saved_codec: the objects of services/model.hpp as octets and back, for the saved state. One list
// of fields an object serves both ways; an object that gets a field does not compile here until it
// is listed, and the format needs a new number then (saved_state.cpp). Private to src/kube.

#include "services/model.hpp"
#include <nameplane/base/ip.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace nameplane::kube::saved {

/// Elements of any list, and octets of any string. More is written by nobody and read from nobody.
inline constexpr std::size_t elements_max = 65'536;
inline constexpr std::size_t text_octets_max = 1 << 20;
/// Different repeated strings that are remembered; further ones are written out each time.
inline constexpr std::size_t repeated_max = 65'536;

/// A string that many objects share, such as the name of a node.
template <class Text> struct Repeated { Text& text; };
template <class Text> Repeated(Text&) -> Repeated<Text>;

template <class T, class Object>
concept either = std::same_as<std::remove_const_t<T>, Object>;

// fields(codec, object): the fields in the order of the file.

template <class Codec, either<services::ObjectKey> T> void fields(Codec& codec, T& object) {
    auto& [ns, name] = object;
    codec(Repeated{ns}, name);
}
template <class Codec, either<services::TargetPort> T> void fields(Codec& codec, T& object) {
    auto& [number, name] = object;
    codec(number, name);
}
template <class Codec, either<services::ServicePort> T> void fields(Codec& codec, T& object) {
    auto& [name, protocol, port, node_port, target] = object;
    codec(name, protocol, port, node_port, target);
}
template <class Codec, either<services::LoadBalancerIngress> T>
void fields(Codec& codec, T& object) {
    auto& [address, mode] = object;
    codec(address, mode);
}
template <class Codec, either<services::Service> T> void fields(Codec& codec, T& object) {
    auto& [key, labels, selected, type, headless, foreign_proxy, cluster_ips, external_ips, ingress,
           ingress_hostnames, source_ranges, external_name, ports, selector, publish_not_ready,
           dual_stack, families, client_ip_affinity, affinity_timeout_s, external_policy,
           internal_policy, health_check_node_port, traffic_distribution] = object;
    codec(key, labels, selected, type, headless, foreign_proxy, cluster_ips, external_ips, ingress,
          ingress_hostnames, source_ranges, external_name, ports, selector, publish_not_ready,
          dual_stack, families, client_ip_affinity, affinity_timeout_s, external_policy,
          internal_policy, health_check_node_port, traffic_distribution);
}
template <class Codec, either<services::EndpointPort> T> void fields(Codec& codec, T& object) {
    auto& [name, protocol, port] = object;
    codec(name, protocol, port);
}
template <class Codec, either<services::Endpoint> T> void fields(Codec& codec, T& object) {
    auto& [addresses, hostname, node_name, zone, pod_name, ready, serving, terminating, hint_zones,
           hint_nodes] = object;
    codec(addresses, hostname, Repeated{node_name}, Repeated{zone}, pod_name, ready, serving,
          terminating, hint_zones, hint_nodes);
}
template <class Codec, either<services::EndpointSlice> T> void fields(Codec& codec, T& object) {
    auto& [key, labels, selected, service, import, cluster, family, foreign_proxy, ports, endpoints,
           change_trigger_ns] = object;
    codec(key, labels, selected, service, import, Repeated{cluster}, family, foreign_proxy, ports,
          endpoints, change_trigger_ns);
}
template <class Codec, either<services::ContainerPort> T> void fields(Codec& codec, T& object) {
    auto& [name, protocol, port] = object;
    codec(name, protocol, port);
}
template <class Codec, either<services::Pod> T> void fields(Codec& codec, T& object) {
    auto& [key, labels, selected, ips, hostname, subdomain, node_name, host_network, ready,
           terminating, finished, ports] = object;
    codec(key, labels, selected, ips, hostname, subdomain, Repeated{node_name}, host_network, ready,
          terminating, finished, ports);
}
template <class Codec, either<services::Node> T> void fields(Codec& codec, T& object) {
    auto& [key, labels, pod_cidrs, addresses, deleting] = object;
    codec(key, labels, pod_cidrs, addresses, deleting);
}
template <class Codec, either<services::Namespace> T> void fields(Codec& codec, T& object) {
    auto& [key, labels, selected] = object;
    codec(key, labels, selected);
}
template <class Codec, either<services::ServiceImport> T> void fields(Codec& codec, T& object) {
    auto& [key, headless, ips, ports] = object;
    codec(key, headless, ips, ports);
}
template <class Codec, either<services::ServiceCidr> T> void fields(Codec& codec, T& object) {
    auto& [key, cidrs] = object;
    codec(key, cidrs);
}

// How many values an enumeration has; the decoder refuses others.
constexpr std::uint8_t values_of(services::Protocol) {
    return 3;
}
constexpr std::uint8_t values_of(services::ServiceType) {
    return 4;
}
constexpr std::uint8_t values_of(services::TrafficPolicy) {
    return 2;
}
constexpr std::uint8_t values_of(services::IpMode) {
    return 2;
}
constexpr std::uint8_t values_of(Family) {
    return 2;
}

template <class T>
concept number = std::unsigned_integral<T> && !std::same_as<T, bool>;
template <class T>
concept enumeration = std::is_enum_v<T>;

/// Appends octets to a buffer that the owner empties from time to time.
class Encoder {
public:
    template <class... Values> void operator()(const Values&... values) { (put(values), ...); }

    std::string& buffer() noexcept { return out_; }
    /// False once something was too big to be read again.
    bool ok() const noexcept { return ok_; }

    void octet(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) octet(static_cast<std::uint8_t>(value | 0x80));
        octet(static_cast<std::uint8_t>(value));
    }

private:
    void put(bool value) { octet(value ? 1 : 0); }
    void put(number auto value) { varint(value); }
    void put(enumeration auto value) { octet(static_cast<std::uint8_t>(value)); }
    void put(std::int64_t value) { varint(static_cast<std::uint64_t>(value)); }
    void put(const std::string& text) {
        ok_ = ok_ && text.size() <= text_octets_max;
        varint(text.size());
        out_ += text;
    }
    /// 0: empty; 1: a string of its own, remembered while there is room; else one of those, counted
    /// from 2.
    void put(const Repeated<const std::string>& repeated) {
        if (repeated.text.empty()) return octet(0);
        const auto known = repeated_.find(repeated.text);
        if (known != repeated_.end()) return varint(known->second);
        octet(1);
        put(repeated.text);
        if (repeated_.size() < repeated_max) repeated_.emplace(repeated.text, repeated_.size() + 2);
    }
    void put(const IpAddress& address) {
        const auto octets = address.bytes();
        octet(static_cast<std::uint8_t>(octets.size()));
        out_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    }
    void put(const Cidr& cidr) {
        put(cidr.address());
        varint(cidr.prefix());
    }
    template <class T> void put(const std::vector<T>& list) {
        ok_ = ok_ && list.size() <= elements_max;
        varint(list.size());
        for (const T& element : list) put(element);
    }
    void put(const services::Labels& labels) {
        ok_ = ok_ && labels.size() <= elements_max;
        varint(labels.size());
        for (const auto& [key, value] : labels) {
            put(key);
            put(value);
        }
    }
    template <class T>
    requires requires(Encoder& codec, const T& object) { fields(codec, object); }
    void put(const T& object) { fields(*this, object); }

    std::string out_;
    std::unordered_map<std::string, std::uint64_t> repeated_;
    bool ok_ = true;
};

/// Reads what an Encoder wrote. After anything that none would have written ok() is false and stays
/// so, and what was read is worthless.
class Decoder {
public:
    explicit Decoder(std::string_view octets) : rest_{octets} {}

    template <class... Values> void operator()(Values&&... values) { (get(values), ...); }

    bool ok() const noexcept { return ok_; }
    bool at_end() const noexcept { return rest_.empty(); }
    /// Octets that were not read.
    std::size_t left() const noexcept { return rest_.size(); }

    std::uint8_t octet() {
        const std::string_view one = take(1);
        return one.empty() ? 0 : static_cast<std::uint8_t>(one[0]);
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t next = octet();
            const std::uint64_t bits = next & 0x7fU;
            // Ten octets at most, no bits beyond the 64th, and no padding: one form a number.
            if (shift == 63 && bits > 1) break;
            value |= bits << shift;
            if ((next & 0x80U) == 0) {
                if (next == 0 && shift != 0) break;
                return value;
            }
        }
        return fail();
    }

private:
    std::uint64_t fail() {
        ok_ = false;
        rest_ = {};
        return 0;
    }
    std::string_view take(std::size_t count) {
        if (count > rest_.size()) {
            fail();
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    /// A count of things that take at least an octet each.
    std::size_t count(std::size_t max) {
        const std::uint64_t value = varint();
        return value <= max && value <= rest_.size() ? value : fail();
    }

    void get(bool& value) {
        const std::uint8_t read = octet();
        if (read > 1) fail();
        value = read == 1;
    }
    template <number T> void get(T& value) {
        const std::uint64_t read = varint();
        value = static_cast<T>(read);
        if (value != read) fail();
    }
    template <enumeration T> void get(T& value) {
        const std::uint8_t read = octet();
        if (read >= values_of(T{})) {
            fail();
        } else {
            value = static_cast<T>(read);
        }
    }
    void get(std::int64_t& value) { value = static_cast<std::int64_t>(varint()); }
    void get(std::string& text) { text = take(count(text_octets_max)); }
    void get(Repeated<std::string> repeated) {
        const std::uint64_t which = varint();
        if (which == 0) {
            repeated.text.clear();
        } else if (which == 1) {
            const std::string_view text = take(count(text_octets_max));
            repeated.text = text;
            if (text.empty()) fail();
            if (repeated_.size() < repeated_max) repeated_.push_back(text);
        } else if (which - 2 < repeated_.size()) {
            repeated.text = repeated_[which - 2];
        } else {
            fail();
        }
    }
    void get(IpAddress& address) {
        const std::string_view octets = take(octet());
        const auto read = IpAddress::from_bytes(
            {reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()});
        if (read) {
            address = *read;
        } else {
            fail();
        }
    }
    void get(Cidr& cidr) {
        IpAddress address;
        get(address);
        const std::uint64_t prefix = varint();
        const auto read = prefix <= 128 ? Cidr::make(address, static_cast<unsigned>(prefix))
                                        : std::optional<Cidr>{};
        if (read && read->address() == address) {
            cidr = *read;
        } else {
            fail();
        }
    }
    template <class T> void get(std::vector<T>& list) {
        list.resize(count(elements_max));
        for (T& element : list) {
            if (!ok_) return;
            get(element);
        }
    }
    void get(services::Labels& labels) {
        labels.clear();
        std::string key;
        std::string value;
        for (std::size_t left = count(elements_max); left != 0 && ok_; --left) {
            get(key);
            get(value);
            if (!labels.empty() && key <= labels.rbegin()->first) fail();
            labels.emplace_hint(labels.end(), key, value);
        }
    }
    template <class T>
    requires requires(Decoder& codec, T& object) { fields(codec, object); }
    void get(T& object) { fields(*this, object); }

    std::string_view rest_;
    std::vector<std::string_view> repeated_;
    bool ok_ = true;
};

}  // namespace nameplane::kube::saved
