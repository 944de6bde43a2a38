#pragma once
// ServiceView: what plugins and rules read. It looks into one immutable snapshot of the service
// cache; every look-up is free of allocation and locks, and everything it returns lives as long as
// the snapshot (on a worker: until the query is answered).

#include <nameplane/base/ip.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace nameplane::services {

class Snapshot;
enum class Protocol : std::uint8_t;
enum class ServiceType : std::uint8_t;
class ServiceHead;
struct ServiceEntry;
struct AddressRecord;
struct LivePod;

/// An endpoint found by its address, with the Service it belongs to.
struct EndpointOf {
    const ServiceEntry* service = nullptr;
    std::uint32_t endpoint = 0;  ///< index into service->endpoints
    friend bool operator==(const EndpointOf&, const EndpointOf&) = default;
};

/// The endpoints that have one address, found while one walks them: the index by address names
/// Services only, so that it stays as it is while their endpoints change state. Lives as long as
/// the snapshot.
class EndpointRange {
public:
    class Iterator {
    public:
        using value_type = EndpointOf;
        using reference = EndpointOf;
        using pointer = const EndpointOf*;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;

        Iterator() = default;
        Iterator(const Snapshot& snapshot, const AddressRecord* at,
                 const AddressRecord* last) noexcept;
        EndpointOf operator*() const noexcept { return found_; }
        const EndpointOf* operator->() const noexcept { return &found_; }
        Iterator& operator++() noexcept;
        Iterator operator++(int) noexcept {
            Iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

    private:
        void enter_service() noexcept;

        const Snapshot* snapshot_ = nullptr;
        const AddressRecord* at_ = nullptr;
        const AddressRecord* last_ = nullptr;
        EndpointOf found_;
    };

    EndpointRange() = default;
    EndpointRange(Iterator first, Iterator last) noexcept : first_{first}, last_{last} {}
    Iterator begin() const noexcept { return first_; }
    Iterator end() const noexcept { return last_; }
    bool empty() const noexcept { return first_ == last_; }

private:
    Iterator first_;
    Iterator last_;
};

/// A cheap value: one pointer. Any thread. `selected` are bits of label selectors
/// (services/selections.hpp), all of which what is found must match; 0 for no matter which.
class ServiceView {
public:
    /// A number for a Service's key, never 0; other keys may have the same.
    static std::uint64_t hash_of(std::string_view ns, std::string_view name) noexcept;
    /// Asks the processor to bring near what looking up the Service with that hash reads. In steps
    /// 0 to expect_steps - 1: each first reads what the one before brought. Done step by step for
    /// a batch of names, their waits for memory overlap.
    void expect(std::uint64_t hash, unsigned step) const noexcept;
    static constexpr unsigned expect_steps = 5;

    ServiceView() = default;  ///< sees nothing
    explicit ServiceView(const Snapshot& snapshot) noexcept : snapshot_{&snapshot} {}

    /// The Service `name` in `ns` (both lower case), or nullptr.
    const ServiceEntry* find(std::string_view ns, std::string_view name) const noexcept;
    /// The same for who answers from the head alone, mostly; it has an entry.
    const ServiceHead* find_head(std::string_view ns, std::string_view name) const noexcept;
    /// How many places for Services there are, and what is in one of them; nullptr: nothing. A
    /// Service keeps its place as long as it exists, so that walks over all of them are in the same
    /// order. `place` < place_count()
    std::size_t place_count() const noexcept;
    const ServiceEntry* at(std::size_t place) const noexcept;
    /// The ServiceImport of that name; its entry is made like that of a Service.
    const ServiceHead* find_import(std::string_view ns, std::string_view name) const noexcept;
    bool has_namespace(std::string_view ns, std::uint8_t selected = 0) const noexcept;
    /// The Service that has `address` among its clusterIPs, or nullptr.
    const ServiceEntry* by_cluster_ip(const IpAddress& address) const noexcept;
    /// Of the Services that have `address` as an external one or from a load balancer, ordered by
    /// namespace and name, the one with that number; nullptr behind the last.
    const ServiceEntry* by_external_ip(const IpAddress& address, std::size_t number) const noexcept;
    /// Every (Service, endpoint) with that address, ready or not; ordered by namespace and name.
    EndpointRange by_endpoint(const IpAddress& address) const noexcept;
    /// Whether a pod of namespace `ns`, not finished and not terminating, has that address.
    bool has_pod(std::string_view ns, const IpAddress& address,
                 std::uint8_t selected = 0) const noexcept;
    /// The namespace of a pod, not finished and not terminating, that has that address; empty if
    /// none has.
    std::string_view namespace_of_pod(const IpAddress& address,
                                      std::uint8_t selected = 0) const noexcept;
    /// The name of the same pod, and the value of one of its labels; only where the store keeps
    /// them (StoreOptions::pod_details).
    std::string_view name_of_pod(const IpAddress& address,
                                 std::uint8_t selected = 0) const noexcept;
    std::optional<std::string_view> label_of_pod(const IpAddress& address, std::string_view key,
                                                 std::uint8_t selected = 0) const noexcept;
    /// Whether every kind that the source lists has been listed once.
    bool synced() const noexcept;
    /// Whether ServiceImports have been listed, which synced() does not wait for.
    bool imports_synced() const noexcept;
    /// Number of the snapshot; grows by at least one with each change.
    std::uint64_t version() const noexcept;
    /// Unix seconds of the last change seen, the SOA serial; 0 before any.
    std::uint32_t serial() const noexcept;

private:
    const LivePod* pod_at(const IpAddress& address, std::uint8_t selected) const noexcept;

    const Snapshot* snapshot_ = nullptr;
};

}  // namespace nameplane::services
