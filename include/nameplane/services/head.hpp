#pragma once
// ServiceHead: what most questions about a Service need, in two neighbouring cache lines: its key,
// its kind, its addresses, its port. A snapshot keeps the heads of its Services side by side, so
// that a query is answered from one without going on to the entry, the object and their parts,
// each of which would be another wait for memory. What does not fit is read from the entry.

#include <nameplane/base/ip.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace nameplane::services {

enum class Protocol : std::uint8_t;
enum class ServiceType : std::uint8_t;
struct ServiceEntry;

/// Made from an entry and, like it, never changed. The default is that of no Service.
class alignas(64) ServiceHead {
public:
    struct Port {
        std::string_view name;
        Protocol protocol{};
        std::uint16_t number = 0;
    };

    ServiceHead() = default;
    explicit ServiceHead(std::shared_ptr<const ServiceEntry> entry) noexcept;

    /// The Service with all that is known of it; nullptr only in a default one.
    const std::shared_ptr<const ServiceEntry>& entry() const noexcept { return entry_; }

    // Only where there is an entry. Views live as long as this object.

    /// Whether it is that of the Service `name` in `ns`.
    bool is(std::string_view ns, std::string_view name) const noexcept {
        if (name_octets_ == elsewhere) return entry_is(ns, name);
        return std::string_view{key_.data(), ns_octets_} == ns &&
               std::string_view{key_.data() + ns_octets_, name_octets_} == name;
    }
    ServiceType type() const noexcept { return type_; }
    /// Bits of the label selectors that it matches.
    std::uint8_t selected() const noexcept { return selected_; }
    bool headless() const noexcept { return headless_; }
    std::span<const IpAddress> cluster_ips() const noexcept {
        if (ip_count_ == elsewhere) return entry_cluster_ips();
        return {ips_.data(), ip_count_};
    }
    std::size_t port_count() const noexcept {
        return port_count_ == elsewhere ? entry_port_count() : port_count_;
    }
    /// `i` < port_count()
    Port port(std::size_t i) const noexcept {
        if (port_count_ == elsewhere) return entry_port(i);
        return {{port_name_.data(), port_name_octets_}, port_protocol_, port_number_};
    }

private:
    static constexpr std::uint8_t elsewhere = 0xff;  // as a count: to be read from the entry

    bool entry_is(std::string_view ns, std::string_view name) const noexcept;
    std::span<const IpAddress> entry_cluster_ips() const noexcept;
    std::size_t entry_port_count() const noexcept;
    Port entry_port(std::size_t i) const noexcept;

    std::shared_ptr<const ServiceEntry> entry_;
    ServiceType type_{};
    bool headless_ = false;
    std::uint8_t ip_count_ = 0;
    std::uint8_t port_count_ = 0;  // 0, 1 or elsewhere
    std::uint8_t ns_octets_ = 0;
    std::uint8_t name_octets_ = 0;
    std::array<char, 42> key_{};  // the namespace and, behind it, the name
    // The second line.
    std::array<IpAddress, 2> ips_{};
    std::array<char, 15> port_name_{};
    std::uint8_t port_name_octets_ = 0;
    Protocol port_protocol_{};
    std::uint16_t port_number_ = 0;
    std::uint8_t selected_ = 0;
};
static_assert(sizeof(ServiceHead) == 128);

}  // namespace nameplane::services
