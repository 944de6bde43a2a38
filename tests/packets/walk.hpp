#pragma once
// Walk: what a packet's way has in common through whichever rules: which hooks it meets and when
// it is done, what it carries, and the walks over all random choices.

#include "tracer.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace nameplane::tests {

/// What a chain said.
enum class Said : std::uint8_t { nothing, accept, drop, reject };

enum class Stop : std::uint8_t { prerouting, input, forward, output, postrouting };

/// One packet on one way.
class Walk {
public:
    Walk(const std::set<IpAddress>& local, Packet packet, Choices& choices)
        : packet_{std::move(packet)}, choices_{choices}, local_{local} {}
    virtual ~Walk() = default;

    Outcome run() {
        const bool ours = packet_.from == From::node;
        Said said = stop(ours ? Stop::output : Stop::prerouting);
        const bool to_node = is_local(packet_.destination);
        if (is_open(said) && !ours) said = stop(to_node ? Stop::input : Stop::forward);
        // What the node sends to itself comes in again.
        if (ours && to_node && is_open(said)) {
            packet_.in_interface = "lo";
            said = stop(Stop::input);
        }
        if (is_open(said) && (ours || !to_node)) said = stop(Stop::postrouting);
        outcome_.probability = choices_.probability();
        if (said == Said::drop) outcome_.end = End::drop;
        if (said == Said::reject) outcome_.end = End::reject;
        return outcome_;
    }

protected:
    /// All chains that the packet meets there.
    virtual Said stop(Stop where) = 0;

    static bool is_open(Said said) { return said == Said::nothing || said == Said::accept; }
    bool is_local(const IpAddress& address) const {
        return address.is_loopback() || local_.contains(address);
    }
    Said translate(const IpAddress& address, std::uint16_t port) {
        REQUIRE(address.family() == packet_.destination.family());
        packet_.destination = address;
        packet_.port = port;
        outcome_.end = End::dnat;
        outcome_.endpoint = rules::PlanEndpoint{.address = address, .port = port}.to_string();
        return Said::accept;
    }
    Said masquerade() {
        CHECK(mark_ == 0);  // the mark is gone, or the packet would be masqueraded again
        outcome_.masqueraded = true;
        return Said::accept;
    }
    void set_mark(std::uint32_t bits, bool toggle) { mark_ = toggle ? mark_ ^ bits : mark_ | bits; }

    Packet packet_;
    Choices& choices_;
    std::uint32_t mark_ = 0;
    Outcome outcome_;

private:
    const std::set<IpAddress>& local_;
};

/// Every way of a packet: `walk(choices)` goes one.
template <class OneWay> std::vector<Outcome> all_ways(OneWay&& walk) {
    std::vector<Outcome> outcomes;
    Choices choices;
    do {
        outcomes.push_back(walk(choices));
        REQUIRE(outcomes.size() < 10'000);
    } while (choices.next_way());
    return outcomes;
}

}  // namespace nameplane::tests
