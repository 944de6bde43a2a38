#pragma once
// Rule, Chain, MapId, Element: nftables as values, between the renderer (plan to chains and
// elements), the text (`nft -f`) and the kernel (netlink). Only what our table needs.

#include "services/model.hpp"
#include <nameplane/base/ip.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nameplane::rules::nftables {

/// The name of our table in each family.
inline constexpr std::string_view table_name = "nameplane";

/// A part of a packet or its connection that keys are made of.
enum class Field : std::uint8_t {
    source,
    destination,
    protocol,
    port,      ///< destination port
    slot,      ///< a random number below Key::slots
    affinity,  ///< what Identify has put into the packet
};

/// What a set or map is asked for: up to four fields, in order.
struct Key {
    std::array<Field, 4> fields{};
    std::uint8_t size = 0;
    std::uint32_t slots = 0;  ///< with Field::slot
    friend bool operator==(const Key&, const Key&) = default;
};

/// All sets and maps of the table, in the order in which they are listed.
enum class MapId : std::uint8_t {
    cluster_ips,
    node_port_ips,
    hairpin_connections,
    service_ips,
    service_picks,
    service_local_picks,
    service_endpoints,
    service_local_endpoints,
    node_ports,
    node_port_picks,
    node_port_local_picks,
    node_port_endpoints,
    node_port_local_endpoints,
    no_endpoint_services,
    no_endpoint_node_ports,
    firewall_ips,
    firewall_allowed,
    affinity,
    affinity_local,
    affinity_services,
    affinity_node_ports,
    affinity_timeouts,
    affinity_local_endpoints,
};
inline constexpr std::size_t map_count = 23;

/// What a map gives for a key.
enum class MapData : std::uint8_t {
    none,      ///< a set
    verdict,   ///< where the packet goes on
    endpoint,  ///< address and port
    number,    ///< of a Service port with session affinity
};

struct MapInfo {
    MapId id{};
    std::string_view name;
    std::string_view comment;
    Key key;
    MapData data = MapData::none;
    bool interval = false;  ///< keys have an end, too
    bool dynamic = false;   ///< filled by packets, entries time out
};
const MapInfo& info(MapId id) noexcept;
/// All of them, in the order of MapId.
const std::array<MapInfo, map_count>& all_maps() noexcept;
/// At most this many clients a map are remembered; further ones are served without affinity.
inline constexpr std::uint32_t affinity_clients_max = 131'072;
/// How long, where nft does not read the time of a rule: up to 1.0.5 it loses it. Kubernetes'
/// default.
inline constexpr std::uint32_t affinity_timeout_default_s = 10'800;

/// The chain that chooses one of `slots` endpoints.
struct Pick {
    bool sticky = false;  ///< asks the affinity map first
    bool local = false;   ///< among endpoints of this node
    std::uint32_t slots = 0;
    friend auto operator<=>(const Pick&, const Pick&) = default;
};
/// "pick-3", "pick-local-3", "sticky-3", "sticky-local-3".
std::string chain_name(const Pick& pick);
/// "remember-10800".
std::string remember_chain_name(std::uint32_t timeout_s);

/// Where a packet goes on.
struct Verdict {
    enum class Kind : std::uint8_t { drop, return_, jump, go };
    Kind kind = Kind::drop;
    std::string chain;  ///< jump, go
    friend bool operator==(const Verdict&, const Verdict&) = default;
};
inline Verdict drop() {
    return {};
}
inline Verdict jump_to(std::string_view chain) {
    return {Verdict::Kind::jump, std::string{chain}};
}
inline Verdict go_to(std::string_view chain) {
    return {Verdict::Kind::go, std::string{chain}};
}

// Statements, in the order in which they stand in the rule.

