#pragma once
// Snapshot: the whole cache at one moment, immutable, sharded by hash. A change copies the shards
// it touches and shares the rest; snapshots may therefore be kept and compared cheaply.

#include "services/model.hpp"
#include <nameplane/services/entry.hpp>
#include <nameplane/services/view.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace nameplane::services {

/// How far apart the versions of successive snapshots of the store are; those between are for
/// what the gate publishes while it holds one back.
inline constexpr std::uint64_t snapshot_version_step = 128;

/// Made by Store, and by Gate from those. Any thread may read, and let go whenever it likes: the
/// store keeps its snapshots until nobody else has them (Store::sweep), Published<T> keeps the
/// gate's, so that memory is freed by the writer only.
class Snapshot {
public:
    /// An empty one, version 0, not synced.
    static std::shared_ptr<const Snapshot> empty();
    ~Snapshot();

    std::uint64_t version() const noexcept;
    std::size_t service_count() const noexcept;
    std::size_t endpoint_count() const noexcept;
    /// Each Service once, order unspecified.
    void for_each(const std::function<void(const ServiceEntry&)>& visit) const;
    /// The Node of that name, or nullptr.
    const Node* node(std::string_view name) const noexcept;
    /// The networks of all ServiceCIDRs, sorted, each once; they may lie in one another.
    std::span<const Cidr> service_cidrs() const noexcept;
    /// Octets reachable from here, shared with other snapshots or not, without allocator overhead.
    /// Walks everything: for benchmarks and explanations.
    std::size_t memory_octets() const noexcept;

    struct Data;  ///< the shards; private to src/services
    explicit Snapshot(std::unique_ptr<const Data> data) noexcept;
    const Data& data() const noexcept { return *data_; }

private:
    std::unique_ptr<const Data> data_;
};

}  // namespace nameplane::services
