#pragma once
// Completer: what the manifests say plus what a control plane would have filled in. Holds the
// sources, and tells after each batch what differs.
//
// Filled in: cluster addresses and node ports (allocate.hpp), EndpointSlices from Pods
// (slices.hpp), and the Namespaces default, kube-system, kube-public, kube-node-lease and every one
// that some object is in. A Pod with an address, no conditions and no phase but Running counts as
// ready: that is what people write by hand.

#include "kube/allocate.hpp"
#include "kube/source.hpp"
#include "services/event.hpp"

#include <memory>
#include <string>
#include <vector>

namespace nameplane::kube {

/// Control thread only.
class Completer {
public:
    /// `memory` is what was given in an earlier run.
    Completer(AllocateOptions options, Memory memory);
    ~Completer();
    Completer(const Completer&) = delete;
    Completer& operator=(const Completer&) = delete;

    /// A new or changed object; an equal one changes nothing.
    void put(Source source);
    void remove(const ObjectId& id);

    struct Outcome {
        /// What differs from the last time; removals come first, those of slices before all.
        std::vector<services::Event> events;
        /// All conflicts there are at present: "file:line: what, expected what".
        std::vector<std::string> problems;
        /// What was chosen anew.
        std::vector<Choice> choices;
    };
    /// `forget`: Services that are not there any more give back what they held. False as long as
    /// some document cannot be read, since it might be one of theirs.
    Outcome settle(bool forget);
    const Memory& memory() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace nameplane::kube