struct AddressMatch {
    bool source = false;
    Cidr range;
    bool negated = false;
};
/// `iifname`; with `prefix` any name that begins so.
struct InterfaceMatch {
    std::string name;
    bool prefix = false;
    bool negated = false;
};
/// `ct state`; bits as the kernel has them.
struct StateMatch {
    enum State : std::uint8_t { invalid = 1, established = 2, related = 4, fresh = 8 };
    std::uint8_t states = 0;
};
/// `ct status dnat`.
struct TranslatedMatch {};
/// The bits of `mark` are all set.
struct MarkMatch {
    std::uint32_t mark = 0;
};
/// `fib saddr type local` or `fib daddr type local`.
struct LocalMatch {
    bool source = false;
};
struct InSet {
    Key key;
    MapId set{};
    bool negated = false;
};
/// Goes where the map says; on, if it has no such key.
struct VerdictMap {
    Key key;
    MapId map{};
};
/// Rewrites the destination to what the map says; on, if it has no such key.
struct DnatMap {
    Key key;
    MapId map{};
};
/// Puts the number that the map has into the packet's priority, the one field that is ours while
/// its first packet goes through DNAT; on, if it has no such key.
struct Identify {
    Key key;
    MapId map{};
};
/// Takes that number away again.
struct Unidentify {};
/// Notes in a map of affinity which endpoint the source got of the Service port in the packet.
struct Remember {
    MapId map{};
    std::uint32_t timeout_s = 0;
};
struct SetMark {
    std::uint32_t mark = 0;
    bool toggle = false;  ///< xor instead of or
};
struct Masquerade {
    bool random_fully = false;
};
/// ICMP port unreachable.
struct Reject {};

using Statement = std::variant<AddressMatch, InterfaceMatch, StateMatch, TranslatedMatch, MarkMatch,
                               LocalMatch, InSet, VerdictMap, DnatMap, Identify, Unidentify,
                               Remember, SetMark, Masquerade, Reject, Verdict>;

struct Rule {
    std::vector<Statement> statements;
    std::string comment;  ///< empty: none
};

enum class Hook : std::uint8_t { prerouting, input, forward, output, postrouting };

/// Where a chain stands in the kernel; others are only jumped to.
struct Base {
    bool nat = false;  ///< else filter
    Hook hook{};
    std::int32_t priority = 0;
    friend bool operator==(const Base&, const Base&) = default;
};

struct Chain {
    std::string name;
    std::optional<Base> base;
    std::vector<Rule> rules;
};

/// A key or an endpoint as the kernel has it: fields in network order (plain numbers in the
/// host's), each filled up to four octets.
class Octets {
public:
    static constexpr std::size_t size_max = 40;
    void add(const IpAddress& address) noexcept;
    void add(services::Protocol protocol) noexcept;
    void add_port(std::uint16_t port) noexcept;
    void add_number(std::uint32_t number) noexcept;
    const std::uint8_t* data() const noexcept { return octets_.data(); }
    std::size_t size() const noexcept { return size_; }
    friend bool operator==(const Octets&, const Octets&) = default;

private:
    std::array<std::uint8_t, size_max> octets_{};
    std::uint8_t size_ = 0;
};

/// Where an element leads: nothing for sets.
struct Target {
    enum class Kind : std::uint8_t {
        none,
        drop,
        refuse,
        external,
        external_local,
        pick,
        remember,
        endpoint,
        number,
    };
    Kind kind = Kind::none;
    Pick pick;
    std::uint32_t timeout_s = 0;
    Octets data;  ///< endpoint, number
    friend bool operator==(const Target&, const Target&) = default;
};
/// The verdict of a target that is one.
Verdict verdict_of(const Target& target);

/// One element of a set or map. The name lives in the plan that the element was made from.
struct Element {
    MapId map{};
    Octets key;
    Octets key_end;  ///< of interval sets: the last key of the range
    Target target;
    std::string_view name;       ///< "ns/web:http"
    std::string_view what = {};  ///< " cluster IP": the end of the comment
    static constexpr std::size_t comment_max = 127;
    /// name and what, cut to what nft takes.
    std::string comment() const;
};

}  // namespace nameplane::rules::nftables
