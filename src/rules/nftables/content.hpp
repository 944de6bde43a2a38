#pragma once
// Content: which Services' elements the table holds. Two Services may claim the same place (an
// external IP with the same port, say); a map can hold only one of them, so the one that comes
// first in the plan has it, as the first matching rule has in iptables, and the other moves up when
// it goes. Rule thread only.

#include "rules/nftables/render.hpp"
#include "rules/plan.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace nameplane::rules::nftables {

/// What packets a frontend meets.
struct Place {
    IpAddress address;
    std::uint16_t port = 0;
    services::Protocol protocol{};
    bool node_port = false;
    friend auto operator<=>(const Place&, const Place&) = default;
};
Place place_of(const Frontend& frontend);

struct PlaceHash {
    std::size_t operator()(const Place& place) const noexcept;
};

/// Who has a place. The port must live as long as it is in the content.
struct Claim {
    const PortPlan* port = nullptr;
    Frontend::Kind kind{};
    std::uint32_t number = 0;  ///< with session affinity
    friend bool operator==(const Claim&, const Claim&) = default;
};

/// How many elements need a chain.
class Usage {
public:
    void count(const Element& element, int by);
    /// Chains that are or once were in use: first those that others go to. One that no element
    /// needs any more stays until the table is compared as a whole: to bind a new chain to a map,
    /// the kernel looks at all of its elements, and what was needed once is needed again.
    std::vector<Pick> picks() const;
    Timeouts timeouts() const;

private:
    std::map<Pick, std::int64_t> picks_;
    std::map<std::uint32_t, std::int64_t> timeouts_;
};

class Content {
public:
    /// What a series of add() and remove() touched, as it was before.
    struct Changes {
        std::map<Place, std::optional<Claim>> places;
        /// Elements that several ports may want, by key: whether it was there, and who named it
        /// last.
        struct Shared {
            bool was = false;
            const PortPlan* port = nullptr;
        };
        std::map<IpAddress, Shared> cluster_ips;
        std::map<IpAddress, Shared> hairpins;
        /// Who had a number of session affinity; nobody: nullptr.
        std::map<std::uint32_t, const PortPlan*> numbers;
    };

    void clear();
    void reserve(std::size_t ports, std::size_t endpoints);
    void add(const PortPlan& port, Changes* changes = nullptr);
    void remove(const PortPlan& port, Changes* changes = nullptr);

    std::optional<Claim> winner(const Place& place) const;
    bool has_cluster_ip(const IpAddress& address) const { return cluster_ips_.contains(address); }
    bool has_hairpin(const IpAddress& address) const { return hairpins_.contains(address); }

    /// Who has the number of session affinity, or nullptr. It is made of the port's name, so that
    /// what clients are remembered for is the same after a restart; should another port have it
    /// already, the next of a row of numbers.
    const PortPlan* owner(std::uint32_t number) const;

    /// The elements of `ports` that the table holds; those that several ports want come once in a
    /// pass. Begin a pass with next_pass().
    void next_pass() { ++pass_; }
    void render(const PortPlan& port, const ElementSink& sink);

private:
    struct Reference {
        std::uint32_t count = 0;
        std::uint32_t pass = 0;
    };
    using References = std::unordered_map<IpAddress, Reference>;

    std::uint32_t take_number(const PortPlan& port);
    void claim(const Place& place, Claim claim);
    void give_up(const Place& place, Claim claim);
    void for_each_shared(
        const PortPlan& port,
        const std::function<void(References&, std::map<IpAddress, Changes::Shared> Changes::*,
                                 const IpAddress&)>& visit);

    std::unordered_map<Place, Claim, PlaceHash> winners_;
    std::map<Place, std::vector<Claim>> losers_;
    std::unordered_map<const PortPlan*, std::uint32_t> numbers_;
    std::unordered_map<std::uint32_t, const PortPlan*> owners_;
    References cluster_ips_;
    References hairpins_;
    std::uint32_t pass_ = 0;
};

/// All chains that a table of `plan` needs whose elements have such a usage.
std::vector<Chain> chains_for(const Plan& plan, const Usage& usage);

/// Every element of a plan, in the plan's order.
void for_each_element(const Plan& plan, Content& content, const ElementSink& sink);

}  // namespace nameplane::rules::nftables
