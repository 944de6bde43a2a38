#pragma once
// elements: set elements as messages, many in one, and back from what the kernel lists. By hand and
// not through libnftnl or text: there may be half a million.

#include "rules/nftables/netlink.hpp"
#include "rules/nftables/rule.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nameplane::rules::nftables {

/// Collects elements to add (or to delete) and packs those of a map together.
class ElementMessages {
public:
    ElementMessages(Family family, bool adding, std::string_view table = table_name)
        : family_{family}, adding_{adding}, table_{table} {}

    /// To delete, only the key counts; without one it is the element that catches all.
    void put(const Element& element);
    void put(MapId map, std::span<const std::uint8_t> key, std::span<const std::uint8_t> key_end);
    /// Deletes all elements of a map, after those that were put before.
    void put_all(MapId map);
    std::size_t count() const noexcept { return count_; }
    /// Hands everything over to `batch`.
    void move_to(Batch& batch);

private:
    using Octets8 = std::vector<std::uint8_t>;
    Octets8& room_in(MapId map);
    void close(MapId map);
    void write_message(MapId map, const Octets8& list);

    Family family_;
    bool adding_;
    std::string table_;
    std::size_t count_ = 0;
    std::array<Octets8, map_count> open_;  ///< the elements of one message a map
    std::vector<Octets8> done_;
};

/// A message that asks for elements of one map by their keys (an empty one is that of the element
/// that catches all), in this order; at most
/// asked_at_once_max. The kernel answers with one message each, until one is not there.
std::vector<std::uint8_t> ask_for_elements(Family family, MapId map,
                                           std::span<const Element> elements);
inline constexpr std::size_t asked_at_once_max = 512;

/// One element as the kernel lists it; valid during the call that it is given to.
struct KernelElement {
    std::span<const std::uint8_t> key;
    std::span<const std::uint8_t> key_end;
    std::span<const std::uint8_t> data;
    std::int32_t verdict = 0;
    std::string_view chain;
    std::string_view comment;
    bool has_verdict = false;
    bool catch_all = false;  ///< `*`: stands for all keys that the map does not have; has none
};

/// The elements among the attributes of a list. What cannot be understood is left out.
void read_elements(std::span<const std::uint8_t> attributes,
                   const std::function<void(const KernelElement&)>& visit);
/// The same of one message.
void read_elements(const nlmsghdr* message, const std::function<void(const KernelElement&)>& visit);

/// What tells elements apart: where they stand, and what they say there. The comment counts but
/// where several Services share an element.
struct Fingerprint {
    std::uint64_t key = 0;
    std::uint64_t value = 0;
};
Fingerprint fingerprint(const Element& element);
Fingerprint fingerprint(MapId map, const KernelElement& element);

}  // namespace nameplane::rules::nftables
