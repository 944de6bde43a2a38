#pragma once
// slices: EndpointSlices from Pods, as the control plane's controller makes them for Services with
// a selector. A change of one Pod changes one slice; all others stay as they are.

#include "services/model.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

namespace nameplane::kube {

/// Endpoints in a slice that we make; the controller's own default.
inline constexpr std::size_t endpoints_per_slice_max = 100;

/// What became of a slice: its new state, or that it is gone.
using SliceChange = std::variant<services::EndpointSlice, services::ObjectKey>;

/// Pods and Services are owned by the caller and must stay in place and unchanged between add() and
/// forget(). Control thread only.
class SliceMaker {
public:
    /// `zone_of(node)` tells the zone of a Node, or "". `taken(key)` tells whether somebody else
    /// uses that name for a slice.
    SliceMaker(std::function<std::string_view(std::string_view node)> zone_of,
               std::function<bool(const services::ObjectKey&)> taken);
    ~SliceMaker();

    void add(const services::Pod& pod);
    void forget(const services::Pod& pod);
    /// A completed Service: `families` says for which families to make slices.
    void add(const services::Service& service);
    void forget(const services::Service& service);
    /// Whether `service` has slices written by hand: then none are made.
    void set_handwritten(const services::ObjectKey& service, bool handwritten);
    /// The zone of this node is another one now.
    void node_changed(std::string_view node);
    /// The name of this slice belongs to somebody else now.
    void name_taken(const services::ObjectKey& slice);

    /// All changes since the last time, removals first.
    std::vector<SliceChange> settle();
    /// Slices made for `service` at present, and endpoints in them.
    struct Count {
        std::size_t slices = 0;
        std::size_t endpoints = 0;
        friend bool operator==(const Count&, const Count&) = default;
    };
    Count count(const services::ObjectKey& service) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::kube
